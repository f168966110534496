"""The two ends of the channel layer: what was committed goes in here, and comes out there.

`publish` sends one message per turn of the event loop to one group for all runs. Messages
are delivered at most once; whoever receives them must be able to do without.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import InMemoryChannelLayer, get_channel_layer

from playground.feeds import encode
from sagas.clock import spawn
from sagas.entries import Entry

logger = logging.getLogger(__name__)

GROUP = "journal"
PATROL_SECONDS = 1.0


def publish(run: str, entries: Sequence[Entry]) -> None:
    """Tell every web process of entries that were just committed. Call it on the event loop, after the commit."""
    loop = asyncio.get_running_loop()
    if loop not in _outboxes:
        _outboxes[loop] = Outbox()
    _outboxes[loop].put(run, entries)


class Outbox:
    """What was committed since the last message; a new one goes out when that one has been handed over."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, Sequence[Entry]]] = []
        self._sending: asyncio.Task[None] | None = None

    def put(self, run: str, entries: Sequence[Entry]) -> None:
        layer: Any = get_channel_layer()
        if not entries or _nobody_listens(layer):
            return
        self._waiting.append((run, entries))
        if self._sending is None or self._sending.done():
            self._sending = spawn(self._send_all(layer), "publish the journal")

    async def _send_all(self, layer: Any) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            runs = [[run, encode([entry.to_json() for entry in entries])] for run, entries in waiting]
            try:
                await layer.group_send(GROUP, {"type": "journal.committed", "at": time.time(), "runs": runs})
            except Exception:
                # Only the liveliness is lost: every hub finds the entries when it looks.
                logger.exception("live.publish-failed", extra={"runs": len(runs)})


def _nobody_listens(layer: Any) -> bool:
    return layer is None or (isinstance(layer, InMemoryChannelLayer) and not layer.groups.get(GROUP))


class Subscription:
    """This hub's membership in the group; it outlives a layer that is away for a while."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()
        self._channel = ""

    async def renew(self) -> None:
        """Become a member, or stay one. A layer that cannot be reached is tried again by `receive`."""
        try:
            self._channel = self._channel or await self._layer.new_channel()
            await self._layer.group_add(GROUP, self._channel)
        except Exception:
            self._channel = ""
            logger.exception("live.subscribe-failed")

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        while True:
            try:
                if self._channel:
                    message: dict[str, Any] = await self._layer.receive(self._channel)
                    return message
            except Exception:
                self._channel = ""
                logger.exception("live.receive-failed")
            await asyncio.sleep(PATROL_SECONDS)
            await self.renew()

    async def end(self) -> None:
        """Be no member any more."""
        channel, self._channel = self._channel, ""
        if channel:
            await self._layer.group_discard(GROUP, channel)


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()
