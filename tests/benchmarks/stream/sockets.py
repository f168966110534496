"""Readers of a stream, many in one process: plain sockets, and only as much of RFC 6455 as reading takes.

A reader holds the server to its word: the messages come numbered, and one that is missing, or comes twice, is an error.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator

MARK = re.compile(rb'"mark":"(\d+)\.(\d+)"')
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FINAL, MASKED = 0x80, 0x80
RECEIVED = 1 << 18  # bytes at once
HANDSHAKE_SECONDS = 30
SMALL_BUFFER = 4096  # bytes that wait for one who does not read

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the same for all: nothing is proven to anybody here


class Lost(Exception):
    """A reader was not told what it should have been."""


class Reader:
    """One socket. `last` is the number of the last message that it has."""

    __slots__ = ("_rest", "last", "sock")

    def __init__(self, port: int, path: str, *, slow: bool = False) -> None:
        self.sock = socket.socket()
        if slow:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.sock.settimeout(HANDSHAKE_SECONDS)
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(HANDSHAKE.format(path=path, port=port, key=KEY).encode())
        self._rest = b""
        self.last = 0

    def welcomed(self) -> None:
        """Wait for the answer to the handshake."""
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._received()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Lost(f"a socket was refused: {head[:80]!r}")

    def take(self, times: list[int] | None = None) -> Iterator[int]:
        """Yield the numbers of the messages that are there; to `times` goes how long each was under way, in ns."""
        data = self._rest + self._received()
        now = time.monotonic_ns()
        at, size = 0, len(data)
        while at + 2 <= size:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if (end := at + head + length) > size:
                break
            if data[at] == FINAL | TEXT:
                for number, told in MARK.findall(data, at + head, end):
                    yield self._numbered(int(number))
                    if times is not None:
                        times.append(now - int(told))
            else:
                self._control(data[at], data[at + head : end])
            at = end
        self._rest = data[at:]

    def acknowledge(self, seq: int) -> None:
        """Say that everything up to `seq` has been shown."""
        self._send(TEXT, json.dumps({"ack": seq}).encode())

    def close(self) -> None:
        self.sock.close()

    def _numbered(self, number: int) -> int:
        if number != self.last + 1:
            raise Lost(f"message {number} came after message {self.last}")
        self.last = number
        return number

    def _control(self, first: int, payload: bytes) -> None:
        if first == FINAL | PING:
            self._send(PONG, payload)
        else:
            raise Lost(f"the server said {first:#x}: {payload[:80]!r}")

    def _received(self) -> bytes:
        data = self.sock.recv(RECEIVED)
        if not data:
            raise Lost(f"the line was closed after message {self.last}")
        return data

    def _send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
        self.sock.sendall(bytes((FINAL | opcode, MASKED | len(payload))) + mask + masked)
