"""Time as a port: the engine asks a `Clock`, so that a simulator can own it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Now, and waiting. All times are in milliseconds; `now` since the epoch."""

    def now(self) -> int: ...

    async def sleep(self, ms: int) -> None: ...

    async def first(self, task: asyncio.Task[T], ms: int) -> bool:
        """Return True when `task` ended within `ms`, False when the time ran out first.

        The task goes on in either case; it is never cancelled here.
        """
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, ms: int) -> None:
        await asyncio.sleep(max(0, ms) / 1000)

    async def first(self, task: asyncio.Task[T], ms: int) -> bool:
        done, _ = await asyncio.wait({task}, timeout=ms / 1000)
        return bool(done)


class SharedClock(SystemClock):
    """The machine's own clock, put right by one that all machines ask. Until then, and where there is none, its own."""

    def __init__(self) -> None:
        self._behind_ms = 0

    def machine(self) -> int:
        """Return what the machine's own clock says."""
        return super().now()

    def now(self) -> int:
        return self.machine() + self._behind_ms

    def put_right(self, ask: Callable[[], int | None]) -> int:
        """Go by what `ask` returns from now on; return by how many milliseconds this clock was moved.

        It stays as it is while the other one could be right, which spoke at some moment of the asking.
        """
        before = self.machine()
        shared = ask()
        after = self.machine()
        if shared is None:
            return 0
        moved = shared - (before + after) // 2 - self._behind_ms
        if abs(moved) <= after - before:
            return 0
        self._behind_ms += moved
        return moved


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until each has ended, whatever it ended with."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_one_ends(*tasks: asyncio.Task[Any]) -> None:
    """Return once one of some tasks has ended and the others have been cancelled; raise the error it ended with, if any."""
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            if not task.cancelled():
                task.result()
    finally:
        await cancel_and_wait(*tasks)


def spawn(coroutine: Coroutine[Any, Any, T], name: str, context: Context | None = None) -> asyncio.Task[T]:
    """Return a named task of the running loop, in a context of its own or in the given one."""
    return asyncio.get_running_loop().create_task(coroutine, name=name, context=context)
