"""What comes next where nobody guards an order: five calls in a row, and no way back. Pure.

There is no second attempt and no compensation. The first call that is not done ends the
order where it stands, and whatever was done before it stays done.
"""

from __future__ import annotations

from sagas.decider import Append, Moves, Rest, decide
from sagas.definition import SagaDefinition, Step
from sagas.entries import Entry, Kind, Op
from sagas.state import AT_REST, SagaState


def decide_unguarded(definition: SagaDefinition, state: SagaState, now: int) -> Moves:
    """Return what comes next, as `sagas.decider.decide` does; where that would retry or turn back, give up."""
    if state.phase in AT_REST:
        return (Rest(),)
    step = next((s for s in definition.steps if not state.step(s.name).action.ok), None)
    if step is None or state.settling:
        return decide(definition, state, now)
    calls = state.step(step.name).action
    if calls.open:
        return ()
    if calls.failures:
        return (Append(abandoned(state, step, "unknown" if calls.unknown else "failed", calls.reason)),)
    if state.cancelled:
        return (Append(abandoned(state, step, "cancelled", "an operator cancelled the order")),)
    if state.deadline_at is not None and now >= state.deadline_at:
        return (Append(abandoned(state, step, "deadline", "the order's deadline has passed")),)
    return decide(definition, state, now)


def left_waiting(definition: SagaDefinition, state: SagaState) -> Entry:
    """Return the end of an order that waits in line for a record which nobody gives back any more."""
    step = next(s for s in definition.steps if not state.step(s.name).action.ok)
    return abandoned(state, step, "unknown", "it waits for a record that nobody gives back")


def abandoned(state: SagaState, step: Step, outcome: str, reason: str) -> Entry:
    """Return the end of an order at this step, with the cause that a compensation would have had."""
    cause = {"step": step.name, "op": str(Op.ACTION), "outcome": outcome, "reason": reason}
    return Entry(kind=Kind.SAGA_ABANDONED, saga=state.saga, order=state.order, step=step.name, detail={"cause": cause})
