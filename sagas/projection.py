"""The last state of a saga as rows: what `Saga` and `Step` keep. Pure.

The words are those of the outside (INTERFACE: States); a row is never read back by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sagas.definition import SagaDefinition, Step
from sagas.entries import Op
from sagas.state import AT_REST, Calls, Phase, SagaState, StepState, Stuck

UNGUARDED_ENDS = (Phase.ABANDONED, Phase.LOST)  # nobody undoes, and nobody waits for anything


class StepRow(NamedTuple):
    """One step of one saga, both directions."""

    state: str
    attempts: int
    compensation_state: str
    compensation_attempts: int


class SagaRow(NamedTuple):
    """One saga and some of its steps, each with its index in the definition. `moved`: its own columns are news."""

    saga: str
    state: str
    cause: Mapping[str, Any] | None
    steps: tuple[tuple[int, StepRow], ...]
    moved: bool = True


def project(definition: SagaDefinition, state: SagaState) -> SagaRow:
    """Return the rows of a saga in this state."""
    return SagaRow(
        saga=state.saga,
        state=str(state.phase),
        cause=state.cause,
        steps=tuple((n, _step_row(state, step)) for n, step in enumerate(definition.steps)),
    )


def changed(definition: SagaDefinition, before: SagaState, after: SagaState) -> SagaRow | None:
    """Return the rows that are not what they were in the state `before`, or None where none is."""
    rows = tuple(
        (n, row)
        for n, step in _touched(definition, before, after)
        if (row := _step_row(after, step)) != _step_row(before, step)
    )
    moved = before.phase is not after.phase or before.cause != after.cause
    if not rows and not moved:
        return None
    return SagaRow(saga=after.saga, state=after.phase.value, cause=after.cause, steps=rows, moved=moved)


def _touched(definition: SagaDefinition, before: SagaState, after: SagaState) -> Iterable[tuple[int, Step]]:
    """Return the steps whose words may be others now, each with its index."""
    steps = enumerate(definition.steps)
    if _light(before) != _light(after):
        return steps
    return [(n, step) for n, step in steps if before.steps.get(step.name) is not after.steps.get(step.name)]


def _light(state: SagaState) -> tuple[bool, Phase | None, Stuck | None]:
    """Return all of a saga that the words for a step depend on, beside the step's own state."""
    return state.cause is None, state.phase if state.phase in AT_REST else None, state.stuck


def _step_row(state: SagaState, step: Step) -> StepRow:
    own = state.step(step.name)
    there, back = own.action, own.compensation
    back_word = _back(state, step, own)
    word = back_word if back.attempts else _there(state, step, there)
    return StepRow(
        state=word, attempts=there.attempts, compensation_state=back_word, compensation_attempts=back.attempts
    )


def _there(state: SagaState, step: Step, calls: Calls) -> str:
    if calls.ok:
        return "done"
    if _is_stuck(state, step, Op.ACTION):
        return "stuck"
    if calls.open or (calls.parked and state.phase not in UNGUARDED_ENDS):
        return "running"
    if calls.attempts:
        return "unknown" if calls.unknown or calls.queued else "failed"
    return "skipped" if state.cause is not None or state.phase in AT_REST else "idle"


def _back(state: SagaState, step: Step, own: StepState) -> str:
    calls = own.compensation
    if calls.ok:
        return "compensated"
    if _is_stuck(state, step, Op.COMPENSATION):
        return "stuck"
    if calls.attempts and state.phase is Phase.LOST:
        return "unknown" if calls.unknown else "failed"
    if calls.attempts:
        return "compensating"
    if state.phase in UNGUARDED_ENDS:
        return "skipped"
    turned = state.cause is not None or state.phase is Phase.COMPLETED
    return "skipped" if turned and not own.owed else "idle"


def _is_stuck(state: SagaState, step: Step, op: Op) -> bool:
    return state.stuck is not None and state.stuck.step == step.name and state.stuck.op is op
