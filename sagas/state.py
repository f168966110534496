"""The state of one saga, as a fold of its entries. Pure: no clock, no I/O, no chance.

`evolve` ignores the service lane: a driver may act only on what it was told. What a
service did without the driver hearing of it stays out of here on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sagas.definition import Retry
from sagas.entries import Entry, Kind, Lane, Op
from sagas.frozen import replace


class Phase(StrEnum):
    """Where a saga stands. The last two are ends that only unguarded modes can reach."""

    PENDING = "pending"
    RUNNING = "running"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    NEEDS_OPERATOR = "needs-operator"
    ABANDONED = "abandoned"
    LOST = "lost"


ENDED = frozenset({Phase.COMPLETED, Phase.COMPENSATED})
AT_REST = frozenset({Phase.COMPLETED, Phase.COMPENSATED, Phase.NEEDS_OPERATOR, Phase.ABANDONED, Phase.LOST})


# What an entry says that ends an attempt, and that ends a saga.
OUTCOMES: Mapping[Kind, str] = {
    Kind.ATTEMPT_SUCCEEDED: "ok",
    Kind.ATTEMPT_FAILED: "failed",
    Kind.ATTEMPT_UNKNOWN: "unknown",
}
ENDS: Mapping[Kind, Phase] = {
    Kind.SAGA_COMPLETED: Phase.COMPLETED,
    Kind.SAGA_COMPENSATED: Phase.COMPENSATED,
    Kind.SAGA_NEEDS_OPERATOR: Phase.NEEDS_OPERATOR,
    Kind.SAGA_ABANDONED: Phase.ABANDONED,
    Kind.SAGA_LOST: Phase.LOST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a saga was started with and keeps to its end. Times in milliseconds."""

    retry: Retry = field(default_factory=Retry)
    compensation_retry: Retry = field(default_factory=lambda: Retry(max_attempts=4))
    timeout_ms: int = 1000
    key_scope: str = "step"
    seed: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return what `saga-started` carries under `policy`."""
        return {
            "retry": _retry_json(self.retry),
            "compensation_retry": _retry_json(self.compensation_retry),
            "timeout_ms": self.timeout_ms,
            "key_scope": self.key_scope,
            "seed": self.seed,
        }


_DEFAULT = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What is known of one direction of one step.

    `attempts` counts every attempt ever started, `failures` only those that used up the
    present budget. `unknown` is sticky: only an `ok`, or a refusal that speaks for the
    whole key, clears it. `queued` is sticky likewise: the service keeps a place, or by now
    holds the record for this saga. `parked` lasts until the next attempt, `due_at` while a
    retry is scheduled, `given_up` until an operator grants a fresh budget.
    """

    attempts: int = 0
    failures: int = 0
    open: bool = False
    ok: bool = False
    unknown: bool = False
    refused: bool = False
    queued: bool = False
    parked: bool = False
    given_up: bool = False
    due_at: int | None = None
    key: str = ""
    reason: str = ""

    @property
    def may_have_taken_effect(self) -> bool:
        """True unless nothing was sent or every attempt failed definitely."""
        return self.ok or self.unknown or self.queued


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """Both directions of a step, and what is still owed to it."""

    action: Calls = field(default_factory=Calls)
    compensation: Calls = field(default_factory=Calls)
    owed: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Where a saga waits for a person. `op` is None when no call is to blame."""

    step: str
    op: Op | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaState:
    """One saga. `steps` holds only steps that were touched; `cause` is the first failure and stays."""

    saga: str = ""
    order: str = ""
    definition: str = ""
    version: int = 0
    phase: Phase = Phase.PENDING
    policy: Policy = _DEFAULT
    payload: Mapping[str, Any] = field(default_factory=dict)
    deadline_at: int | None = None
    steps: Mapping[str, StepState] = field(default_factory=dict)
    cause: Mapping[str, Any] | None = None
    settling: bool = False
    cancelled: bool = False
    stuck: Stuck | None = None

    @property
    def is_parked(self) -> bool:
        """Whether the saga waits in line for a lock."""
        return any(step.action.parked for step in self.steps.values())

    def step(self, name: str) -> StepState:
        """Return a step's state; a step that was never touched is all zeros."""
        return self.steps.get(name, _UNTOUCHED)

    def calls(self, name: str, op: Op) -> Calls:
        """Return one direction of a step."""
        step = self.step(name)
        return step.action if op is Op.ACTION else step.compensation


_UNTOUCHED = StepState()


def evolve(state: SagaState, entry: Entry) -> SagaState:
    """Return the state after `entry`. Entries of the service lane change nothing."""
    if entry.lane is Lane.SERVICE:
        return state
    rule = _RULES.get(entry.kind)
    return rule(state, entry) if rule else state


def _started(state: SagaState, entry: Entry) -> SagaState:
    detail = entry.detail
    policy = detail["policy"]
    return replace(
        state,
        saga=entry.saga,
        order=entry.order,
        definition=detail["definition"],
        version=detail["version"],
        phase=Phase.RUNNING,
        payload=detail["payload"],
        deadline_at=detail["deadline_at"],
        policy=Policy(
            retry=Retry(**policy["retry"]),
            compensation_retry=Retry(**policy["compensation_retry"]),
            timeout_ms=policy["timeout_ms"],
            key_scope=policy["key_scope"],
            seed=policy["seed"],
        ),
    )


def _attempt_started(state: SagaState, entry: Entry) -> SagaState:
    calls = _calls(state, entry)
    return _with_calls(
        state, entry, replace(calls, attempts=entry.attempt, key=entry.key, open=True, parked=False, due_at=None)
    )


def _attempt_succeeded(state: SagaState, entry: Entry) -> SagaState:
    return _with_calls(state, entry, _done(_calls(state, entry)))


