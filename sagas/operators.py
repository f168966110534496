"""What people may ask of a run and when it makes sense, as pure rules: for those who ask and for whoever obeys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sagas.decider import is_past_return, open_calls, settle_open
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.pausing import PAUSE, RESUME, STEP
from sagas.state import Phase, SagaState

CANCEL, FAIL, RETRY, RESOLVE, RELEASE = "cancel", "fail", "retry", "resolve", "release-lock"
OF_RUN = (PAUSE, RESUME, STEP)

NOBODY_DRIVES = "nobody drives this run, so there is nobody to tell"
SENSELESS = "no saga is in a state in which this makes sense"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def heeds(definition: SagaDefinition, state: SagaState, action: str, about: Mapping[str, Any] = NOTHING) -> bool:
    """Return whether a saga in this state can do anything with what is asked; `about` is its detail.

    A cancel is for one that may still turn back and has not been told so before; a step is failed
    only while its call awaits an answer, and no other step for it; the others are for a saga that waits
    for a person. A lock is taken only from one that is being undone: one that has to go on still
    needs what it holds.
    """
    if action == FAIL:
        return bool(about) and awaited(state) == dict(about)
    if action == CANCEL:
        turnable = state.phase in (Phase.PENDING, Phase.RUNNING) and not state.cancelled
        return turnable and not is_past_return(definition, state)
    if state.phase is not Phase.NEEDS_OPERATOR or state.stuck is None:
        return False
    if action == RESOLVE:
        return state.stuck.op is not None
    return action == RETRY or (action == RELEASE and state.stuck.op is Op.COMPENSATION)


def awaited(state: SagaState) -> dict[str, str]:
    """Return the step and the direction whose call awaits its answer, as failing it says; empty where none does."""
    return next(({"step": step, "op": str(op)} for step, op, _ in open_calls(state)), {})


def meant_by(
    definition: SagaDefinition,
    states: Iterable[SagaState],
    action: str,
    saga: str = "",
    about: Mapping[str, Any] = NOTHING,
) -> list[SagaState]:
    """Return the sagas that heed what is asked: of `saga`, or of each."""
    return [state for state in states if saga in ("", state.saga) and heeds(definition, state, action, about)]


def is_told(entries: Iterable[Entry], act: Entry) -> bool:
    """Return whether a journal has this act of a saga's already: whoever began it did not come to its end."""
    return any(
        e.kind is Kind.OPERATOR_ACTED and (e.saga, dict(e.detail)) == (act.saga, dict(act.detail)) for e in entries
    )


def given_up(state: SagaState, who: str) -> list[Entry]:
    """Return what follows from failing a saga's step: nobody knows what its call came to, and nobody waits for it."""
    return settle_open(state, f"{who} gave up waiting for an answer")


def acted(action: str, who: str, why: str, saw: int, more: Mapping[str, Any], state: SagaState | None = None) -> Entry:
    """Return the entry of an act upon a saga, or upon the run as a whole. It names where the saga is stuck or waits."""
    step, op = (state.stuck.step, state.stuck.op) if state is not None and state.stuck else ("", None)
    if action == FAIL:
        step, op, more = more["step"], Op(more["op"]), NOTHING
    detail = {"action": action, "who": who, "why": why, "saw": saw, **more}
    if state is None:
        return Entry(kind=Kind.OPERATOR_ACTED, lane=Lane.OBSERVER, detail=detail)
    return Entry(
        kind=Kind.OPERATOR_ACTED,
        lane=Lane.OBSERVER,
        saga=state.saga,
        order=state.order,
        step=step,
        op=op,
        detail=detail,
    )
