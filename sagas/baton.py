"""One at a time, in the order of asking: so that calls which take no time have an order.

Whoever waits for a moment, or for the others, lays the baton down meanwhile. Where calls take
time, time orders them, and there is no baton to wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from sagas.clock import Clock
from sagas.schedule import Schedule

T = TypeVar("T")


class Baton:
    """Held with `async with`. `is_needed` False: everyone holds one."""

    def __init__(self, *, is_needed: bool) -> None:
        self._lock = asyncio.Lock() if is_needed else None

    async def __aenter__(self) -> None:
        if self._lock is not None:
            await self._lock.acquire()

    async def __aexit__(self, *error: object) -> None:
        if self._lock is not None and self._lock.locked():
            self._lock.release()

    @asynccontextmanager
    async def laid_down(self) -> AsyncIterator[None]:
        """Give the baton to others for as long as the block lasts."""
        await self.__aexit__()
        try:
            yield
        finally:
            await self.__aenter__()


class BatonClock:
    """A clock whose sleepers do not hold the baton."""

    def __init__(self, clock: Clock, baton: Baton) -> None:
        self._clock, self._baton = clock, baton

    def now(self) -> int:
        return self._clock.now()

    async def sleep(self, ms: int) -> None:
        async with self._baton.laid_down():
            await self._clock.sleep(ms)

    async def first(self, task: asyncio.Task[T], ms: int) -> bool:
        return await self._clock.first(task, ms)


class BatonSchedule(Schedule):
    """A schedule at whose meetings nobody holds the baton."""

    def __init__(self, schedule: Schedule, baton: Baton) -> None:
        self._schedule, self._baton = schedule, baton

    async def meet(self, saga: str) -> None:
        async with self._baton.laid_down():
            await self._schedule.meet(saga)

    async def let_go(self) -> None:
        async with self._baton.laid_down():
            await self._schedule.let_go()

    def changed(self) -> None:
        self._schedule.changed()
