"""What the server itself takes from a stranger before any application is asked: not more than it will read."""

from __future__ import annotations

from typing import Any

from playground.bodies import most_at

MAX_SAID = 4096  # bytes of one frame of a socket; a client has nothing to say but what it has shown


def cap_bodies() -> None:
    """Have Daphne keep no more of a body than shows that it is too long; without it, a body of any length is kept."""
    from daphne.http_protocol import WebRequest

    def keep_the_beginning(request: Any, data: bytes) -> None:
        path = getattr(request.channel, "_path", b"").partition(b"?")[0].decode("latin-1")
        room = most_at(path) + 1 - request.content.tell()
        if room > 0:
            request.content.write(data[:room])

    WebRequest.handleContentChunk = keep_the_beginning
