"""The sockets. They only relay: what to send is the business of `playground.live` and `playground.board`.

A client of a run may say `{"ack": SEQ}` for what it has shown. From then on it is sent no more than a
window ahead of that, and taken to the newest scene when it falls far behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterable
from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from playground import board, live
from playground.board import Looker
from playground.feeds import Viewer, encode
from sagas.clock import cancel_and_wait, spawn
from sagas.errors import SagaError

logger = logging.getLogger(__name__)

BAD_REQUEST = 4400
NOT_FOUND = 4404
MAX_WORD = 200  # characters of a client's message
MAX_REASON = 120  # bytes that a close frame has room for

_SEQ = re.compile(r"[0-9]{1,9}")


class Relay(AsyncWebsocketConsumer):
    """A socket that sends, one after the other, the texts that somebody else makes.

    It has no channel of its own in the layer: who listens there is the hub and the board.
    """

    channel_layer_alias = ""

    _sending: asyncio.Task[None] | None = None

    def relay(self, texts: AsyncIterable[str], name: str) -> None:
        """Send these from now on."""
        self._sending = spawn(self._send_all(texts), name)

    async def dispatch(self, message: Any) -> None:
        """Obey the server. Channels would also look for old database connections, in a thread, word for word."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def disconnect(self, code: int) -> None:
        if self._sending is not None:
            await cancel_and_wait(self._sending)

    async def _send_all(self, texts: AsyncIterable[str]) -> None:
        try:
            async for text in texts:
                if not await self._sent(text):
                    return
        except Exception:
            logger.exception("socket.relay-failed")

    async def _sent(self, text: str) -> bool:
        """Return whether the line took it. One that went away under a send says so by `disconnect`, which follows."""
        message: Any = {"type": "websocket.send", "text": text}
        try:
            await self.base_send(message)
        except Exception as error:  # each server raises its own; any client can cause it, so it is one line of the log
            logger.info("socket.send-failed: %s", error)
            return False
        return True


class RunConsumer(Relay):
    """One viewer of one run: first what it missed after `?after=`, then everything live."""

    view: ClassVar[str]
    _viewer: Viewer | None = None

    async def connect(self) -> None:
        await self.accept()
        asked = parse_qs(self.scope["query_string"].decode("latin-1"))
        after, saga = asked.get("after", ["0"])[-1], asked.get("saga", [""])[-1]
        if not _SEQ.fullmatch(after):
            await self._refuse(BAD_REQUEST, "after", "after must be a whole number from 0 on")
            return
        run = self.scope["url_route"]["kwargs"]["run_id"]
        try:
            self._viewer = await live.hub().join(run, int(after), saga, self.view)
        except SagaError as error:
            await self._refuse(NOT_FOUND, "run", str(error))
            return
        self.relay(self._viewer, f"watch {run}")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        seq = _acknowledged(text_data)
        if self._viewer is not None and seq is not None:
            self._viewer.acknowledge(seq)

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self._viewer is not None:
            await live.hub().leave(self._viewer)

    async def _refuse(self, code: int, field: str, reason: str) -> None:
        """Say why and close. In words first, because Daphne closes without the reason."""
        short = reason.encode("ascii", "replace")[:MAX_REASON].decode()
        await self.send(text_data=encode({"errors": [{"field": field, "message": short}]}))
        await self.close(code=code, reason=short)


class ScenesConsumer(RunConsumer):
    """`/ws/runs/<id>/scenes`: entries with the scene after each."""

    view = live.SCENES


class JournalConsumer(RunConsumer):
    """`/ws/runs/<id>/json`: the journal's entries."""

    view = live.JSON


class LatestConsumer(Relay):
    """`/ws/latest/`: the table of the latest runs, as HTML for htmx, each time that it changed."""

    _looker: Looker | None = None

    async def connect(self) -> None:
        await self.accept()
        self._looker = await board.board().join()
        self.relay(self._looker, "watch the latest runs")

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self._looker is not None:
            await board.board().leave(self._looker)


class NowhereConsumer(AsyncWebsocketConsumer):
    """Any other address: closed with a reason, rather than left to time out."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(code=NOT_FOUND, reason="no socket at this address")


def _acknowledged(text: str | None) -> int | None:
    if text is None or len(text) > MAX_WORD:
        return None
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    seq = said.get("ack") if isinstance(said, dict) else None
    return seq if type(seq) is int and seq >= 0 else None
