"""The journal's vocabulary: one typed entry per fact, in the past tense.

An entry says what happened, in one of three lanes: what the driver of a saga
believes (`orchestrator`), what a service's database really did (`service`), and
what surrounds both (`observer`: a crash, an operator, the end of the run).
State is a fold of entries; nothing else is stored that is not derived from them.

What `detail` holds, by kind:

    saga-started         definition, version, index, payload, policy, deadline_at
    attempt-succeeded    answer, replayed
    attempt-failed       reason, status, retryable, whole_key
    attempt-unknown      reason
    retry-scheduled      delay_ms, due_at        (its attempt is the one to come)
    lock-acquired        service, record, owner
    lock-denied          service, record, owner, waiting
    lock-released        service, record, owner
    step-fenced          service
    replayed             service
    saga-compensating    cause: step, op, outcome, reason
    settlement-owed      steps
    saga-needs-operator  reason
    operator-acted       action, who, why, saw; evidence of a resolve, record of a release-lock
    orchestrator-*       worker, epoch
    effect               service, n, kind, amount, record, at
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sagas.frozen import replace


class Lane(StrEnum):
    """Whose knowledge an entry is."""

    ORCHESTRATOR = "orchestrator"
    SERVICE = "service"
    OBSERVER = "observer"


class Op(StrEnum):
    """The two directions of a step."""

    ACTION = "action"
    COMPENSATION = "compensation"


class Kind(StrEnum):
    """Every fact that a journal can hold."""

    SAGA_STARTED = "saga-started"
    ATTEMPT_STARTED = "attempt-started"
    ATTEMPT_SUCCEEDED = "attempt-succeeded"
    ATTEMPT_FAILED = "attempt-failed"
    ATTEMPT_UNKNOWN = "attempt-unknown"
    RETRY_SCHEDULED = "retry-scheduled"
    LOCK_ACQUIRED = "lock-acquired"
    LOCK_DENIED = "lock-denied"
    LOCK_RELEASED = "lock-released"
    STEP_FENCED = "step-fenced"
    REPLAYED = "replayed"
    COMPENSATION_OWED = "compensation-owed"
    SETTLEMENT_OWED = "settlement-owed"
    SAGA_COMPENSATING = "saga-compensating"
    SAGA_COMPLETED = "saga-completed"
    SAGA_COMPENSATED = "saga-compensated"
    SAGA_NEEDS_OPERATOR = "saga-needs-operator"
    SAGA_ABANDONED = "saga-abandoned"
    SAGA_LOST = "saga-lost"
    OPERATOR_ACTED = "operator-acted"
    ORCHESTRATOR_CRASHED = "orchestrator-crashed"
    ORCHESTRATOR_RECOVERED = "orchestrator-recovered"
    EVENT_PUBLISHED = "event-published"
    EVENT_DROPPED = "event-dropped"
    EVENT_HANDLED = "event-handled"
    EFFECT = "effect"
    RUN_FINISHED = "run-finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact of a run.

    `seq` (1, 2, 3 … per run) and `at` (milliseconds since the epoch) are zero until
    the entry is given its place in a journal. `step` is always the action's name, for
    compensations too; `attempt` counts from 1 per step and direction and is zero where
    the entry is about no attempt. Empty strings stand for "not applicable".
    """

    kind: Kind
    lane: Lane = Lane.ORCHESTRATOR
    saga: str = ""
    order: str = ""
    step: str = ""
    op: Op | None = None
    attempt: int = 0
    key: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    at: int = 0

    def placed(self, seq: int, at: int) -> Entry:
        """Return the same fact with its place in the journal."""
        return replace(self, seq=seq, at=at)

    def to_json(self) -> dict[str, Any]:
        """Return the wire shape: `at` in ISO 8601 with milliseconds, null for "not applicable"."""
        return {
            "seq": self.seq,
            "at": iso_from_ms(self.at),
            "lane": str(self.lane),
            "saga": self.saga or None,
            "order": self.order or None,
            "kind": str(self.kind),
            "step": self.step or None,
            "op": str(self.op) if self.op else None,
            "attempt": self.attempt or None,
            "key": self.key or None,
            "detail": dict(self.detail),
        }


def entry_from_json(value: Mapping[str, Any]) -> Entry:
    """Return the entry that `Entry.to_json` wrote.

    Raises KeyError or ValueError when a field is missing or no known kind, lane or op.
    """
    return Entry(
        kind=Kind(value["kind"]),
        lane=Lane(value["lane"]),
        saga=value["saga"] or "",
        order=value["order"] or "",
        step=value["step"] or "",
        op=Op(value["op"]) if value["op"] else None,
        attempt=value["attempt"] or 0,
        key=value["key"] or "",
        detail=value["detail"],
        seq=value["seq"],
        at=ms_from_iso(value["at"]),
    )


def iso_from_ms(ms: int) -> str:
    """Return `2026-11-23T05:34:12.345Z` for milliseconds since the epoch."""
    seconds, milliseconds = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def ms_from_iso(text: str) -> int:
    """Return milliseconds since the epoch for what `iso_from_ms` wrote."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
