"""A scenario as a project for AWS Step Functions: machine, task functions, deployment, and a runner for this computer.

It knows no driver of this house, so that what runs there owes nothing to what runs here.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping

from playground.scenario import Scenario
from playground.step_functions import machine, run_locally, task, texts
from sagas import catalog
from sagas.definition import SagaDefinition

__all__ = ["files"]


def files(scenario: Scenario, definition: SagaDefinition | None = None) -> Mapping[str, str]:
    """Return the files of a scenario's project by their paths; without `definition` its saga is the newest version."""
    definition = definition or catalog.definition(scenario.saga)
    plan = scenario.plan()
    return {
        "README.md": texts.readme(plan, definition),
        "machine.asl.json": machine.write(plan, definition),
        "scenario.json": json.dumps(scenario.full(), indent=2) + "\n",
        "template.yaml": texts.template(definition),
        "requirements-local.txt": texts.REQUIREMENTS,
        "run_locally.py": inspect.getsource(run_locally),
        "functions/task.py": inspect.getsource(task),
        **{f"functions/{service}.py": texts.function(definition, service) for service in definition.services},
    }
