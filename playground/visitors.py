"""Who a visitor is: the address that a request comes from, and never a cookie.

Behind proxies that the settings trust it is the address that those say they were asked from;
what anybody else says of where a request comes from is thrown away before anybody reads it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")
IPV6_PREFIX = 64  # bits: one household has all the addresses that share them
NAME_LETTERS = 32
NOBODY = ""  # the address of whoever comes through a socket file

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Asgi = Callable[[Any, Any, Any], Awaitable[Any]]


def visitor_of(request: HttpRequest) -> str:
    """Return the name of the visitor whose request this is."""
    return name_of(request.META.get("REMOTE_ADDR", NOBODY))


def name_of(address: str) -> str:
    """Return the name under which an address is counted: the same in every process, and not the address itself."""
    parsed = parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return hidden(str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False)))
    return hidden(str(parsed or NOBODY))


def is_local(request: HttpRequest) -> bool:
    """Return whether a request was made on this very machine, and for nobody else."""
    address = parse(request.META.get("REMOTE_ADDR", NOBODY))
    return address is not None and address.is_loopback


def parse(text: str) -> Address | None:
    """Return an address; None for what is none. An IPv4 address in IPv6's clothes is the IPv4 one."""
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def asked_from(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> str:
    """Return whom a request comes from, for all that can be trusted of what it says.

    `forwarded` are the addresses of X-Forwarded-For, each added behind the others by a proxy. They
    are read from the last one back, for as long as the one who added them is trusted.
    """
    found = peer
    for address in reversed([text.strip() for text in forwarded]):
        if not _is_trusted(found, trusted) or parse(address) is None:
            return found
        found = address
    return found


class Proxies:
    """An ASGI application that tells the one inside who asks, and whether they asked by TLS."""

    def __init__(self, inner: Asgi) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] in ("http", "websocket"):
            scope = _seen_through(scope, settings.SAGA_TRUSTED_PROXIES)
        return await self._inner(scope, receive, send)


def _seen_through(scope: Any, trusted: Sequence[Network]) -> dict[str, Any]:
    headers = list(scope.get("headers", ()))
    kept = [(name, value) for name, value in headers if name not in FORWARDED]
    client = scope.get("client") or (NOBODY, 0)
    if not _is_trusted(client[0], trusted):
        return {**scope, "headers": kept}
    said = ",".join(_values(headers, b"x-forwarded-for"))
    client = [asked_from(client[0], said.split(",") if said else (), trusted), client[1]]
    secure = {"http": "https", "websocket": "wss"}[scope["type"]]
    by_tls = _values(headers, b"x-forwarded-proto")[-1:] == ["https"]
    return {**scope, "headers": kept, "client": client, **({"scheme": secure} if by_tls else {})}


def _values(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in headers if name == wanted]


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = parse(address)
    return parsed is not None and any(parsed in network for network in trusted)


def hidden(text: str) -> str:
    """Return the name under which a text is counted; nobody reads it back without the site's secret key."""
    return salted_hmac("playground.visitors", text, algorithm="sha256").hexdigest()[:NAME_LETTERS]
