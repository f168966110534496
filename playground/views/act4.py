"""Act 4, one lamp and two buyers: the race, the reader as its scheduler, and the map of all orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from playground import limits, shown
from playground.acts import act4, races
from playground.acts.shelf import shelf_of
from playground.scenario import Scenario
from playground.scene import Fold
from playground.typing import Request
from playground.views.one_run import OneRun
from sagas import catalog
from sagas.errors import RunUnknown
from sagas.models import Run


def _more(run_id: str) -> Mapping[str, Any]:
    """Return the second buyer, the shelf, and what the page offers to race."""
    more: dict[str, Any] = {"shelf": shelf_of(run_id), "shelf_run": run_id, "lock_moves": _lock_moves()}
    try:
        ben = shown.run_shown(run_id, f"{run_id}-2").context()
    except RunUnknown:
        return {**more, "ben": {"scene": _idle_second()}}
    return {**more, "ben": ben, "chosen": act4.choice_of(Scenario.parse(Run.objects.get(pk=run_id).scenario))}


def _idle_second() -> dict[str, Any]:
    scenario = act4.ACT.scenario({})
    return Fold(scenario.plan(), catalog.definition(scenario.saga), "idle-2").scene()


def _lock_moves() -> list[tuple[str, str]]:
    return [(lock, "|".join(races.names_of(lock))) for lock in act4.LOCKS]


page = OneRun(act4, "acts/4.html", fragment="acts/_4_live.html", more=_more).view()


@require_GET
def shelf(request: Request, run_id: str) -> HttpResponse:
    """Return the shelf of a run, read from the services now."""
    if not Run.objects.filter(pk=run_id).exists():
        raise Http404(f"no run {run_id!r}")
    return render(request, "acts/_4_shelf_read.html", {"shelf": shelf_of(run_id)})


@require_GET
def race(request: Request, lock: str, first: int) -> HttpResponse:
    """Return some of the two hundred races, and where the next ones are."""
    if lock not in act4.LOCKS or not 1 <= first <= races.RACES:
        raise Http404("no such race")
    limits.spend(request, limits.TRIALS)
    following = first + races.AT_ONCE
    context = {"squares": races.squares(lock, first), "lock": lock, "first": first}
    context["following"] = following if following <= races.RACES else 0
    return render(request, "acts/_4_squares.html" if request.htmx else "acts/4_race.html", context)


@require_GET
def orders(request: Request, lock: str) -> HttpResponse:
    """Return the map of every order of the moves that reserve the lamp."""
    if lock not in act4.LOCKS:
        raise Http404("no such lock")
    limits.spend(request, limits.TRIALS)
    context = {"cells": races.cells(lock), "lock": lock}
    return render(request, "acts/_4_cells.html" if request.htmx else "acts/4_map.html", context)
