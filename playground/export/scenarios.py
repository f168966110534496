"""A scenario to take away before anything ran: the same projects as of a run, for each platform that drives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from playground.export import asl, durable, temporal
from playground.export.project import Project
from playground.export.taken import ExportRefused, need_driver
from playground.platforms import DURABLE_FUNCTIONS, STEP_FUNCTIONS, TEMPORAL
from playground.scenario import Scenario
from sagas import catalog

__all__ = ["WAYS", "ExportRefused", "Way", "project"]


@dataclass(frozen=True, slots=True)
class Way:
    """One platform. `main` is the file to read first, `note` what to see in it."""

    name: str
    main: str
    note: str
    write: Callable[[Scenario], Project]


WAYS: Mapping[str, Way] = {  # under the names that the formats of a run have
    "asl": Way(
        STEP_FUNCTIONS,
        "machine.asl.json",
        "Each undo is a state with a Retry of its own. A Catch leads there, and it goes by the kind of error: "
        "after a refusal one undo fewer is owed than after a silence.",
        lambda scenario: asl.project(scenario, catalog.definition(scenario.saga)),
    ),
    "temporal": Way(
        TEMPORAL,
        "workflow.py",
        "The way back is a loop in plain code. Temporal repeats no attempt by itself here, so the workflow hears "
        "of every silence and remembers it.",
        lambda scenario: temporal.project(scenario, catalog.definition(scenario.saga)),
    ),
    "durable": Way(
        DURABLE_FUNCTIONS,
        "function_app.py",
        "Each undo is owed from the line that makes the call, before anybody knows what came of it. "
        "The function is replayed from its history, so nothing else may decide.",
        lambda scenario: durable.project(scenario, catalog.definition(scenario.saga)),
    ),
}


def project(name: str, scenario: Scenario) -> Project:
    """Return the project for a platform of WAYS. Raises ExportRefused where there is nothing that it could drive."""
    need_driver(scenario.mode, scenario.saga, whose="this scenario", driver="each of these platforms")
    return WAYS[name].write(scenario)
