"""The idempotency store: one key, one answer.

Same key and same body: the stored answer, byte for byte. Another body: 422. A delivery
of the same key at work: 409. Only what the service decided is stored; a place in a
queue, a fence and an error are not.
Source: IETF draft-ietf-httpapi-idempotency-key-header, sections 2.6 and 2.7.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.db import connections

from sagas.services import sql
from sagas.services.calls import Answer, Call, Verdict, fingerprint, negative
from sagas.services.models import StoredAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One stored answer: what is given again, byte for byte, to whoever asks under its key."""

    key: str
    status: int
    body: bytes


_guard = threading.Lock()
_at_work: set[tuple[str, str, str]] = set()


@contextmanager
def alone(service: str, call: Call) -> Iterator[bool]:
    """Give whether no other thread of this process is at work on the same key of the same world."""
    mine = (service, call.world, call.key)
    with _guard:
        first = mine not in _at_work
        _at_work.add(mine)
    try:
        yield first
    finally:
        if first:
            with _guard:
                _at_work.discard(mine)


def alone_in_database(service: str, call: Call) -> bool:
    """Return whether no other process is at work on the same key, until the transaction ends.

    PostgreSQL only: on SQLite an open transaction is alone in the whole database.
    """
    connection = connections[service]
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(service, call)])
        return bool(cursor.fetchone()[0])


def lock_number(service: str, call: Call) -> int:
    """Return the 64-bit number that stands for a key; services may share one PostgreSQL database."""
    digest = hashlib.sha256("\n".join((service, call.world, call.key)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def recall(answers: type[StoredAnswer], call: Call) -> Answer | None:
    """Return what was answered under this key before, or None if nothing is stored."""
    found = sql.run(
        answers,
        "SELECT fingerprint, verdict, status, body FROM {table} WHERE world = %s AND key = %s",
        [call.world, call.key],
    )
    if not found:
        return None
    asked, verdict, status, stored = found[0]
    if asked != fingerprint(call.body):
        return negative(Verdict.MISMATCH, 422, "this key was used with another body")
    return again(verdict, status, stored)


def again(verdict: str, status: int, stored: bytes) -> Answer:
    """Return an answer that was given before, from what was kept of it."""
    body = bytes(stored)
    facts = json.loads(body) if verdict == Verdict.REFUSED else {}
    return Answer(
        verdict=Verdict(verdict),
        status=status,
        body=body,
        replayed=True,
        reason=facts.get("reason", ""),
        whole_key=verdict == Verdict.REFUSED,
        record=facts.get("record", ""),
        owner=facts.get("owner", ""),
    )


def keep(answers: type[StoredAnswer], call: Call, answer: Answer) -> Answer:
    """Return the answer, stored in the open transaction. Raises IntegrityError if one is stored already."""
    sql.run(
        answers,
        "INSERT INTO {table} (world, key, fingerprint, verdict, status, body) VALUES (%s, %s, %s, %s, %s, %s)",
        [call.world, call.key, fingerprint(call.body), str(answer.verdict), answer.status, answer.body],
    )
    return replace(answer, whole_key=answer.verdict is Verdict.REFUSED)


def read(answers: type[StoredAnswer], world: str) -> list[Kept]:
    """Return the answers that are stored for a world, oldest first."""
    rows = answers._default_manager.filter(world=world).order_by("pk")
    return [Kept(key=row.key, status=row.status, body=bytes(row.body)) for row in rows]
