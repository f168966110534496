"""A saga as a state machine in Amazon States Language. Pure: the same scenario gives the same machine.

    forward    one Task a step; Retry has the scenario's budget
    the turn   Catch goes by kind: after a refusal nothing of this step stands, so the undo begins with
               the step before it; after anything else the step itself is undone first
    backward   one Task a compensation, newest first, with a budget of its own
    the ends   completed, compensated, and needs-operator, where a person has to act

Source: Amazon States Language, states-language.net/spec.html; "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from playground.services.commands import settlement_name
from sagas.budgets import compensation_retry_of, retry_of, timeout_of
from sagas.definition import Retry, SagaDefinition, Step, StepKind
from sagas.entries import Op
from sagas.plan import RunPlan

COMPLETED, COMPENSATED, NEEDS_OPERATOR = "completed", "compensated", "needs-operator"
ENDS = (COMPLETED, COMPENSATED, NEEDS_OPERATOR)
UNDO, SETTLE = "undo", "settle"  # the first word of the comment of such a state
FUNCTION = "five-ledgers-{}"  # the Lambda function of a service

REFUSALS = ["Refused", "DeadlinePassed"]
# What may help to ask again for: by the services' own word, or because nobody heard one.
TRANSIENT = [
    "Failed",
    "Unknown",
    "States.Timeout",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
]
FOR_EVER = 99_999_999  # attempts: the most that the language knows
SETTLE_FIRST_SECONDS, SETTLE_MAX_SECONDS = 1, 5

State = dict[str, Any]


def machine(plan: RunPlan, definition: SagaDefinition) -> dict[str, Any]:
    """Return the machine of a scenario. Its input is `{"order", "world", "payload"}`."""
    states: dict[str, State] = {}
    for n, step in enumerate(definition.steps):
        states[step.name] = _action(plan, definition.steps, n)
    for step in definition.steps:
        if step.settlement is not None:
            states[settlement_name(step)] = _settlement(plan, definition.steps, step)
    for n, step in reversed(list(enumerate(definition.steps))):
        if step.compensation is not None:
            states[step.compensation_name] = _undo(plan, definition.steps, n)
    return {
        "Comment": f"Saga {definition.name}, version {definition.version}: {len(definition.steps)} steps, each in a "
        "service with a database of its own. Forward until a step fails, then back, newest first.",
        "StartAt": definition.steps[0].name,
        "States": {**states, **_ends()},
    }


def write(plan: RunPlan, definition: SagaDefinition) -> str:
    """Return the machine as the file `machine.asl.json`."""
    return json.dumps(machine(plan, definition), indent=2) + "\n"


def _action(plan: RunPlan, steps: Sequence[Step], n: int) -> State:
    step = steps[n]
    following = steps[n + 1].name if n + 1 < len(steps) else _after_actions(steps)
    deadline = plan.deadline_ms if step.kind is not StepKind.RETRIABLE else None
    retry = [_line()] if plan.lock == "wait" else []
    return {
        "Comment": _ACTION_COMMENTS[step.kind].format(n + 1, len(steps)),
        **_task(plan, step, step.name, str(Op.ACTION), deadline),
        "Retry": [*retry, *_retry(retry_of(step, plan))],
        "Catch": _catch(steps, n),
        "Next": following,
    }


def _undo(plan: RunPlan, steps: Sequence[Step], n: int) -> State:
    step = steps[n]
    return {
        "Comment": f"{UNDO} {step.name}: from its key alone, and harmless where nothing was done",
        **_task(plan, step, step.compensation_name, str(Op.COMPENSATION)),
        "Retry": _retry(compensation_retry_of(step, plan)),
        "Catch": [
            {
                "Comment": "an undo that cannot be done is never taken for done",
                "ErrorEquals": ["States.ALL"],
                "ResultPath": "$.stuck",
                "Next": NEEDS_OPERATOR,
            }
        ],
        "Next": _undo_before(steps, n),
    }


def _settlement(plan: RunPlan, steps: Sequence[Step], step: Step) -> State:
    owing = [each for each in steps if each.settlement is not None]
    n = owing.index(step)
    return {
        "Comment": f"{SETTLE} {step.name}: past the point of no return; {step.service} is told until it answers",
        **_task(plan, step, settlement_name(step), "settlement", key=f"settle-{step.service}"),
        "Retry": [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": SETTLE_FIRST_SECONDS,
                "BackoffRate": 2.0,
                "MaxDelaySeconds": SETTLE_MAX_SECONDS,
                "MaxAttempts": FOR_EVER,
            }
        ],
        "Next": settlement_name(owing[n + 1]) if n + 1 < len(owing) else COMPLETED,
    }


def _task(plan: RunPlan, step: Step, command: str, op: str, deadline_ms: int | None = None, key: str = "") -> State:
    timeout_ms = timeout_of(step, plan)
    payload: dict[str, Any] = {
        "command": command,
        "op": op,
        "order.$": "$.order",
        "world.$": "$.world",
        "payload.$": "$.payload",
        "key.$": _key(plan, key or command, settles=bool(key)),
        "attempt.$": "$$.State.RetryCount",
        "timeout_ms": timeout_ms,
    }
    if deadline_ms is not None:
        payload |= {"deadline_ms": deadline_ms, "started.$": "$$.Execution.StartTime"}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": FUNCTION.format(step.service), "Payload": payload},
        "TimeoutSeconds": math.ceil(timeout_ms / 1000) + 1,
        "ResultPath": None,
    }


def _key(plan: RunPlan, name: str, *, settles: bool) -> str:
    """Return the template of a call's key: it names order and direction, never the attempt."""
    return (
        "States.Format('saga:{}', $.order)"
        if plan.key_scope == "order" and not settles
        else (f"States.Format('saga:{{}}:{name}', $.order)")
    )


