"""A real server and a stranger with too much to say."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from playground.bodies import MAX_BODY
from playground.edges import MAX_SAID
from tests.play import Play

ENDLESS = 32 * 1024 * 1024  # bytes, more than all buffers on the way hold
PATIENCE_SECONDS = 60


@contextmanager
def line_to(play: Play) -> Iterator[socket.socket]:
    at = urlsplit(play.url)
    with socket.create_connection((at.hostname, at.port), timeout=PATIENCE_SECONDS) as line:
        yield line


def kept(play: Play) -> int:
    """Return the size of the largest file without a name that the server has open: where a body is kept."""
    assert play._process is not None
    folder = f"/proc/{play._process.pid}/fd"
    sizes = [0]
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if os.path.exists(path) and os.readlink(path).endswith("(deleted)"):
            sizes.append(os.stat(path).st_size)
    return max(sizes)


def test_a_body_without_end_is_not_kept_and_is_answered_in_the_end(shared_play: Play) -> None:
    head = f"POST /lab/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {ENDLESS}\r\n\r\n"
    with line_to(shared_play) as line:
        line.sendall(head.encode() + b"x" * (ENDLESS - 1))
        assert 0 < kept(shared_play) <= MAX_BODY + 1
        line.sendall(b"x")
        assert line.recv(1024).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_pieces_that_says_no_length_is_too_long_all_the_same(shared_play: Play) -> None:
    piece = b"%x\r\n%s\r\n" % (MAX_BODY // 4, b"x" * (MAX_BODY // 4))
    head = b"POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with line_to(shared_play) as line:
        line.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 5 + b"0\r\n\r\n")
        answer = line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"message": "a body holds at most 65536 bytes"' in answer


def test_a_socket_that_says_too_much_is_cut_off(shared_play: Play) -> None:
    where = shared_play.url.replace("http", "ws", 1) + "/ws/latest/"
    with connect(where, proxy=None) as line:
        line.send("x" * MAX_SAID)
        assert line.ping().wait(PATIENCE_SECONDS), "so much may be said, and is passed over"
        line.send("x" * (MAX_SAID + 1))
        with pytest.raises(ConnectionClosedError):
            deque(line, maxlen=0)
