"""`/healthz`: the process serves. `/readyz`: it can also do its work, or why it cannot."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from playground import embedded
from sagas.management.ready import is_behind

WORKER_SECONDS = 15.0  # an embedded worker comes round once per poll; one that has not for this long is stuck

_migrated: set[str] = set()
_last_beat = (0, 0.0)  # the worker's beats when they last changed, and when that was noticed


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 for as long as this process serves."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when every database can be reached and is migrated and the worker works, else 503 with the reasons."""
    reasons = [*_databases(), *_worker()]
    return JsonResponse({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)


def _databases() -> Iterator[str]:
    for alias in connections:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
            if alias not in _migrated:
                if is_behind(alias):
                    yield f"database {alias} is not migrated"
                else:
                    _migrated.add(alias)
        except DatabaseError as error:
            yield f"database {alias} cannot be reached: {type(error).__name__}"


def _worker() -> Iterator[str]:
    global _last_beat
    engine = embedded.current
    if engine is None:
        return
    beats, now = engine.worker.beats, time.monotonic()
    if beats != _last_beat[0]:
        _last_beat = (beats, now)
    elif now - _last_beat[1] > WORKER_SECONDS:
        yield f"the worker has not come round for {WORKER_SECONDS:.0f} s"
