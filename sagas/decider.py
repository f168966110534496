"""What should happen next: a pure function of a definition, a state and a moment.

`decide` names the facts to commit and at most one thing to do in the world. It never
does anything itself, so the same rules drive every engine, and a test is a list of
entries and an expected move. How a saga reads:

    forward    the first step without success is called, retried, then called again,
               until it succeeds, is refused, or its budget is spent
    the turn   before the point of no return: what may have taken effect is owed back
    backward   what is owed is compensated, newest first, one call at a time
    a person   when neither direction is safe, or a compensation's own budget is spent
    the end    every step succeeded: locks are settled, then the saga is completed
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from sagas.definition import Retry, SagaDefinition, Step, StepKind
from sagas.entries import Entry, Kind, Lane, Op
from sagas.state import AT_REST, Calls, Phase, SagaState, StepState, evolve


@dataclass(frozen=True, slots=True)
class Append:
    """Commit this fact, together with its neighbours, before anything else is done."""

    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Make the attempt that was just journaled. `timeout_ms` is how long to wait for its answer."""

    step: str
    op: Op
    attempt: int
    key: str
    action_key: str
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell the step's service that the saga will complete, until it answers."""

    step: str
    key: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until this moment, in milliseconds since the epoch."""

    until: int


@dataclass(frozen=True, slots=True)
class Park:
    """Queued for a lock: nothing to do until a release, or until the deadline if there is one."""

    step: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Rest:
    """The saga has ended, or waits for a person."""


Move = Append | Call | Settle | Wait | Park | Rest
Moves = tuple[Move, ...]
Rule = Callable[[SagaDefinition, SagaState, int], Moves]


def decide(definition: SagaDefinition, state: SagaState, now: int) -> Moves:
    """Return what comes next: facts to commit, then at most one move outward.

    An empty tuple means that an attempt awaits its outcome. `now` is in milliseconds
    since the epoch. Never raises for a state that `evolve` made of this definition's entries.
    """
    if state.phase in AT_REST:
        return (Rest(),)
    if state.phase is Phase.COMPENSATING:
        return _backward(definition, state, now)
    return _forward(definition, state, now)


def advance(
    definition: SagaDefinition, state: SagaState, now: int, rule: Rule = decide
) -> tuple[SagaState, list[Entry], Move | None]:
    """Return the state, the entries to commit in one transaction, and the outward move that follows.

    Repeats `rule` until it asks for something that is not a fact; None means that an
    attempt awaits its outcome.
    """
    entries: list[Entry] = []
    while True:
        facts, outward = split(rule(definition, state, now))
        state = reduce(evolve, facts, state)
        entries += facts
        if outward is not None or not facts:
            return state, entries, outward


def split(moves: Moves) -> tuple[list[Entry], Move | None]:
    """Return the facts among moves, and the one outward move if there is one."""
    facts: list[Entry] = []
    outward: Move | None = None
    for move in moves:
        if isinstance(move, Append):
            facts.append(move.entry)
        elif outward is None:
            outward = move
    return facts, outward


def ask_again(definition: SagaDefinition, state: SagaState) -> Moves:
    """Return the next attempt of a parked step: a lock was released, or nobody knows whether one was."""
    for step in definition.steps:
        calls = state.step(step.name).action
        if state.phase is Phase.RUNNING and calls.parked:
            return _attempt(state, step, Op.ACTION)
    return ()


def is_past_return(definition: SagaDefinition, state: SagaState) -> bool:
    """Return whether nothing of a saga may be undone any more: it can only go on to its end."""
    step = _next_forward(definition, state)
    if state.settling or step is None or step.kind is StepKind.RETRIABLE:
        return True
    return any(s.kind is StepKind.PIVOT and state.step(s.name).action.ok for s in definition.steps)


def open_calls(state: SagaState) -> Iterator[tuple[str, Op, Calls]]:
    """Yield step, direction and what is known of each call that awaits its answer."""
    for name, step in state.steps.items():
        for op, calls in ((Op.ACTION, step.action), (Op.COMPENSATION, step.compensation)):
            if calls.open:
                yield name, op, calls


def settle_open(state: SagaState, reason: str) -> list[Entry]:
    """Return an `attempt-unknown` for each attempt whose answer nobody waits for any more: its driver died, say."""
    return [
        _fact(
            state,
            Kind.ATTEMPT_UNKNOWN,
            step=name,
            op=op,
            attempt=calls.attempts,
            key=calls.key,
            detail={"reason": reason},
        )
        for name, op, calls in open_calls(state)
    ]


def key_of(order: str, name: str, scope: str = "step") -> str:
    """Return the idempotency key of a call: it names order, step and direction, never the attempt.

    `scope` "order" leaves the step out. That is wrong on purpose: act 3 shows what it breaks.
    """
    return f"saga:{order}" if scope == "order" else f"saga:{order}:{name}"


def delay_ms(retry: Retry, failures: int, seed: int, order: str, step: str, op: Op, attempt: int) -> int:
    """Return the wait before `attempt`, after `failures` failed ones: exponential, capped.

    With jitter it is drawn uniformly from 0 to that wait by a hash of the other arguments.
    Source: Brooker, "Exponential Backoff and Jitter" (full jitter).
    """
    ceiling = retry.ceiling_ms(failures)
    if not retry.jitter:
        return ceiling
    digest = hashlib.sha256(f"{seed}|{order}|{step}|{op}|{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (ceiling + 1)


def _next_forward(definition: SagaDefinition, state: SagaState) -> Step | None:
    """Return the first step without success."""
    return next((s for s in definition.steps if not state.step(s.name).action.ok), None)


def _forward(definition: SagaDefinition, state: SagaState, now: int) -> Moves:
    step = _next_forward(definition, state)
    if step is None or state.settling:
        return _finish(definition, state)
    calls = state.step(step.name).action
    if calls.open:
        return ()
    undecided = step.kind is StepKind.PIVOT and calls.may_have_taken_effect
    may_turn = not (undecided or is_past_return(definition, state))
    limit = state.deadline_at if may_turn else None
    if may_turn and state.cancelled:
        return _turn(definition, state, step, "cancelled", "an operator cancelled the saga")
    if limit is not None and now >= limit:
        return _turn(definition, state, step, "deadline", "the saga's deadline has passed")
    if calls.parked:
        return (Park(step.name, limit),)
    retry = step.retry or state.policy.retry
    if not _spent(calls, retry, refusal_ends=not undecided):
        return _pursue(state, step, Op.ACTION, retry, now, limit)
    if may_turn:
        return _turn(definition, state, step, "unknown" if calls.unknown else "failed", calls.reason)
    reason = (
        "nobody knows whether the point of no return was passed"
        if undecided
        else "a step after the point of no return failed"
    )
    return _call_operator(state, step, Op.ACTION, f"{reason}: {calls.reason}")


def _backward(definition: SagaDefinition, state: SagaState, now: int) -> Moves:
    newest_first = tuple(reversed(definition.steps))
    forgotten = [s for s in newest_first if s.compensation and _is_forgotten(state.step(s.name))]
    if forgotten:
        return tuple(Append(_owed(state, step)) for step in forgotten)
    if any(state.calls(s.name, op).open for s in definition.steps for op in Op):
        return ()
    for step in newest_first:
        calls = state.step(step.name).compensation
        if not state.step(step.name).owed or calls.ok:
            continue
        retry = step.compensation_retry or state.policy.compensation_retry
        if _spent(calls, retry):
            return _call_operator(
                state, step, Op.COMPENSATION, f"{step.compensation_name} failed {calls.failures} times: {calls.reason}"
            )
        return _pursue(state, step, Op.COMPENSATION, retry, now, None)
    return (Append(_fact(state, Kind.SAGA_COMPENSATED)),)


def _is_forgotten(step: StepState) -> bool:
    return step.action.may_have_taken_effect and not step.owed


def _finish(definition: SagaDefinition, state: SagaState) -> Moves:
    owing = [s for s in definition.steps if s.settlement]
    if not state.settling:
        return (Append(_fact(state, Kind.SETTLEMENT_OWED, detail={"steps": [s.name for s in owing]})),)
    for step in owing:
        if not state.step(step.name).settled:
            return (Settle(step.name, key_of(state.order, f"settle-{step.service}")),)
    return (Append(_fact(state, Kind.SAGA_COMPLETED)),)


def _spent(calls: Calls, retry: Retry, *, refusal_ends: bool = True) -> bool:
    return calls.given_up or calls.failures >= retry.max_attempts or (calls.refused and refusal_ends)


def _pursue(state: SagaState, step: Step, op: Op, retry: Retry, now: int, limit: int | None) -> Moves:
    calls = state.calls(step.name, op)
    if not calls.failures:
        return _attempt(state, step, op)
    if calls.due_at is None:
        return (Append(_retry(state, step, op, retry, now)),)
    if now >= calls.due_at:
        return _attempt(state, step, op)
    return (Wait(calls.due_at if limit is None else min(calls.due_at, limit)),)


def _attempt(state: SagaState, step: Step, op: Op) -> Moves:
    number = state.calls(step.name, op).attempts + 1
    key = _key(state, step, op)
    call = Call(
        step=step.name,
        op=op,
        attempt=number,
        key=key,
        action_key=key_of(state.order, step.name),
        timeout_ms=round(step.timeout * 1000) if step.timeout else state.policy.timeout_ms,
    )
    return Append(_fact(state, Kind.ATTEMPT_STARTED, step=step.name, op=op, attempt=number, key=key)), call


def _retry(state: SagaState, step: Step, op: Op, retry: Retry, now: int) -> Entry:
    calls = state.calls(step.name, op)
    upcoming = calls.attempts + 1
    delay = delay_ms(retry, calls.failures, state.policy.seed, state.order, step.name, op, upcoming)
    detail = {"delay_ms": delay, "due_at": now + delay}
    return _fact(
        state, Kind.RETRY_SCHEDULED, step=step.name, op=op, attempt=upcoming, key=_key(state, step, op), detail=detail
    )


def _turn(definition: SagaDefinition, state: SagaState, step: Step, outcome: str, reason: str) -> Moves:
    cause = {"step": step.name, "op": str(Op.ACTION), "outcome": outcome, "reason": reason}
    owed: Iterable[Step] = (s for s in reversed(definition.steps) if state.step(s.name).action.may_have_taken_effect)
    turned = _fact(state, Kind.SAGA_COMPENSATING, step=step.name, detail={"cause": cause})
    return Append(turned), *(Append(_owed(state, s)) for s in owed)


def _owed(state: SagaState, step: Step) -> Entry:
    return _fact(
        state, Kind.COMPENSATION_OWED, step=step.name, op=Op.COMPENSATION, key=_key(state, step, Op.COMPENSATION)
    )


def _call_operator(state: SagaState, step: Step, op: Op, reason: str) -> Moves:
    return (Append(_fact(state, Kind.SAGA_NEEDS_OPERATOR, step=step.name, op=op, detail={"reason": reason})),)


def _key(state: SagaState, step: Step, op: Op) -> str:
    return key_of(state.order, step.name if op is Op.ACTION else step.compensation_name, state.policy.key_scope)


def _fact(
    state: SagaState,
    kind: Kind,
    *,
    step: str = "",
    op: Op | None = None,
    attempt: int = 0,
    key: str = "",
    detail: Mapping[str, object] | None = None,
) -> Entry:
    return Entry(
        kind=kind,
        lane=Lane.ORCHESTRATOR,
        saga=state.saga,
        order=state.order,
        step=step,
        op=op,
        attempt=attempt,
        key=key,
        detail=detail or {},
    )
