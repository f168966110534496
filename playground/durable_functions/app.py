"""The two files of an app that differ from saga to saga: its functions, and its steps with their budgets. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from playground.services.commands import of_definition, settlement_name
from sagas.budgets import compensation_retry_of, retry_of, timeout_of
from sagas.definition import Retry, SagaDefinition, Step
from sagas.plan import RunPlan

HEAD = '''"""Saga {name}, version {version}, as a Durable Functions app (Python v2 programming model).

The orchestrator calls one activity a step. Each step's undo is owed from before its call, since a call
without an answer may have worked; when a step is given up, what is owed is undone, newest first. The
lines that undo are marked with "# undo".
"""

import json

import azure.durable_functions as df
import azure.functions as func

import services
from saga import RETRY, Saga, TurnBack
from steps import SCENARIO, STEPS, TERMS

ORCHESTRATOR = "{function}"

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.orchestration_trigger(context_name="context")
def {function}(context: df.DurableOrchestrationContext):
    """One order, from its first call to its end. It is replayed, so it touches nothing but the context."""
    saga = Saga(context, STEPS, TERMS)
    try:
{calls}
    except TurnBack as turn:
        # Newest first. What is not owed is passed over: it was never called, or has definitely not happened.
{undos}
        return saga.ended("compensated", turn)
'''

SETTLES = """    # Every step has succeeded: nothing turns back any more, and locks are settled.
{settles}
"""

TAIL = '''    return saga.ended("completed")


# One activity a command. The host may call an activity twice: the key makes twice the same as once.

{activities}# For whoever starts a saga, and for whoever has to help one.


@app.route(route="sagas", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Open a world at the services and start an orchestration for each of its orders."""
    world = services.open_world(SCENARIO)
    started = []
    for order in world["orders"]:
        given = {{"order": order, "world": world["world"], "payload": world["payload"]}}
        # The instance is named by the order, so that two starts cannot drive one order.
        started.append(await client.start_new(ORCHESTRATOR, f"{{world['world']}}-{{order}}", given))
    return func.HttpResponse(json.dumps({{"started": started}}), status_code=202, mimetype="application/json")


@app.route(route="sagas/{{instance}}/retry", methods=["POST"])
@app.durable_client_input(client_name="client")
async def retry(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Go on with an order that waits for a person, once what stood in its way is mended."""
    await client.raise_event(req.route_params["instance"], RETRY, {{}})
    return func.HttpResponse(status_code=202)
'''

ACTIVITY = """
@app.activity_trigger(input_name="call")
def {function}(call: dict) -> dict:
    return services.call("{service}", "{name}", call){mark}

"""

STEPS = '''"""The steps of saga {name} with their budgets, and the scenario that they were written for."""

from __future__ import annotations

import json
from pathlib import Path

from saga import Budget, Step

SCENARIO = json.loads(Path(__file__).with_name("scenario.json").read_text(encoding="utf-8"))
TERMS = {{name: SCENARIO[name] for name in ("deadline_ms", "key_scope", "seed")}}

STEPS = (
{steps})
'''

STEP = """    Step(
        name="{name}",
        service="{service}",
        undo="{undo}",
        settlement="{settlement}",
        kind="{kind}",
        timeout_ms={timeout_ms},
        budget={budget},
        undo_budget={undo_budget},
    ),
"""


def orchestrator_name(definition: SagaDefinition) -> str:
    """Return the name of a saga's orchestrator function."""
    return f"{_identifier(definition.name)}_saga"


def function_app(definition: SagaDefinition) -> str:
    """Return `function_app.py`."""
    settles = [step for step in definition.steps if step.settlement is not None]
    names = {"name": definition.name, "version": definition.version, "function": orchestrator_name(definition)}
    return "".join(
        [
            HEAD.format(**names, calls="\n".join(_calls(definition)), undos="\n".join(_undos(definition))),
            SETTLES.format(settles="\n".join(f'    yield from saga.settle("{step.name}")' for step in settles))
            if settles
            else "",
            TAIL.format(activities="".join(_activities(definition))),
        ]
    )


def steps(plan: RunPlan, definition: SagaDefinition) -> str:
    """Return `steps.py`."""
    return STEPS.format(name=definition.name, steps="".join(_step(plan, step) for step in definition.steps))


def _calls(definition: SagaDefinition) -> Iterator[str]:
    for step in definition.steps:
        owed = f"  # undo: {step.compensation_name} is owed from here on" if step.compensation else ""
        yield f'        yield from saga.call("{step.name}"){owed}'


def _undos(definition: SagaDefinition) -> Iterator[str]:
    undoable = [step for step in reversed(definition.steps) if step.compensation is not None]
    for step in undoable:
        yield f'        yield from saga.undo("{step.name}")  # undo: {step.compensation_name}'
    if not undoable:
        yield "        pass"


def _activities(definition: SagaDefinition) -> Iterator[str]:
    undos = {step.compensation_name for step in definition.steps if step.compensation is not None}
    for command in of_definition(definition):
        mark = "  # undo" if command.name in undos else ""
        yield ACTIVITY.format(function=_identifier(command.name), service=command.service, name=command.name, mark=mark)


def _step(plan: RunPlan, step: Step) -> str:
    return STEP.format(
        name=step.name,
        service=step.service,
        undo=step.compensation_name,
        settlement=settlement_name(step),
        kind=str(step.kind),
        timeout_ms=timeout_of(step, plan),
        budget=_budget(retry_of(step, plan)),
        undo_budget=_budget(compensation_retry_of(step, plan)),
    )


def _budget(retry: Retry) -> str:
    return f"Budget({retry.max_attempts}, {retry.initial_ms}, {retry.factor}, {retry.max_ms}, jitter={retry.jitter})"


def _identifier(name: str) -> str:
    return name.replace("-", "_")
