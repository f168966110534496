"""What visitors start: runs and forks, as far as the limits of a public site let them."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

from playground import limits, worlds
from playground.scenario import FaultSpec, Scenario
from sagas.models import Run


def start(request: HttpRequest, scenario: Scenario) -> Run:
    """Return a new run of a valid scenario. Raises OverLimit."""
    (run,) = start_all(request, scenario)
    return run


def start_all(request: HttpRequest, *scenarios: Scenario) -> list[Run]:
    """Return a new run of each scenario, all of them or none. Raises OverLimit."""
    with limits.room_for(request, [scenario.orders for scenario in scenarios]) as started:
        started.extend(worlds.start(scenario) for scenario in scenarios)
    return started


def fork(request: HttpRequest, run: Run, at: int, faults: list[FaultSpec]) -> Run:
    """Return a fork of a run (`worlds.fork`). Raises OverLimit besides."""
    return _forked(request, run, lambda: worlds.fork(run, at, faults))


def fork_asked(request: HttpRequest, run: Run, at: object, faults: object) -> Run:
    """Return a fork of values that nobody has looked at yet (`worlds.fork_asked`). Raises OverLimit besides."""
    return _forked(request, run, lambda: worlds.fork_asked(run, at, faults))


def _forked(request: HttpRequest, run: Run, made: Callable[[], Run]) -> Run:
    limits.spend(request, limits.FORKS)
    with limits.room_for(request, [int(run.scenario.get("orders", 1))]) as started:
        started.append(made())
    return started[0]
