"""What tests of the pure core are made of: definitions, and makers of one saga's entries.

The stub handlers must never be called: the pure core names calls, it makes none. Whole
sagas are played in `tests.simulator`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from sagas.decider import Move, advance
from sagas.definition import Handler, Retry, SagaDefinition, Step
from sagas.entries import Entry, Kind, Lane, Op
from sagas.state import Policy, SagaState, evolve

SAGA, ORDER_ID = "world-1", "ord-8412"
NOW = 1_795_000_000_000  # milliseconds since the epoch
ACTION, COMPENSATION = Op.ACTION, Op.COMPENSATION


def handler(name: str) -> Handler:
    """Return a stub with this name that fails the test when it is called."""

    def stub(*_: Any) -> None:
        raise AssertionError(f"the pure core called {name}")

    stub.__name__ = name.replace("-", "_")
    return stub


def undoable(name: str, undo: str, service: str, settlement: str = "", **more: Any) -> Step:
    """Return a compensatable step."""
    settle = handler(settlement) if settlement else None
    return Step(name, service=service, action=handler(name), compensation=handler(undo), settlement=settle, **more)


def final(name: str, kind: str, service: str, **more: Any) -> Step:
    """Return a step that has no compensation: a pivot or a retriable one."""
    return Step(name, service=service, action=handler(name), kind=kind, **more)


ORDER = SagaDefinition(
    "order",
    steps=[
        undoable("reserve-inventory", "release-inventory", "inventory", settlement="sell-inventory"),
        undoable("create-order", "cancel-order", "orders", settlement="confirm-order"),
        undoable("charge-payment", "refund-payment", "payments"),
        undoable("notify-warehouse", "recall-pick", "warehouse"),
        undoable("book-delivery", "cancel-delivery", "delivery"),
    ],
)
TRIP = SagaDefinition(
    "trip",
    steps=[
        undoable("book-flight", "cancel-flight", "flights", compensation_retry=Retry(max_attempts=2)),
        undoable("book-hotel", "cancel-hotel", "hotels"),
        final("charge-card", "pivot", "payments", timeout=2.0),
        final("send-ticket", "retriable", "mail", retry=Retry(max_attempts=5)),
        final("award-miles", "retriable", "miles"),
    ],
)


def started(
    definition: SagaDefinition = ORDER, *, policy: Policy | None = None, deadline_at: int | None = None
) -> Entry:
    detail = {
        "definition": definition.name,
        "version": definition.version,
        "index": 0,
        "payload": {"order": ORDER_ID},
        "policy": (policy or Policy()).to_json(),
        "deadline_at": deadline_at,
    }
    return fact(Kind.SAGA_STARTED, **detail)


def fact(
    kind: Kind,
    step: str = "",
    op: Op | None = None,
    n: int = 0,
    key: str = "",
    lane: Lane = Lane.ORCHESTRATOR,
    **detail: Any,
) -> Entry:
    """Return an entry of the saga that all makers here speak of."""
    return Entry(kind=kind, lane=lane, saga=SAGA, order=ORDER_ID, step=step, op=op, attempt=n, key=key, detail=detail)


def called(step: str, n: int = 1, op: Op = ACTION, key: str = "") -> Entry:
    return fact(Kind.ATTEMPT_STARTED, step, op, n, key)


def ok(step: str, n: int = 1, op: Op = ACTION) -> Entry:
    return fact(Kind.ATTEMPT_SUCCEEDED, step, op, n, answer={}, replayed=False)


def failed(step: str, n: int = 1, op: Op = ACTION, *, retryable: bool = True, whole_key: bool = False) -> Entry:
    status, reason = (500, "broken") if retryable else (409, "declined")
    detail = {"reason": reason, "status": status, "retryable": retryable, "whole_key": whole_key}
    return fact(Kind.ATTEMPT_FAILED, step, op, n, **detail)


def refused(step: str, n: int = 1, op: Op = ACTION, *, whole_key: bool = False) -> Entry:
    return failed(step, n, op, retryable=False, whole_key=whole_key)


def unknown(step: str, n: int = 1, op: Op = ACTION) -> Entry:
    return fact(Kind.ATTEMPT_UNKNOWN, step, op, n, reason="no answer")


def queued(step: str, n: int = 1, op: Op = ACTION) -> Entry:
    return fact(Kind.LOCK_DENIED, step, op, n, service="inventory", record="unit-1", owner="ord-1", waiting=True)


def scheduled(step: str, n: int, due_at: int, op: Op = ACTION) -> Entry:
    return fact(Kind.RETRY_SCHEDULED, step, op, n, delay_ms=0, due_at=due_at)


def turned(step: str, *owed: str, outcome: str = "failed") -> list[Entry]:
    """Return the turn at `step`, with the steps whose compensation it owes."""
    cause = {"step": step, "op": "action", "outcome": outcome, "reason": "declined"}
    return [
        fact(Kind.SAGA_COMPENSATING, step, cause=cause),
        *(fact(Kind.COMPENSATION_OWED, s, COMPENSATION) for s in owed),
    ]


def settled(step: str, key: str = "") -> Entry:
    return fact(Kind.LOCK_RELEASED, step, key=key, service="inventory", record="unit-1", owner=ORDER_ID)


def stuck(step: str, op: Op | None) -> Entry:
    return fact(Kind.SAGA_NEEDS_OPERATOR, step, op, reason="broken")


def operator(action: str) -> Entry:
    return fact(Kind.OPERATOR_ACTED, lane=Lane.OBSERVER, action=action, who="ada", why="test", saw=1)


def tries(step: str, *outcomes: Any, op: Op = ACTION) -> list[Entry]:
    """Return attempts 1, 2, … of a step, each with the outcome that its maker gives."""
    return [entry for n, make in enumerate(outcomes, 1) for entry in (called(step, n, op), make(step, n, op))]


def done(*steps: str, op: Op = ACTION) -> list[Entry]:
    return [entry for step in steps for entry in tries(step, ok, op=op)]


def names(definition: SagaDefinition = ORDER) -> list[str]:
    return [step.name for step in definition.steps]


def fold(entries: Iterable[Entry]) -> SagaState:
    return reduce(evolve, entries, SagaState(saga=SAGA, order=ORDER_ID))


def told(entries: Iterable[Entry], definition: SagaDefinition) -> list[str]:
    """Return what a driver did and heard, in short words: `charge-payment 2 unknown`."""
    words = {
        Kind.ATTEMPT_SUCCEEDED: "ok",
        Kind.ATTEMPT_FAILED: "failed",
        Kind.ATTEMPT_UNKNOWN: "unknown",
        Kind.LOCK_DENIED: "queued",
    }
    story = []
    for e in entries:
        name = definition.step(e.step).compensation_name if e.op is COMPENSATION else e.step
        if e.kind in words:
            story.append(f"{name} {e.attempt} {words[e.kind]}")
        elif e.kind not in (Kind.SAGA_STARTED, Kind.ATTEMPT_STARTED, Kind.RETRY_SCHEDULED, Kind.SETTLEMENT_OWED):
            story.append(" ".join(w for w in (str(e.kind), name) if w))
    return story


def after(*entries: Entry, definition: SagaDefinition = ORDER, now: int = NOW) -> tuple[list[Entry], Move | None]:
    """Return what a driver commits next in one append, and what it does then."""
    _, facts, move = advance(definition, fold(entries), now)
    return facts, move


def kinds(facts: Iterable[Entry]) -> list[str]:
    return [str(entry.kind) for entry in facts]
