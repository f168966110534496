"""The words between a driver of sagas and a service: what is asked, what is answered.

A business refusal and a place in a queue are exceptions inside a service, because they
undo what the handler has begun, and answers outside of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagas.entries import Op
from sagas.errors import SagaError


class Verdict(StrEnum):
    """What a service says about one delivery."""

    OK = "ok"
    REFUSED = "refused"
    FENCED = "fenced"
    QUEUED = "queued"
    CONFLICT = "conflict"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One delivery of an action, a compensation or (`op` None) a settlement.

    `key` names order and direction, never the attempt; `action_key` is the action's key
    in both directions. `at` is the caller's time in milliseconds, None the wall clock's.
    `traceparent` (W3C Trace Context) is the caller's span, "" for a call that belongs to none.
    """

    world: str
    order: str
    key: str
    action_key: str
    op: Op | None
    body: Mapping[str, Any]
    idempotency: bool = True
    lock: str = "fail-fast"
    at: int | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a service's ledger; `n` counts 1, 2, 3 … per world, `at` is in milliseconds."""

    service: str
    n: int
    order: str
    kind: str
    amount: int
    key: str
    at: int
    record: str = ""
    lock: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service did with one delivery, and the ledger rows that this delivery wrote.

    `whole_key`: the answer is a stored refusal, so no delivery under this key has had or
    can have an effect. `record` and `owner`: what a lock was refused or queued on.
    """

    verdict: Verdict
    status: int
    body: bytes
    replayed: bool = False
    rows: tuple[Row, ...] = ()
    reason: str = ""
    whole_key: bool = False
    record: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """What is told to who looks on at a service; `told` is the span in which the event was said that is answered."""

    service: str
    name: str
    call: Call
    told: str


Around = Callable[[Served, Callable[[], Answer]], Answer]


class Refused(SagaError):
    """A business refusal: nothing happened, and asking again changes nothing."""

    def __init__(self, reason: str, status: int = 409, record: str = "", owner: str = "") -> None:
        super().__init__(reason, status, record, owner)
        self.reason = reason
        self.status = status
        self.record = record
        self.owner = owner


class Queued(SagaError):
    """The caller waits in line for `record`, which `owner` holds."""

    def __init__(self, record: str, owner: str) -> None:
        super().__init__(record, owner)
        self.record = record
        self.owner = owner


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8. Raises TypeError or ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a body, in hex."""
    return hashlib.sha256(canonical(body)).hexdigest()


def done(result: Mapping[str, Any], rows: tuple[Row, ...] = ()) -> Answer:
    """Return the answer for work that was done, with what the handler returned as its body."""
    return Answer(verdict=Verdict.OK, status=200, body=canonical(result), rows=rows)


def negative(verdict: Verdict, status: int, reason: str, record: str = "", owner: str = "") -> Answer:
    """Return an answer that says why nothing was done; its body carries the same facts."""
    facts = {"reason": reason, "record": record, "owner": owner}
    body = canonical({name: fact for name, fact in facts.items() if fact})
    return Answer(verdict=verdict, status=status, body=body, reason=reason, record=record, owner=owner)
