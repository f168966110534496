"""Whom a request comes from: what proxies say is believed, what strangers say is not."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from playground.bodies import MAX_BODY, Bounded
from playground.visitors import Proxies, asked_from, name_of

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("127.0.0.1"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger who lies
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # what came before the last stranger is hearsay
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),  # two proxies in a row
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has_is_the_visitor(peer: str, forwarded: str, found: str) -> None:
    assert asked_from(peer, forwarded.split(","), TRUSTED) == found


def test_a_household_is_one_visitor_and_an_address_is_not_written_down() -> None:
    assert name_of("2001:db8:1:2::1") == name_of("2001:db8:1:2:ffff::2")
    assert name_of("2001:db8:1:2::1") != name_of("2001:db8:1:3::1")
    assert name_of("::ffff:198.51.100.1") == name_of("198.51.100.1")
    assert len({name_of("198.51.100.1"), name_of("198.51.100.2"), name_of("")}) == 3
    assert "198" not in name_of("198.51.100.1")
    assert len(name_of("198.51.100.1")) == 32


async def through(scope: dict[str, Any], settings: Any) -> dict[str, Any]:
    """Return the scope as the application behind the proxies sees it."""
    settings.SAGA_TRUSTED_PROXIES = TRUSTED
    seen: list[dict[str, Any]] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    await Proxies(inner)({"scheme": "http", **scope}, None, None)
    return seen[0]


SAID = [
    (b"x-forwarded-for", b"192.0.2.66"),
    (b"x-forwarded-for", b"198.51.100.1"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"evil.example"),
    (b"forwarded", b"for=192.0.2.66"),
    (b"host", b"sagas.example"),
]


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_a_trusted_proxy_says_who_asks_and_that_it_was_by_tls(kind: str, scheme: str, settings: Any) -> None:
    seen = await through({"type": kind, "client": ["127.0.0.1", 5], "headers": SAID}, settings)
    assert (seen["client"][0], seen["scheme"]) == ("198.51.100.1", scheme)
    assert seen["headers"] == [(b"host", b"sagas.example")]


async def test_a_stranger_who_says_the_same_is_not_believed(settings: Any) -> None:
    seen = await through({"type": "http", "client": ["203.0.113.9", 5], "headers": SAID}, settings)
    assert (seen["client"][0], seen["scheme"]) == ("203.0.113.9", "http")
    assert seen["headers"] == [(b"host", b"sagas.example")]


async def test_a_proxy_that_was_asked_without_tls_says_so(settings: Any) -> None:
    headers = [*SAID[:3], (b"x-forwarded-proto", b"http")]  # the last word is the proxy's own
    assert (await through({"type": "http", "client": ["10.0.0.1", 5], "headers": headers}, settings))[
        "scheme"
    ] == "http"


async def answered(path: str, headers: list[Any], *chunks: bytes) -> tuple[list[dict[str, Any]], list[bytes], int]:
    """Return what was sent, the bodies that the application inside got, and how many chunks were left unread."""
    waiting = [{"type": "http.request", "body": body, "more_body": True} for body in chunks]
    waiting[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []
    got: list[bytes] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        got.append((await receive())["body"])

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await Bounded(inner)({"type": "http", "path": path, "headers": headers}, receive, send)
    return sent, got, len(waiting)


async def test_a_body_that_announces_too_much_is_not_even_read() -> None:
    sent, got, unread = await answered("/api/runs", [(b"content-length", b"%d" % (MAX_BODY + 1))], b"x", b"x")
    assert (sent[0]["status"], got, unread) == (413, [], 2)
    assert b'"message": "a body holds at most 65536 bytes"' in sent[1]["body"]


async def test_a_body_that_grows_too_long_is_read_no_further() -> None:
    sent, got, unread = await answered("/lab/", [], b"x" * MAX_BODY, b"x", b"x" * MAX_BODY)
    assert (sent[0]["status"], got, unread) == (413, [], 1)
    assert sent[1]["body"] == b"A body holds at most 65536 bytes.\n"


async def test_a_body_that_just_fits_is_handed_on_in_one_piece() -> None:
    halves = b"a" * (MAX_BODY // 2), b"b" * (MAX_BODY // 2)
    sent, got, _ = await answered("/lab/", [(b"content-length", b"%d" % MAX_BODY)], *halves)
    assert (sent, got) == ([], [b"".join(halves)])
