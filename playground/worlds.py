"""A scenario becomes a run: its world is seeded and its sagas wait for a worker."""

from __future__ import annotations

from collections.abc import Sequence

from playground.scenario import FaultSpec, Scenario, ScenarioInvalid, refuse_unbuilt
from playground.scenario_errors import FieldError
from playground.tracing.web import about_run
from sagas.errors import PlanInvalid
from sagas.forks import fork_run
from sagas.models import Run
from sagas.runs import create_run


def start(scenario: Scenario) -> Run:
    """Return a new run of a valid scenario, in a world of its own."""
    run = create_run(scenario.full())
    about_run(run.pk)
    return run


def fork(run: Run, at: int, faults: Sequence[FaultSpec]) -> Run:
    """Return a new run with the entries 1 … `at` of another one, its scenario and these faults from there on.

    Raises ScenarioInvalid, which names every field that is wrong, and WorldNotRebuilt.
    """
    return fork_asked(run, at, [fault.model_dump(mode="json") for fault in faults])


def fork_asked(run: Run, at: object, faults: object) -> Run:
    """Return `fork` of values that nobody has looked at yet; `faults` None are the run's own."""
    errors: list[FieldError] = []
    if type(at) is not int or not 1 <= at <= run.last_seq:
        errors.append({"field": "at", "message": f"must be a whole number from 1 to {run.last_seq}"})
    given = run.scenario.get("faults", []) if faults is None else faults
    scenario = None
    try:
        scenario = Scenario.parse({**run.scenario, "faults": given})
        refuse_unbuilt(scenario)
    except ScenarioInvalid as error:
        errors += error.errors
    if errors or scenario is None or type(at) is not int:
        raise ScenarioInvalid(errors, {"at": at, "faults": given})
    try:
        forked = fork_run(run, at, scenario.full())
    except PlanInvalid as error:
        raise ScenarioInvalid([{"field": error.field, "message": error.reason}]) from None
    about_run(forked.pk)
    return forked
