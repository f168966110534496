"""Who brings to an engine elsewhere what the default database asks for.

A stored run is what has to be started, and a command that nobody has handled is what has to be told:
a carrier looks when it is woken and otherwise once per poll, and telling twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import Error as DatabaseFailed
from django.db import connections

from sagas import runs
from sagas.databases import mended
from sagas.models import Command, Run

logger = logging.getLogger(__name__)

ROWS_PER_LOOK = 500

T = TypeVar("T")
P = ParamSpec("P")


class Carrier:
    """One engine's carrier of this process. `only` is the one run to carry; a command is told again after `lease_ms`."""

    def __init__(self, engine: str, *, lease_ms: int, poll_ms: int, only: str = "") -> None:
        self._engine, self._lease_ms, self._poll_ms, self._only = engine, lease_ms, poll_ms, only
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{engine}-carrier")
        self._work = asyncio.Event()
        self._told: dict[int, float] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Be woken within the block; give back the thread and its connection after it."""
        loop = asyncio.get_running_loop()

        def wake(run: str) -> None:
            loop.call_soon_threadsafe(self._work.set)

        runs.on_work(wake)
        try:
            yield
        finally:
            runs.off_work(wake)
            await self.in_thread(connections.close_all)
            self._thread.shutdown()

    async def carry_forever(
        self,
        start: Callable[[str], Awaitable[None]],
        tell: Callable[[Command], Awaitable[None]],
        unreachable: type[Exception],
    ) -> None:
        """Start each run that the engine may not know of, tell it of each command; do so until cancelled.

        Whatever raises `unreachable`, or the database's own error, is done again after the next look.
        """
        begun = True  # whatever was left in the middle, by whom ever: once
        while True:
            try:
                for run in await self.in_thread(self._unstarted, begun):
                    await start(run)
                for command in await self.in_thread(self._untold, _now()):
                    await tell(command)
                    self._told[command.pk] = _now()
                begun = False
            except DatabaseFailed as error:
                logger.error("%s.database-failed: %s", self._engine, error)
            except unreachable as error:
                logger.error("%s.not-told: %s", self._engine, error)
            await self._rest()

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what work returns that blocks; it has this carrier's one thread and connection."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, mended, partial(work, *args, **kwargs))

    def _unstarted(self, begun: bool) -> list[str]:
        """Return runs that the engine may not know of; with `begun` also all of those that it should know."""
        mine = Run.objects.filter(engine=self._engine, state=Run.State.RUNNING, pruning=False).order_by("created_at")
        if self._only:
            mine = mine.filter(pk=self._only)
        if not begun:
            mine = mine.filter(lease_epoch=0)[:ROWS_PER_LOOK]
        return list(mine.values_list("pk", flat=True))

    def _untold(self, now: float) -> list[Command]:
        """Return the commands that wait, but for those told within a lease."""
        waiting = Command.objects.filter(run__engine=self._engine, handled_seq=None, run__pruning=False).order_by("pk")
        if self._only:
            waiting = waiting.filter(run=self._only)
        found = list(waiting[:ROWS_PER_LOOK])
        self._told = {command.pk: self._told[command.pk] for command in found if command.pk in self._told}
        late = now - self._lease_ms / 1000
        return [command for command in found if self._told.get(command.pk, late) <= late]

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_ms / 1000):
                await self._work.wait()
        self._work.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
