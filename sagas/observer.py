"""What an onlooker makes of a choreographed order: a fold of what its services reported. Pure.

Where nobody drives, nobody believes anything about an order as a whole. A page still wants to
say how it stands, so this fold takes the service lane for belief. It is a view: no service
and no relay may act on it, or there would be an orchestrator after all.
"""

from __future__ import annotations

from dataclasses import replace

from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane
from sagas.state import Phase, SagaState, evolve

_TOLD = (
    Kind.ATTEMPT_STARTED,
    Kind.ATTEMPT_SUCCEEDED,
    Kind.ATTEMPT_FAILED,
    Kind.ATTEMPT_UNKNOWN,
    Kind.RETRY_SCHEDULED,
    Kind.LOCK_DENIED,
)


def witness(state: SagaState, entry: Entry) -> SagaState:
    """Return the state after `entry`, of whatever lane."""
    told = entry.lane is Lane.SERVICE and entry.kind in _TOLD
    state = evolve(state, replace(entry, lane=Lane.OBSERVER) if told else entry)
    if entry.kind is Kind.EVENT_HANDLED and entry.op is None and entry.detail["verdict"] == "ok":
        state = _with_step(state, entry.step, settled=True)
    if entry.kind is Kind.EVENT_PUBLISHED and entry.detail.get("because") and state.cause is None:
        state = replace(state, cause=entry.detail["because"], phase=Phase.COMPENSATING)
    return state if state.cause is None else _owing(state)


def verdict(definition: SagaDefinition, state: SagaState) -> Kind:
    """Return how an order ended of which nothing is under way any more."""
    steps = [state.step(step.name) for step in definition.steps]
    settled = [state.step(step.name).settled for step in definition.steps if step.settlement]
    undone = [step.compensation.ok for step in steps]
    if all(step.action.ok for step in steps) and all(settled) and not any(undone):
        return Kind.SAGA_COMPLETED
    clean = all(step.compensation.ok for step in steps if step.action.may_have_taken_effect)
    turned = state.cause is not None
    return Kind.SAGA_COMPENSATED if turned and clean and not any(settled) else Kind.SAGA_LOST


def standing(definition: SagaDefinition, state: SagaState) -> list[str]:
    """Return the steps that may have taken effect and are not known to be undone."""
    steps = ((step.name, state.step(step.name)) for step in definition.steps)
    return [name for name, step in steps if step.action.may_have_taken_effect and not step.compensation.ok]


def first_undone(definition: SagaDefinition, state: SagaState) -> str:
    """Return the step that an order has not got past, or ""."""
    return next((step.name for step in definition.steps if not state.step(step.name).action.ok), "")


def _owing(state: SagaState) -> SagaState:
    """Once one service has said no, whatever may have taken effect has to be undone."""
    for name, step in state.steps.items():
        if step.action.may_have_taken_effect and not step.owed:
            state = _with_step(state, name, owed=True)
    return state


def _with_step(state: SagaState, name: str, **changes: bool) -> SagaState:
    changed = replace(state.step(name), **changes)  # type: ignore[arg-type]
    return replace(state, steps={**state.steps, name: changed})
