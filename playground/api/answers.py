"""One key, one answer: the rule that the five services keep, kept for our own POSTs.

Same key and same request: the stored answer, byte for byte. Same key and another request:
422. The first one still at work: 409. The answer is stored in the transaction of what it
answers for, so a crash leaves both or neither, and an error is never an answer.
Source: IETF draft-ietf-httpapi-idempotency-key-header, sections 2.6 and 2.7.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse

from playground.api.wire import body_of, problem
from playground.models import ApiAnswer
from sagas.databases import atomic

DATABASE = "default"
HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEY = 255  # characters

_guard = threading.Lock()
_at_work: set[str] = set()


def once(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Return `answer()`, or what it was when this key was used before. Without a key it is just called."""
    key = request.headers.get(HEADER)
    if key is None:
        return answer()
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        return problem(422, HEADER, f"must be 1 to {MAX_KEY} printable ASCII characters")
    with _alone(key) as alone:
        if not alone:
            return _in_progress()
        with atomic(DATABASE):
            return _answer(key, _fingerprint(request), answer)


def _answer(key: str, fingerprint: str, answer: Callable[[], HttpResponse]) -> HttpResponse:
    if not _alone_in_database(key):
        return _in_progress()
    stored = ApiAnswer.objects.filter(pk=key).first()
    if stored is not None:
        return _replay(stored, fingerprint)
    response = answer()
    if response.status_code >= 500:
        transaction.set_rollback(True, using=DATABASE)
        return response
    ApiAnswer.objects.create(
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        content_type=response.headers["Content-Type"],
        body=response.content,
    )
    return response


def _replay(stored: ApiAnswer, fingerprint: str) -> HttpResponse:
    if stored.fingerprint != fingerprint:
        return problem(422, HEADER, "has been used for another request")
    response = HttpResponse(bytes(stored.body), status=stored.status, content_type=stored.content_type)
    response.headers[REPLAYED] = "true"
    return response


def _in_progress() -> HttpResponse:
    return problem(409, HEADER, "the first request with this key is still in progress")


def _fingerprint(request: HttpRequest) -> str:
    asked = "\n".join((str(request.method), request.path, "")).encode()
    return hashlib.sha256(asked + body_of(request)).hexdigest()


@contextmanager
def _alone(key: str) -> Iterator[bool]:
    """Give whether no other thread of this process is at work on this key."""
    with _guard:
        first = key not in _at_work
        _at_work.add(key)
    try:
        yield first
    finally:
        if first:
            with _guard:
                _at_work.discard(key)


def _alone_in_database(key: str) -> bool:
    """Return whether no other process is at work on this key, until the transaction ends.

    PostgreSQL only: on SQLite an open transaction is alone in the whole database.
    """
    connection = connections[DATABASE]
    if connection.vendor != "postgresql":
        return True
    number = int.from_bytes(hashlib.sha256(f"api\n{key}".encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])
