"""A scenario as a Durable Functions app: orchestrator, activities, what they call, and a runner for this computer.

It knows no driver of this house, so that what runs there owes nothing to what runs here.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping

from playground.durable_functions import app, run_locally, saga, services, texts
from playground.scenario import Scenario
from sagas import catalog
from sagas.definition import SagaDefinition

__all__ = ["files"]


def files(scenario: Scenario, definition: SagaDefinition | None = None) -> Mapping[str, str]:
    """Return the files of a scenario's app by their paths; without `definition` its saga is the newest version."""
    definition = definition or catalog.definition(scenario.saga)
    plan = scenario.plan()
    return {
        "README.md": texts.readme(definition),
        "function_app.py": app.function_app(definition),
        "steps.py": app.steps(plan, definition),
        "saga.py": inspect.getsource(saga),
        "services.py": inspect.getsource(services),
        "scenario.json": json.dumps(scenario.full(), indent=2) + "\n",
        "host.json": texts.HOST,
        "local.settings.json": texts.LOCAL_SETTINGS,
        "requirements.txt": texts.REQUIREMENTS,
        "run_locally.py": inspect.getsource(run_locally),
    }
