"""The scenario of a run as a project for AWS Step Functions, as a zip."""

from __future__ import annotations

from playground import step_functions
from playground.export.project import Project
from playground.export.taken import Taken, need_driver
from playground.scenario import Scenario
from sagas.definition import SagaDefinition

__all__ = ["project", "write"]


def write(taken: Taken) -> bytes:
    """Return the zip. Raises ExportRefused for a run that nobody drives, or whose services are its author's own."""
    need_driver(taken.plan.mode, taken.definition, whose=f"run {taken.run}", driver="a state machine")
    return project(Scenario.parse(dict(taken.scenario)), taken.steps).zip()


def project(scenario: Scenario, definition: SagaDefinition) -> Project:
    """Return the project of a scenario."""
    return Project(f"{definition.name}-step-functions", step_functions.files(scenario, definition))
