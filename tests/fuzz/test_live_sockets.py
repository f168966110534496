"""The sockets of a playground that runs, with clients that no library would be."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.play import Play

PATIENCE_SECONDS = 60
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2FnYSBwbGF5Z3JvdW5kIQ==\r\n\r\n"
)
TEXT, CONTINUED, RESERVED, CLOSE, PING = 0x81, 0x80, 0x83, 0x88, 0x89


@pytest.fixture(scope="module")
def run(shared_play: Play) -> str:
    made = requests.post(f"{shared_play.url}/api/runs", json={"latency_ms": 0, "seed": 11}, timeout=PATIENCE_SECONDS)
    return str(made.json()["id"])


@pytest.fixture
def bystander(shared_play: Play, run: str) -> Iterator[ClientConnection]:
    """Somebody who watches and does nothing; a ping finds out whether the line still holds."""
    with connect(f"{_ws(shared_play)}/ws/runs/{run}/json", open_timeout=PATIENCE_SECONDS) as line:
        yield line
        assert line.ping().wait(PATIENCE_SECONDS)
    assert "Traceback" not in shared_play.output


def _ws(play: Play) -> str:
    return play.url.replace("http", "ws", 1)


def _until_closed(line: ClientConnection) -> ConnectionClosed:
    """Return how the other side closed the line. Raises TimeoutError when it leaves it open."""
    try:
        while True:
            line.recv(PATIENCE_SECONDS)
    except ConnectionClosed as closed:
        return closed


def frame(first: int, payload: bytes, length: int | None = None) -> bytes:
    """Return a client's frame; `length` is what it says of itself, where that is not the truth."""
    said = len(payload) if length is None else length
    short = bytes([0x80 | said]) if said < 126 else b"\xff" + said.to_bytes(8, "big")
    return bytes([first]) + short + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, b"\xff\xfe"),
        frame(TEXT, b"\xed\xa0\x80"),
        frame(RESERVED, b"x"),
        frame(CONTINUED, b"of nothing"),
        frame(CLOSE, b"\x03"),
        frame(CLOSE, (9999).to_bytes(2, "big") + b"\xff"),
        frame(PING, b"x" * 200),
        frame(TEXT, b"x", length=2**62),
        frame(TEXT, b"{", length=100),
        frame(0xF1, b"reserved bits"),
        bytes(range(256)) * 8,
    ],
    ids=[
        "no UTF-8",
        "a surrogate",
        "a reserved opcode",
        "a continuation of nothing",
        "half a close code",
        "a close code that is none",
        "a control frame that is too long",
        "a length of exabytes",
        "a frame that breaks off",
        "reserved bits",
        "noise",
    ],
)
def test_a_frame_that_is_none_ends_its_own_line_alone(
    shared_play: Play, run: str, bystander: ClientConnection, sent: bytes
) -> None:
    host = urlsplit(shared_play.url).netloc
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=PATIENCE_SECONDS) as line:
        line.sendall(UPGRADE.format(path=f"/ws/runs/{run}/scenes", host=host).encode())
        assert line.recv(12) == b"HTTP/1.1 101"
        try:
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            while line.recv(65536):
                pass  # until it is closed
        except TimeoutError:
            raise
        except OSError:
            pass  # a line may be reset, too, even before all was said


@pytest.mark.parametrize("said", ["x" * 3_000_000, b"\0" * 3_000_000])
def test_a_message_without_end_ends_its_own_line_alone(
    shared_play: Play, run: str, bystander: ClientConnection, said: str | bytes
) -> None:
    with connect(f"{_ws(shared_play)}/ws/runs/{run}/scenes", open_timeout=PATIENCE_SECONDS) as line:
        with suppress(ConnectionClosed):
            line.send(said)
        _until_closed(line)


@pytest.mark.parametrize("said", ["x" * 900, b"\0" * 900, "[" * 900, '{"ack": 1e999}', '{"ack": -1}', ""])
def test_whatever_a_client_says_the_line_holds(
    shared_play: Play, run: str, bystander: ClientConnection, said: str | bytes
) -> None:
    with connect(f"{_ws(shared_play)}/ws/runs/{run}/scenes", open_timeout=PATIENCE_SECONDS, max_size=None) as line:
        line.send(said)
        while not (found := json.loads(line.recv(PATIENCE_SECONDS))).get("finished"):
            assert found["frames"]
        assert line.ping().wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/ws/runs/{run}/scenes?after=%00", 4400),
        ("/ws/runs/{run}/scenes?after=" + "9" * 5000, 4400),
        ("/ws/runs/{run}/scenes?saga=%ed%a0%80", 4404),
        ("/ws/runs/%00/json", 4404),
        ("/ws/runs/%ff%fe/json", 4404),
        ("/ws/" + "x" * 5000, 4404),
    ],
)
def test_an_address_that_leads_nowhere_is_closed_with_a_code(
    shared_play: Play, run: str, bystander: ClientConnection, address: str, code: int
) -> None:
    place = _ws(shared_play) + address.replace("{run}", run)
    with connect(place, open_timeout=PATIENCE_SECONDS) as line:
        closed = _until_closed(line)
    assert closed.rcvd is not None
    assert closed.rcvd.code == code


@pytest.mark.parametrize("origin", ["http://[", "null", "http://elsewhere.example"])
def test_a_page_from_elsewhere_gets_no_line(
    shared_play: Play, run: str, bystander: ClientConnection, origin: str
) -> None:
    headers = {"Origin": origin}
    with pytest.raises(InvalidStatus), connect(f"{_ws(shared_play)}/ws/runs/{run}/json", additional_headers=headers):
        pass
