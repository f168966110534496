"""How many sockets a web process holds: for one visitor, and for all of them together.

They are counted where they weigh, in the memory of the process that serves them. So a process
that dies takes its count along, and a site with several of them holds as many times more.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings

from playground import limits, metrics
from playground.feeds import encode
from playground.limits import OverLimit
from playground.visitors import NOBODY, Asgi, name_of

TOO_MANY = 4429


class Turnstile:
    """An ASGI application that closes a visitor's socket at once, with the reason, when there are too many."""

    def __init__(self, inner: Asgi) -> None:
        self._inner = inner
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if not settings.SAGA_PUBLIC:
            return await self._inner(scope, receive, send)
        who = name_of((scope.get("client") or (NOBODY,))[0])
        try:
            limits.check_at_once(limits.SOCKETS, self._open[who] + 1, self._open.total() + 1)
        except OverLimit as error:
            metrics.refusals.labels(error.limit).inc()
            return await _refuse(str(error), receive, send)
        self._open[who] += 1
        try:
            return await self._inner(scope, receive, send)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


async def _refuse(reason: str, receive: Any, send: Any) -> None:
    """Say why and close. In words first, because Daphne closes without the reason."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": encode({"errors": [{"field": "", "message": reason}]})})
    await send({"type": "websocket.close", "code": TOO_MANY, "reason": reason})
