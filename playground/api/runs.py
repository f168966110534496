"""Runs over HTTP: start one, look at it, read its journal or its scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import P, Query, QueryEx, Router
from ninja.decorators import decorate_view

from playground import facts, limits, visits
from playground.api.answers import HEADER, once
from playground.api.shapes import JournalPage, Made, Problems, RunShape, ScenesPage
from playground.api.wire import View, from_our_pages, json_of, json_only, reply
from playground.reads import counted
from playground.scenario import Scenario, refuse_unbuilt
from playground.scene import Fold
from sagas import catalog, journal
from sagas.entries import Entry
from sagas.errors import RunUnknown
from sagas.models import Run, Saga, Step
from sagas.plan import plan_from_json

PAGE_ENTRIES = 1000
PAGE_FRAMES = 500

After = QueryEx[int, P(ge=0, le=2**31 - 1)]
Limit = QueryEx[int, P(ge=1, le=PAGE_FRAMES)]

router = Router(tags=["runs"])

KEY_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key with the same request gives the same answer, byte for byte, and nothing twice.",
}


def _once(view: View) -> View:
    def keyed(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return once(request, lambda: _counted(request, **kwargs))

    def _counted(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        limits.spend(request, limits.ASKS)
        return view(request, **kwargs)

    return keyed


def post_guards() -> Callable[[View], View]:
    """Return the decorator of every POST: our own pages, JSON alone, one answer per key."""
    guards: Callable[[View], View] = decorate_view(_once, json_only, from_our_pages)
    return guards


@router.post(
    "/runs",
    response={201: Made, 403: Problems, 409: Problems, 413: Problems, 415: Problems, 422: Problems, 429: Problems},
    summary="Start a run of a scenario",
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        "requestBody": {"content": {"application/json": {"schema": Scenario.model_json_schema()}}, "required": True},
    },
)
@post_guards()
def start(request: HttpRequest) -> HttpResponse:
    """Every key of a scenario is optional. What is wrong with it is said field by field."""
    scenario = Scenario.parse(json_of(request))
    refuse_unbuilt(scenario)
    return made(request, visits.start(request, scenario))


def made(request: HttpRequest, run: Run) -> HttpResponse:
    """Return the answer for a run that was just made, with all its addresses."""
    page = _url(request, run.pk)
    socket = ("wss" if request.is_secure() else "ws") + f"://{request.get_host()}/ws/runs/{run.pk}/scenes"
    addresses = {
        "id": run.pk,
        "url": page,
        "journal_url": request.build_absolute_uri(f"/api/runs/{run.pk}/journal"),
        "socket_url": socket,
    }
    response = reply(addresses, 201)
    response.headers["Location"] = page
    return response


@router.get("/runs/{slug:id}", response={200: RunShape, 404: Problems}, summary="A run, its services and its facts")
@decorate_view(from_our_pages)
def show(request: HttpRequest, id: str) -> HttpResponse:
    """`facts` come from the services' own databases and never from the journal."""
    run = find_run(id)
    books = facts.read(run)
    return reply(
        {
            "id": run.pk,
            "url": _url(request, run.pk),
            "state": run.state,
            "scenario": run.scenario,
            "sagas": [_saga(saga) for saga in run.sagas.order_by("index").prefetch_related("steps")],
            "services": books.services(),
            "facts": books.facts(facts.price_of(run), at_rest=run.state == Run.State.FINISHED),
        }
    )


@router.get("/runs/{slug:id}/journal", response={200: JournalPage, 404: Problems}, summary="The journal of a run")
@decorate_view(from_our_pages)
def read_journal(request: HttpRequest, id: str, after: After = 0) -> HttpResponse:
    """At most 1000 entries after `after`; an empty list after the last one."""
    run = find_run(id)
    entries = journal.read(run.pk, after, PAGE_ENTRIES)
    return reply({"entries": [entry.to_json() for entry in entries], "finished": _is_end(run, entries, after)})


@router.get(
    "/runs/{slug:id}/scenes",
    response={200: ScenesPage, 404: Problems, 429: Problems},
    summary="The scenes of a run",
)
@decorate_view(counted, from_our_pages)
def read_scenes(
    request: HttpRequest, id: str, after: After = 0, saga: Query[str] = "", limit: Limit = PAGE_FRAMES
) -> HttpResponse:
    """At most `limit` frames after `after`: each entry with the scene after it, seen from one saga (the first)."""
    run = find_run(id)
    focus = saga or f"{run.pk}-1"
    if not focus.startswith(run.pk) or not focus.isprintable() or not Saga.objects.filter(pk=focus, run=run).exists():
        raise RunUnknown("saga", focus)
    fold = Fold(plan_from_json(run.scenario), catalog.definition(run.definition, run.version), focus)
    frames: list[dict[str, Any]] = []
    entries = journal.read(run.pk, limit=after + limit)
    for entry in entries:
        fold.add(entry)
        if entry.seq > after:
            frames.append({"entry": entry.to_json(), "scene": fold.scene()})
    return reply({"frames": frames, "finished": _is_end(run, entries[after:], after)})


def find_run(run_id: str) -> Run:
    """Return a run. Raises RunUnknown."""
    run = Run.objects.filter(pk=run_id, pruning=False).first()
    if run is None:
        raise RunUnknown("run", run_id)
    return run


def _is_end(run: Run, entries: Sequence[Entry], after: int) -> bool:
    """Return whether nothing comes after this page, unless a person acts."""
    last = entries[-1].seq if entries else after
    return run.state == Run.State.FINISHED and last >= run.last_seq


def _url(request: HttpRequest, run_id: str) -> str:
    return request.build_absolute_uri(f"/runs/{run_id}/")


def _saga(saga: Saga) -> dict[str, Any]:
    steps = sorted(saga.steps.all(), key=lambda step: step.index)
    return {
        "id": saga.pk,
        "order": saga.order,
        "state": saga.state,
        "cause": saga.cause,
        "steps": [_step(step) for step in steps],
    }


def _step(step: Step) -> dict[str, Any]:
    compensation = {
        "name": step.compensation_name,
        "state": step.compensation_state,
        "attempts": step.compensation_attempts,
    }
    return {
        "name": step.name,
        "service": step.service,
        "state": step.state,
        "attempts": step.attempts,
        "key": step.key,
        "compensation": compensation if step.compensation_name else None,
    }
