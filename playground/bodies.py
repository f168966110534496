"""How long a body may be: what is longer is refused before the application has read it."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from playground.visitors import Asgi

MAX_BODY = 64 * 1024  # bytes
TOO_LARGE = f"a body holds at most {MAX_BODY} bytes"

IN_JSON = ("/api/", "/services/")  # addresses whose refusals are JSON

HISTORIES = "/import/"  # a form with a history in it, which is somebody else's and as long as it is


class Bounded:
    """An ASGI application that reads a body for the one inside, and answers 413 when there is too much of it."""

    def __init__(self, inner: Asgi) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        most = most_at(scope["path"])
        if _announced(scope) > most:
            return await _refuse(scope, send)
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > most:
                return await _refuse(scope, send)
        return await self._inner(scope, _replay(bytes(body), receive), send)


def most_at(path: str) -> int:
    """Return how many bytes a body for this address may have."""
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) if path == HISTORIES else MAX_BODY


def _announced(scope: Any) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _replay(body: bytes, receive: Any) -> Any:
    told = False

    async def again() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(scope: Any, send: Any) -> None:
    said = f"a body holds at most {most_at(scope['path'])} bytes"
    if scope["path"].startswith(IN_JSON):
        text, kind = json.dumps({"errors": [{"field": "", "message": said}]}), b"application/json"
    else:
        text, kind = f"{said.capitalize()}.\n", b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(text)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
