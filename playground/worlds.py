"""A scenario becomes a run: its world is seeded and its sagas wait for a worker."""

from __future__ import annotations

from playground.scenario import Scenario
from sagas.models import Run
from sagas.runs import create_run


def start(scenario: Scenario) -> Run:
    """Return a new run of a valid scenario, in a world of its own."""
    return create_run(scenario.full())