def _attempt_failed(state: SagaState, entry: Entry) -> SagaState:
    calls, detail = _calls(state, entry), entry.detail
    return _with_calls(
        state,
        entry,
        replace(
            calls,
            open=False,
            failures=calls.failures + 1,
            refused=not detail["retryable"],
            unknown=calls.unknown and not detail["whole_key"],
            queued=calls.queued and not detail["whole_key"],
            reason=detail["reason"],
        ),
    )


def _attempt_unknown(state: SagaState, entry: Entry) -> SagaState:
    calls = _calls(state, entry)
    return _with_calls(
        state,
        entry,
        replace(calls, open=False, failures=calls.failures + 1, unknown=True, reason=entry.detail["reason"]),
    )


def _retry_scheduled(state: SagaState, entry: Entry) -> SagaState:
    return _with_calls(state, entry, replace(_calls(state, entry), due_at=entry.detail["due_at"]))


def _lock_denied(state: SagaState, entry: Entry) -> SagaState:
    if not entry.detail["waiting"]:
        return state
    return _with_calls(
        state, entry, replace(_calls(state, entry), open=False, queued=True, parked=True, reason="queued")
    )


def _lock_released(state: SagaState, entry: Entry) -> SagaState:
    return _with_step(state, entry.step, replace(state.step(entry.step), settled=True))


def _settlement_owed(state: SagaState, entry: Entry) -> SagaState:
    return replace(state, settling=True)


def _compensation_owed(state: SagaState, entry: Entry) -> SagaState:
    return _with_step(state, entry.step, replace(state.step(entry.step), owed=True))


def _compensating(state: SagaState, entry: Entry) -> SagaState:
    return replace(state, phase=Phase.COMPENSATING, cause=state.cause or entry.detail["cause"])


def _needs_operator(state: SagaState, entry: Entry) -> SagaState:
    stuck = Stuck(step=entry.step, op=entry.op, reason=entry.detail["reason"])
    return replace(state, phase=Phase.NEEDS_OPERATOR, stuck=stuck)


def _operator_acted(state: SagaState, entry: Entry) -> SagaState:
    action = entry.detail["action"]
    if action == "cancel":
        return replace(state, cancelled=True)
    if action == "fail":
        return _with_calls(state, entry, replace(_calls(state, entry), given_up=True))
    stuck = state.stuck
    if action not in ("retry", "resolve") or state.phase is not Phase.NEEDS_OPERATOR or stuck is None:
        return state
    if stuck.op is None and action == "resolve":
        return state
    resumed = Phase.COMPENSATING if state.cause is not None else Phase.RUNNING
    state = replace(state, phase=resumed, stuck=None)
    if stuck.op is None:
        return state
    calls = state.calls(stuck.step, stuck.op)
    if action == "resolve":
        return _put_calls(state, stuck.step, stuck.op, _done(calls))
    return _put_calls(
        state, stuck.step, stuck.op, replace(calls, failures=0, refused=False, given_up=False, due_at=None)
    )


def _done(calls: Calls) -> Calls:
    return replace(calls, open=False, ok=True, unknown=False, refused=False, queued=False, parked=False, due_at=None)


def _abandoned(state: SagaState, entry: Entry) -> SagaState:
    return replace(state, phase=Phase.ABANDONED, cause=state.cause or entry.detail.get("cause"))


def _ended(phase: Phase) -> Callable[[SagaState, Entry], SagaState]:
    def rule(state: SagaState, entry: Entry) -> SagaState:
        return replace(state, phase=phase)

    return rule


_RULES: Mapping[Kind, Callable[[SagaState, Entry], SagaState]] = {
    Kind.SAGA_STARTED: _started,
    Kind.ATTEMPT_STARTED: _attempt_started,
    Kind.ATTEMPT_SUCCEEDED: _attempt_succeeded,
    Kind.ATTEMPT_FAILED: _attempt_failed,
    Kind.ATTEMPT_UNKNOWN: _attempt_unknown,
    Kind.RETRY_SCHEDULED: _retry_scheduled,
    Kind.LOCK_DENIED: _lock_denied,
    Kind.LOCK_RELEASED: _lock_released,
    Kind.SETTLEMENT_OWED: _settlement_owed,
    Kind.COMPENSATION_OWED: _compensation_owed,
    Kind.SAGA_COMPENSATING: _compensating,
    Kind.SAGA_NEEDS_OPERATOR: _needs_operator,
    Kind.OPERATOR_ACTED: _operator_acted,
    Kind.SAGA_COMPLETED: _ended(Phase.COMPLETED),
    Kind.SAGA_COMPENSATED: _ended(Phase.COMPENSATED),
    Kind.SAGA_ABANDONED: _abandoned,
    Kind.SAGA_LOST: _ended(Phase.LOST),
}


def _calls(state: SagaState, entry: Entry) -> Calls:
    return state.calls(entry.step, entry.op or Op.ACTION)


def _with_calls(state: SagaState, entry: Entry, calls: Calls) -> SagaState:
    return _put_calls(state, entry.step, entry.op or Op.ACTION, calls)


def _put_calls(state: SagaState, step: str, op: Op, calls: Calls) -> SagaState:
    old = state.step(step)
    new = replace(old, action=calls) if op is Op.ACTION else replace(old, compensation=calls)
    return _with_step(state, step, new)


def _with_step(state: SagaState, name: str, step: StepState) -> SagaState:
    return replace(state, steps={**state.steps, name: step})


def _retry_json(retry: Retry) -> dict[str, Any]:
    return {
        "max_attempts": retry.max_attempts,
        "initial_ms": retry.initial_ms,
        "factor": retry.factor,
        "max_ms": retry.max_ms,
        "jitter": retry.jitter,
    }
