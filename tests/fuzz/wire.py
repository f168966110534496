"""Requests byte by byte, as no well-behaved client would send them."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hypothesis import strategies as st

MOST_ANSWERED = 4_000_000  # bytes
GONE = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)  # what a line says that the other side has closed


@dataclass(frozen=True)
class Raw:
    """A request; `length` is what its Content-Length says, None for the truth and "" for no such header."""

    method: str = "POST"
    path: str = "/api/runs"
    body: bytes = b"{}"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"
    length: bytes | None = None

    @property
    def promises_more(self) -> bool:
        """Whether the server has to wait for a body that does not come."""
        length = self.length or b""
        return length.isdigit() and (len(length) > 12 or int(length) > len(self.body))

    def bytes(self, host: str) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1".encode(), b"Host: " + host.encode(), b"Connection: close"]
        lines += [b"Content-Type: " + self.content_type] if self.content_type else []
        length = str(len(self.body)).encode() if self.length is None else self.length
        lines += [b"Content-Length: " + length] if length else []
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Answer:
    """What came back until the line was closed; status 0 where that was nothing."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def send(url: str, request: Raw, patience: float) -> Answer:
    """Send a request and return the answer. Raises TimeoutError when the line is neither answered nor closed.

    A body that was promised and does not come ends with the line: there is nothing to answer then.
    """
    host = urlsplit(url).netloc
    address, _, port = host.partition(":")
    with socket.create_connection((address, int(port)), timeout=patience) as line:
        try:
            line.sendall(request.bytes(host))
            if request.promises_more:
                line.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno not in GONE:
                raise
            # It was refused before it was all said; the answer may still be there.
        return _read(line)


def _read(line: socket.socket) -> Answer:
    received = bytearray()
    try:
        while len(received) < MOST_ANSWERED and (more := line.recv(65536)):
            received += more
    except OSError as error:
        if error.errno not in GONE:
            raise
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    if not first:
        return Answer()
    headers = dict(each.split(": ", 1) for each in rest if ": " in each)
    return Answer(int(first.split()[1]), {name.lower(): value for name, value in headers.items()}, body)


_DEEP = 100_000
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            b"null",
            b"[]",
            b'"x"',
            b"{",
            b"NaN",
            b'{"stock": NaN}',
            b'{"stock": -Infinity}',
            b'{"retry": {"factor": 1e999}}',
            b'{"stock": ' + b"9" * 4000 + b"}",
            b'{"stock": ' + b"9" * 6000 + b"}",
            b'{"seed": 1.0}',
            b'{"saga": "\\ud800"}',
            b'{"saga": "\\u0000"}',
            b'{"\\ud800": 1}',
            b'{"saga": "\xed\xa0\x80"}',
            b'{"saga": "\xff"}',
            b'{"stock": 1, "stock": 200}',
            b'{"stock": 200, "stock": 1}',
            b"[" * _DEEP + b"]" * _DEEP,
            b'{"a":' * 8000 + b"1" + b"}" * 8000,
            b'{"faults": ' + b"[" * 900 + b"]" * 900 + b"}",
            b'{"faults": [' + b"{}," * 5000 + b"{}]}",
            b"\xef\xbb\xbf{}",
            "{}".encode("utf-16"),
            b"{" + b" " * 70_000 + b"}",
            b" " * 10_000_000,
            b"a=1&b=2",
            b'{"latency_ms": 0}',
        ]
    ),
)
_KEYS = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b" ", b"k" * 256, b"\xff\xfe", b"\t", b'"k"', b"k\0k"]))
_HEADERS = st.one_of(
    st.tuples(st.just(b"Idempotency-Key"), _KEYS),
    st.tuples(st.just(b"Origin"), st.sampled_from([b"http://[", b"null", b"http://elsewhere.example", b"\xff", b""])),
    st.tuples(
        st.sampled_from([b"Accept", b"Cookie", b"X-Any", b"Content-Encoding", b"Expect"]), st.binary(max_size=30)
    ),
).map(lambda pair: (pair[0], pair[1].replace(b"\r", b"").replace(b"\n", b"")))
_TYPES = st.sampled_from(
    [b"application/json"] * 12
    + [b"", b"text/plain", b"application/json; charset=utf-16", b"application/json; charset=none", b"a" * 300]
    + [b"multipart/form-data", b"multipart/form-data; boundary=\xff", b"application/x-www-form-urlencoded", b"\xff\xfe"]
)
_LENGTHS = st.sampled_from(
    [None] * 8 + [b"", b"0", b"1", b"-1", b"x", b"999999999999", b"9" * 5000, b"\xb2", b"\xff", b"1, 2"]
)


def requests(run: str) -> st.SearchStrategy[Raw]:
    """Return requests of the API, and near it, of every shape."""
    posts = ["/api/runs", "/api/scenarios", f"/api/runs/{run}/fork", f"/api/runs/{run}/pause"]
    posts += [f"/api/sagas/{run}-1/{act}" for act in ("retry", "resolve", "fail", "release")]
    paths = [*posts, *posts, *posts, f"/api/runs/{run}", f"/api/runs/{run}/journal?after=%00", "/api/", "/api/nothing"]
    paths += [
        f"/api/runs/{run}/scenes?saga=%00&after=-1",
        f"/api/runs/{run}/export?format=%ff",
        "/api/runs/%00/journal",
    ]
    return st.builds(
        Raw,
        method=st.sampled_from(["POST"] * 40 + ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]),
        path=st.sampled_from(paths),
        body=BODIES,
        headers=st.lists(_HEADERS, max_size=2).map(tuple),
        content_type=_TYPES,
        length=_LENGTHS,
    )
