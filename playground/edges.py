"""What the server itself takes from a stranger before any application is asked: not more than it will read."""

from __future__ import annotations

from typing import Any

from playground.bodies import MAX_BODY

MAX_SAID = 4096  # bytes of one frame of a socket; a client has nothing to say but what it has shown


def cap_bodies() -> None:
    """Have Daphne keep no more of a body than shows that it is too long; without it, a body of any length is kept."""
    from daphne.http_protocol import WebRequest

    def keep_the_beginning(request: Any, data: bytes) -> None:
        room = MAX_BODY + 1 - request.content.tell()
        if room > 0:
            request.content.write(data[:room])

    WebRequest.handleContentChunk = keep_the_beginning
