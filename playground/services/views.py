"""The door itself: one address per command, and the worlds that drivers elsewhere open."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from playground.api.answers import REPLAYED, once
from playground.api.wire import View, json_of, json_only, problem, reply
from playground.scenario import Scenario, ScenarioInvalid
from playground.services import asked, faulty, worlds
from playground.services.commands import COMMANDS
from playground.services.faulty import NoAnswer
from sagas.services.calls import Answer, Verdict, canonical


def _door(method: str, *guards: Callable[[View], View]) -> Callable[[View], View]:
    """Return the decorator of every view here: the token first, then the method, then what the body is."""

    def around(view: View) -> View:
        inner = view
        for guard in guards:
            inner = guard(inner)

        @functools.wraps(view)
        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            stopped = asked.stopped(request)
            if stopped is not None:
                return stopped
            if request.method != method:
                refusal = problem(405, "method", f"must be {method}")
                refusal.headers["Allow"] = method
                return refusal
            try:
                return inner(request, **kwargs)
            except asked.Refusal as refused:
                return reply({"errors": refused.errors}, refused.status)
            except ScenarioInvalid as error:
                return reply({"errors": error.errors}, 422)

        return csrf_exempt(guarded)  # no cookie is an authority here

    return around


@_door("POST", json_only)
def command(request: HttpRequest, service: str, name: str) -> HttpResponse:
    """Does one command of one service, once per key."""
    found = COMMANDS.get((service, name))
    if found is None:
        names = [known for at, known in COMMANDS if at == service]
        raise asked.Refusal(404, ("command", f"{service} knows {', '.join(names)}" if names else "no such service"))
    call = asked.read(request, found)
    heard = faulty.deliver(call.world, found, faulty.call_of(call.world, found, call.order, call.key, call.body))
    return unheard(heard) if isinstance(heard, NoAnswer) else said(heard)


@_door("POST", json_only)
def open_world(request: HttpRequest) -> HttpResponse:
    """Opens a world for a driver elsewhere, furnished for the scenario in the body."""

    def opened() -> HttpResponse:
        world = worlds.open_world(Scenario.parse(json_of(request) if request.body.strip() else {}))
        response = reply(worlds.shape(world), 201)
        response.headers["Location"] = request.build_absolute_uri(f"/services/worlds/{world.id}")
        return response

    return once(request, opened)


@_door("GET")
def show_world(request: HttpRequest, world_id: str) -> HttpResponse:
    """What the services have on file of a world."""
    world = _world(world_id)
    return reply({**worlds.shape(world), "books": worlds.books(world)})


@_door("POST", json_only)
def close_world(request: HttpRequest, world_id: str) -> HttpResponse:
    """The saga has ended: what is still on its way arrives."""
    return reply({"arrived": faulty.close(_world(world_id))})


def said(answer: Answer) -> HttpResponse:
    """Return a service's answer as its status and a body that says what; the same answer has the same bytes."""
    value: dict[str, Any] = {"verdict": str(answer.verdict)}
    if answer.verdict is Verdict.OK:
        body = b'{"answer":' + answer.body + b',"verdict":"ok"}'
    else:
        facts = {"reason": answer.reason, "record": answer.record, "owner": answer.owner}
        value |= {name: fact for name, fact in facts.items() if fact}
        if answer.verdict in (Verdict.REFUSED, Verdict.FENCED):
            value["whole_key"] = answer.whole_key or answer.verdict is Verdict.FENCED
        body = canonical(value)
    response = HttpResponse(body, status=answer.status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return response


def unheard(heard: NoAnswer) -> HttpResponse:
    """Return what stands in the place of a service that was not heard."""
    return reply({"verdict": "failed" if heard.is_definite else "unknown", "reason": heard.reason}, heard.status)


def _world(world_id: str) -> worlds.World:
    world = worlds.find(world_id)
    if world is None:
        raise asked.Refusal(404, ("world", f"no world {world_id!r}"))
    return world
