"""The table of the latest runs on its way to the home pages that are open.

One board per process hears of commits, draws the table at most twice a second and hands the
same text to every socket. Messages may be lost and ages grow, so it also looks by itself
once per second; when nobody looks at it, it does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from playground import latest, metrics
from playground.layer import PATROL_SECONDS, Subscription
from playground.live import RESUBSCRIBE_SECONDS
from sagas.clock import cancel_and_wait, spawn

logger = logging.getLogger(__name__)

PACE_SECONDS = 0.5


def board() -> Board:
    """Return the board of this process, which is that of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _boards:
        _boards[loop] = Board()
    return _boards[loop]


class Board:
    """The drawn table, and who looks at it. `html` is "" until it has been drawn."""

    def __init__(self) -> None:
        self.html = ""
        self._lookers: set[Looker] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._gate = asyncio.Lock()
        self._stale = asyncio.Event()

    async def join(self) -> Looker:
        """Return a looker that gets the table as it is, and then each time that it changed."""
        looker = Looker(self)
        self._lookers.add(looker)
        metrics.open_sockets.inc()
        await self._tend()
        return looker

    async def leave(self, looker: Looker) -> None:
        """Forget a looker."""
        if looker in self._lookers:
            self._lookers.discard(looker)
            metrics.open_sockets.dec()
            await self._tend()

    async def _tend(self) -> None:
        """Draw while anybody looks, and only then."""
        async with self._gate:
            if self._lookers and not self._tasks:
                subscription = Subscription()
                await subscription.renew()
                self._tasks = [
                    spawn(self._listen(subscription), "listen for the latest runs"),
                    spawn(self._draw_forever(subscription), "draw the latest runs"),
                ]
            elif not self._lookers and self._tasks:
                tasks, self._tasks, self.html = self._tasks, [], ""
                await cancel_and_wait(*tasks)

    async def _listen(self, subscription: Subscription) -> None:
        try:
            while True:
                await subscription.receive()
                self._stale.set()
        finally:
            await subscription.end()

    async def _draw_forever(self, subscription: Subscription) -> None:
        renew_at = time.monotonic() + RESUBSCRIBE_SECONDS
        while True:
            try:
                self._show(await database_sync_to_async(latest.draw)())
                if time.monotonic() >= renew_at:
                    await subscription.renew()
                    renew_at = time.monotonic() + RESUBSCRIBE_SECONDS
            except Exception:
                logger.exception("latest.draw-failed", extra={"lookers": len(self._lookers)})
            await asyncio.sleep(PACE_SECONDS)
            await self._until_stale()

    async def _until_stale(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATROL_SECONDS):
                await self._stale.wait()
        self._stale.clear()

    def _show(self, html: str) -> None:
        if html != self.html:
            self.html = html
            for looker in self._lookers:
                looker.wake()


class Looker:
    """One socket's view of the board. Iterate over it for the texts to send; what came in between is left out."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._work = asyncio.Event()

    def wake(self) -> None:
        """Look again."""
        self._work.set()

    async def __aiter__(self) -> AsyncIterator[str]:
        sent = ""
        while True:
            html = self._board.html
            if html == sent:
                self._work.clear()
                await self._work.wait()
                continue
            sent = html
            yield html


_boards: WeakKeyDictionary[asyncio.AbstractEventLoop, Board] = WeakKeyDictionary()
