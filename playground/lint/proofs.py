"""For each rule a scenario in which it goes wrong: the settings that the finding is about, and what happens to them. Pure.

All other settings are at their defaults, so that what goes wrong is the finding's doing and no
other one's. A declaration that no scenario can run has an example in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from playground.scenario import Scenario
from sagas import catalog
from sagas.definition import SagaDefinition, StepKind
from sagas.lint import Finding

Value = dict[str, Any]
Maker = Callable[[Scenario, SagaDefinition, str], Value]

PATIENT_MS = 60_000  # a timeout beyond every latency
UNDO_LEFT_OUT = "mode=none&fault=notify-warehouse:decline"
PAST_RETURN = "saga=trip&fault=send-ticket:error"

EXAMPLES: Mapping[str, str] = {
    "missing-compensation": UNDO_LEFT_OUT,
    "late-compensation": UNDO_LEFT_OUT,
    "retriable-before-pivot": UNDO_LEFT_OUT,
    "compensatable-after-pivot": PAST_RETURN,
    "second-pivot": PAST_RETURN,
    "idle-compensation": PAST_RETURN,
    "retriable-gives-up": PAST_RETURN,
    "shared-name": "fault=book-delivery:decline&key_scope=order",
    "pivot-at-the-end": "saga=trip&fault=charge-card:timeout",
    "tried-once": "fault=charge-payment:error:1&retry=1,200,2",
    "compensation-tried-once": "fault=book-delivery:decline&fault=charge-payment.compensation:error:1&compensation_retry=1,200,2",
    "compensation-gives-up-first": "fault=book-delivery:decline&fault=charge-payment.compensation:error",
    "acts-twice": "fault=charge-payment:lost-reply:1&idempotency=off",
    "compensation-leaves-something": "fault=book-delivery:decline&key_scope=order",
    "compensation-acts-twice": "fault=book-delivery:decline&fault=charge-payment.compensation:lost-reply:1&idempotency=off",
}


def proof(finding: Finding, scenario: Scenario) -> Scenario | None:
    """Return the scenario in which a finding about this scenario goes wrong; None where there is only an example."""
    make = PROOFS.get(finding.rule)
    if make is None:
        return None
    value = make(scenario, catalog.definition(scenario.saga), finding.step)
    return Scenario.parse({"saga": scenario.saga, "mode": scenario.mode, **value})


def paying_step(definition: SagaDefinition) -> str:
    """Return the step that takes money, the first one where none does."""
    return next((s.name for s in definition.steps if s.service == "payments"), definition.steps[0].name)


def sharing_steps(definition: SagaDefinition) -> tuple[str, str] | None:
    """Return an action and its undo, which one service would keep under one key; one about money rather than another."""
    undoable = [step for step in definition.steps if step.compensation is not None]
    undoable.sort(key=lambda step: step.service != "payments")
    return next(((step.name, step.compensation_name) for step in undoable), None)


def _keep(*keys: str, **more: Any) -> Maker:
    """Return a maker that keeps these settings of the scenario and adds others."""

    def make(scenario: Scenario, definition: SagaDefinition, step: str) -> Value:
        full = scenario.full()
        return {**{key: full[key] for key in keys}, **more}

    return make


def _with(maker: Maker, *faults: Callable[[SagaDefinition, str], Value]) -> Maker:
    def make(scenario: Scenario, definition: SagaDefinition, step: str) -> Value:
        return {**maker(scenario, definition, step), "faults": [fault(definition, step) for fault in faults]}

    return make


def _on_step(kind: str, times: int | None = None) -> Callable[[SagaDefinition, str], Value]:
    return lambda definition, step: {"step": step, "kind": kind, "times": times}


def _on_undo(kind: str, times: int | None = None) -> Callable[[SagaDefinition, str], Value]:
    return lambda definition, step: {"step": step, "on": "compensation", "kind": kind, "times": times}


def _at_the_end(definition: SagaDefinition, step: str) -> Value:
    """Return a refusal at the last step that may refuse with all before it undone."""
    turning = [each for each in definition.steps if each.kind is not StepKind.RETRIABLE]
    return {"step": (turning or definition.steps)[-1].name, "kind": "decline"}


def _second_event(definition: SagaDefinition, step: str) -> Value:
    return {"step": definition.steps[:2][-1].name, "kind": "drop-event"}


PROOFS: Mapping[str, Maker] = {
    "no-saga": _with(_keep(), _at_the_end),
    "keys-off": _with(_keep("idempotency"), _on_step("duplicate", 1)),
    "key-without-step": _with(_keep("key_scope"), _at_the_end),
    "unlocked-race": _keep("orders", "stock", "lock"),
    "wait-without-end": _with(_keep("orders", "stock", "lock"), _on_undo("error"), _at_the_end),
    "nobody-watches": _with(_keep(), _second_event),
    "impatient-watcher": _keep("latency_ms", "watcher_ms", timeout_ms=PATIENT_MS),
    "unheeded-deadline": _keep(deadline_ms=1),
    "timeout-below-latency": _keep("latency_ms", "timeout_ms"),
    "deadline-too-short": _keep("latency_ms", "deadline_ms", timeout_ms=PATIENT_MS),
    "tries-beyond-deadline": _with(_keep("latency_ms", "timeout_ms", "deadline_ms", "retry"), _on_step("timeout")),
    "compensation-tried-once": _with(_keep("compensation_retry"), _on_step("lost-reply"), _on_undo("error", 1)),
    "compensation-gives-up-first": _with(
        _keep("retry", "compensation_retry"), _on_step("lost-reply"), _on_undo("error")
    ),
    "tried-once": _with(_keep("retry"), _on_step("error", 1)),
    "retriable-gives-up": _with(_keep("retry"), _on_step("error")),
}
