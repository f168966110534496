"""Whose page may talk to us: our own, and those that the settings trust. Scripts send no Origin."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from playground.visitors import Asgi

LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")


def is_welcome(origin: str | None, host: str) -> bool:
    """Return whether a request with this Origin header may be answered under this Host header.

    A browser always sends an Origin with a websocket and with a POST; a script sends none and
    is welcome. The host must be one of ours, or a page elsewhere could point its own name here.
    """
    if origin is None:
        return True
    try:
        given = urlsplit(origin)
    except ValueError:  # as of "http://[": no origin that a browser sends
        return False
    if _is_trusted(given):
        return True
    allowed = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else ())
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed) and given.netloc.lower() == host.lower()


class OwnOrigins:
    """An ASGI application that refuses websockets which a foreign page opens."""

    def __init__(self, inner: Asgi) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = dict(scope.get("headers", ()))
        origin = headers.get(b"origin")
        host = headers.get(b"host", b"").decode("latin-1")
        if is_welcome(None if origin is None else origin.decode("latin-1"), host):
            return await self._inner(scope, receive, send)
        await receive()
        return await send({"type": "websocket.close", "code": 4403})


def _is_trusted(given: SplitResult) -> bool:
    for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS):
        if trusted.scheme == given.scheme and is_same_domain(given.netloc, trusted.netloc.lstrip("*")):
            return True
    return False
