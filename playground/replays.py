"""A run as its own page shows it, live or at any earlier moment: its stage, its panels, and what may be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from playground import facts, shown
from playground.forking import form_of
from playground.found import Found
from playground.replay.reading import Reading
from playground.scenario import Scenario
from playground.scenario_errors import FieldError
from playground.tracing.address import trace_address
from sagas import journal
from sagas.models import Run

SPEEDS = (("0.5", "½"), ("1", "1"), ("2", "2"), ("4", "4"))
MAX_DIGITS = 10
FORKS_SHOWN = 5
EXPORTS = ("journal", "mermaid", "otlp", "jaeger", "pytest")
EXPORTS_DRIVEN = ("asl", "temporal", "durable")  # for drivers elsewhere: where nobody drives there is nothing to write


@dataclass(frozen=True, slots=True)
class Moment:
    """What of a run somebody wants to see. `at` None is its newest entry; `error` says what of the wish was wrong."""

    at: int | None = None
    speed: str = "1"
    error: FieldError | None = None


def reading(one: Found) -> Reading:
    """Return the empty fold of the panels."""
    return Reading(one.plan, one.definition, one.saga.pk, one.saga.order, price=facts.price_of(one.run))


def asked(one: Found, at: str | None, speed: str | None) -> Moment:
    """Return the moment that an address asks for; what it asks wrongly is left at the newest entry, at single speed."""
    head = one.run.last_seq
    if speed is not None and (wrong := wrong_speed(speed)):
        return Moment(error=wrong)
    if at is None:
        return Moment(speed=speed or "1")
    has = f"the journal has {head} entries so far" if head != 1 else "the journal has one entry so far"
    if wrong := wrong_entry(at, head, has):
        return Moment(error=wrong)
    return Moment(int(at), speed or "1")


def wrong_speed(speed: str) -> FieldError | None:
    """Return what is wrong with a speed that an address asks for."""
    return None if speed in dict(SPEEDS) else {"field": "speed", "message": f"must be one of {', '.join(dict(SPEEDS))}"}


def wrong_entry(at: str, head: int, has: str) -> FieldError | None:
    """Return what is wrong with the number of an entry; `has` says how many there are, which is `head`."""
    if number(at) < 1:
        return {"field": "at", "message": "must be the number of an entry: 1, 2, 3 …"}
    return {"field": "at", "message": f"{has}, and no entry {number(at)}"} if number(at) > head else None


def number(text: str) -> int:
    """Return a whole number of an address, -1 for what is none or has ten digits or more."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS else -1


def wish(at: int, head: int, speed: str) -> dict[str, Any]:
    """Return the variables of the moment that a page shows: entry `at` of `head`."""
    return {"at": at, "head": head, "back": at < head, "speed": speed, "speeds": SPEEDS}


def page(one: Found, moment: Moment) -> dict[str, Any]:
    """Return the variables of the page at a moment."""
    fold, read = one.fold(), reading(one)
    lines, scene = [], fold.scene()
    for entry in journal.read_all(one.run.pk):
        fold.add(entry)
        read.add(entry)
        lines.append(fold.line)
        if entry.seq == moment.at:
            scene = fold.scene()
    if moment.at is None:
        scene = fold.scene()
    head = read.seq
    scenario = Scenario.parse(one.run.scenario)
    return {
        "scene": scene,
        "journal": lines,
        "run": shown.run_facts(one.run, one.saga, after=head),
        "panels": {**read.view(scene["seq"]), "driver": scene["orch"]["title"].lower()},
        "replay": {
            **_addresses(one),
            "trace": trace_address(one.run.pk),
            **wish(scene["seq"], head, moment.speed),
            "error": moment.error,
            "origin": _origin(one.run),
            "forks": _forks(one.run),
        },
        "fork": form_of(scenario, one.definition),
        "scenario": scenario,
    }


def is_fork_of(run: Run, origin: Run) -> bool:
    """Return whether a run was forked from another one."""
    return run.forked_from_id == origin.pk


def panels(one: Found) -> dict[str, Any]:
    """Return the variables of the panels alone, at the newest entry."""
    read = reading(one)
    for entry in journal.read_all(one.run.pk):
        read.add(entry)
    title = one.fold().scene()["orch"]["title"].lower()
    return {"panels": {**read.view(read.seq), "driver": title}, "replay": _addresses(one)}


def _addresses(one: Found) -> dict[str, Any]:
    run, saga = one.run.pk, one.saga.pk
    several = urlencode({"saga": saga})
    return {
        "sagas": f"{several}&" if one.plan.orders > 1 else "",
        "panels": f"{reverse('run-panels', args=[run])}?{several}",
        "scenes": f"/api/runs/{run}/scenes",
        "fork": reverse("run-fork", args=[run]),
        "export": f"/api/runs/{run}/export?format=",
        "exports": (*EXPORTS, *(EXPORTS_DRIVEN if one.plan.mode == "orchestration" else ())),
    }


def _origin(run: Run) -> dict[str, Any] | None:
    """Return the run that this one was forked from, and where."""
    origin, at = run.forked_from_id, run.forked_at
    if not origin:
        return None
    beside = reverse("run-beside", args=[origin, run.pk])
    return {"id": origin, "at": at, "url": reverse("run", args=[origin]), "beside": beside}


def _forks(run: Run) -> list[dict[str, Any]]:
    """Return the newest runs that were forked from this one."""
    return [
        {"id": fork.pk, "at": fork.forked_at, "beside": reverse("run-beside", args=[run.pk, fork.pk])}
        for fork in run.forks.order_by("-created_at")[:FORKS_SHOWN]
    ]
