"""Clocks for real runs in a test: what is about time is over soon, and a busy machine changes nothing of how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

from sagas.clock import SystemClock

HURRY = 20
LOOK_SECONDS = 0.01


class Hasty(SystemClock):
    """Sleeps a twentieth of the time, and waits as long as it is told for what may come.

    A silence that the plan wants is slept through; an answer is waited for. So a timeout may be long
    enough for any answer, and its silences are short.
    """

    async def sleep(self, ms: int) -> None:
        await super().sleep(ms // HURRY)


class Leaping(SystemClock):
    """Goes as any clock does, but for `leap`, after which it is later by so many milliseconds for whoever waits."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def leap(self, ms: int) -> None:
        self._ahead_ms += ms

    def now(self) -> int:
        return super().now() + self._ahead_ms

    async def first(self, task: asyncio.Task[Any], ms: int) -> bool:
        end = self.now() + ms
        while not task.done() and self.now() < end:
            await asyncio.wait({task}, timeout=LOOK_SECONDS)
        return task.done()