def _retry(budget: Retry) -> list[State]:
    """Return the retrier of a budget. The language counts whole seconds, and at least one."""
    if budget.max_attempts == 1:
        return []
    first = max(1, math.ceil(budget.initial_ms / 1000))
    return [
        {
            "Comment": f"{budget.max_attempts} attempts in all. Waits of {budget.initial_ms} ms to {budget.max_ms} ms, "
            "in whole seconds",
            "ErrorEquals": TRANSIENT,
            "IntervalSeconds": first,
            "BackoffRate": float(budget.factor),
            "MaxDelaySeconds": max(first + 1, math.ceil(budget.max_ms / 1000)),
            "MaxAttempts": budget.max_attempts - 1,
            "JitterStrategy": "FULL" if budget.jitter else "NONE",
        }
    ]


def _line() -> State:
    """Return the retrier of a call that has a place in the line for a lock: it costs no attempt of the budget."""
    return {
        "Comment": "in line for a lock: nothing pushes a machine, so it asks again",
        "ErrorEquals": ["Queued"],
        "IntervalSeconds": 1,
        "BackoffRate": 1.0,
        "MaxAttempts": FOR_EVER,
    }


def _catch(steps: Sequence[Step], n: int) -> list[State]:
    step = steps[n]
    refused = {
        "Comment": "refused: nothing of this step stands, so the undo begins with the step before it",
        "ErrorEquals": REFUSALS,
        "ResultPath": "$.cause",
        "Next": _undo_before(steps, n),
    }
    if step.kind is StepKind.COMPENSATABLE:
        doubt = "anything else: what may have been done is undone as well"
        return [refused, _otherwise(doubt, "$.cause", step.compensation_name)]
    if step.kind is StepKind.PIVOT:
        doubt = "nobody knows whether the point of no return was passed: neither on nor back"
        return [refused, _otherwise(doubt, "$.stuck", NEEDS_OPERATOR)]
    return [_otherwise("past the point of no return there is only forward", "$.stuck", NEEDS_OPERATOR)]


def _otherwise(comment: str, path: str, following: str) -> State:
    return {"Comment": comment, "ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": following}


def _undo_before(steps: Sequence[Step], n: int) -> str:
    """Return the state that undoes the newest step before step `n`."""
    return next((step.compensation_name for step in reversed(steps[:n]) if step.compensation is not None), COMPENSATED)


def _after_actions(steps: Sequence[Step]) -> str:
    return next((settlement_name(step) for step in steps if step.settlement is not None), COMPLETED)


def _ends() -> Mapping[str, State]:
    return {
        COMPLETED: {"Comment": "every step took effect, and every lock is off", "Type": "Succeed"},
        COMPENSATED: {"Comment": "what was done is undone; `cause` says why", "Type": "Succeed"},
        NEEDS_OPERATOR: {
            "Comment": "a person has to act; locks stay as they are until then",
            "Type": "Fail",
            "Error": "NeedsOperator",
            "Cause": "What is left can be neither done nor undone by itself. The input of this state says why, in `stuck`.",
        },
    }


_ACTION_COMMENTS: Mapping[StepKind, str] = {
    StepKind.COMPENSATABLE: "step {} of {}",
    StepKind.PIVOT: "step {} of {}, the point of no return",
    StepKind.RETRIABLE: "step {} of {}, past the point of no return",
}
