"""Daphne, with a short way out for a text that many sockets share.

Daphne frames a text anew for each socket, leaves the writing to a later turn of its reactor and
takes any amount for one who does not read. Here a shared text is framed once and written at
once, and `send` returns only when there is room for more. Importing this installs Twisted's reactor.
"""

from __future__ import annotations

import asyncio
from typing import Any

from daphne.server import Server as Daphne  # first: it installs the reactor
from twisted.internet import reactor as installed
from twisted.internet.tcp import Connection

reactor: Any = installed
TEXT = 0x81  # RFC 6455, 5.2: the only frame of its message, and text
TWO_BYTES, EIGHT_BYTES = 126, 127  # how long the field of a longer length is
OPEN = 3  # autobahn's `STATE_OPEN`


class Server(Daphne):  # type: ignore[misc]
    """Daphne's server. What it sends to websockets goes straight to their sockets."""

    _text = ""
    _frame = b""

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a message for the application. Returns once the socket has room for the next one, or is gone."""
        text = message.get("text") if message["type"] == "websocket.send" else None
        exit_ = self._exit(protocol) if text else None
        if text is None or exit_ is None:
            await super().handle_reply(protocol, message)
            return
        if text is not self._text:
            self._text, self._frame = text, framed(text)
        exit_.write(self._frame)
        if exit_.is_full:
            await exit_.room()

    def _exit(self, protocol: Any) -> Exit | None:
        """Return the way out of an open socket; None for one that takes Daphne's way."""
        found: Exit | None = getattr(protocol, "exit", None)
        if found is None:
            if protocol.state != OPEN or not _is_plain_tcp(protocol.transport):
                return None
            found = protocol.exit = Exit(protocol.transport)
        details = self.connections.get(protocol)
        return found if protocol.state == OPEN and details and not details.get("disconnected") else None


class Exit:
    """One TCP connection's way out: the push producer of its transport, which is told when to pause."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._room = asyncio.Event()
        self._room.set()
        transport.unregisterProducer()  # the HTTP request that the socket began with, which produces nothing any more
        transport.registerProducer(self, True)

    @property
    def is_full(self) -> bool:
        """Whether more waits here than the transport wants to hold."""
        return not self._room.is_set()

    async def room(self) -> None:
        """Wait until what waits here has gone out, or nobody is there to take it."""
        await self._room.wait()

    def write(self, data: bytes) -> None:
        """Write at once what the socket takes, and leave the rest to the reactor."""
        transport = self._transport
        sent: Any = 0
        if not (transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting):
            sent = transport.writeSomeData(data)
        if not isinstance(sent, int):
            sent = 0  # the line is gone, which the reactor finds out and tells
        if sent < len(data):
            transport.write(data[sent:] if sent else data)

    def pauseProducing(self) -> None:  # noqa: N802
        self._room.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._room.set()
        if self._transport.disconnecting:
            self._transport.unregisterProducer()  # or the transport would wait for more before it closes

    def stopProducing(self) -> None:  # noqa: N802
        self._room.set()


def _is_plain_tcp(transport: Any) -> bool:
    """Return whether bytes may go past a transport: what encrypts, or writes in another way, has to see all of them."""
    return getattr(type(transport), "writeSomeData", None) is Connection.writeSomeData and not transport.TLS


def framed(text: str) -> bytes:
    """Return a text as one frame of a server: RFC 6455, 5.2, unmasked."""
    data = text.encode()
    size = len(data)
    if size < TWO_BYTES:
        return bytes((TEXT, size)) + data
    if size < 1 << 16:
        return bytes((TEXT, TWO_BYTES)) + size.to_bytes(2, "big") + data
    return bytes((TEXT, EIGHT_BYTES)) + size.to_bytes(8, "big") + data
