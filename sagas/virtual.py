"""Virtual time, and chance from a seed: what a simulated run has in place of a machine.

Nothing happens here by itself. Whenever every task waits, exactly one thing is let happen:
a sleep that is over, else one call that a service answers, drawn by the seed, else a
patience that has run out; only when there is none of these does time go on. So the order of
events is the seed's doing, and neither the machine's nor the event loop's.
Source: Zhou et al., "FoundationDB", 2021, section 4: deterministic simulation.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from sagas.errors import SimulationStuck

MOST_EVENTS = 50_000  # of one run: far more than the longest retries of eight sagas need

T = TypeVar("T")
P = ParamSpec("P")


class VirtualClock:
    """A clock that stands still until it is told to skip. Times in milliseconds."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._numbers = itertools.count()
        self._timers: list[tuple[int, bool, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    async def sleep(self, ms: int) -> None:
        await self._timer(ms, is_patience=False)

    async def first(self, task: asyncio.Task[T], ms: int) -> bool:
        """Return whether `task` ended within `ms`; an answer that comes in the very last moment is heard."""
        timer = self._timer(ms, is_patience=True)
        either: set[asyncio.Future[Any]] = {task, timer}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return task.done()

    def ring(self, *, patience: bool) -> bool:
        """Return whether a timer was due and was let ring: a sleep, or with `patience` whatever is due."""
        self._forget_cancelled()
        if not self._timers or self._timers[0][0] > self._now or (self._timers[0][1] and not patience):
            return False
        heapq.heappop(self._timers)[-1].set_result(None)
        return True

    def skip(self) -> bool:
        """Return whether there is a timer; it is that timer's time then."""
        self._forget_cancelled()
        if self._timers:
            self._now = max(self._now, self._timers[0][0])
        return bool(self._timers)

    def _timer(self, ms: int, *, is_patience: bool) -> asyncio.Future[None]:
        timer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self._now + max(0, ms), is_patience, next(self._numbers), timer))
        return timer

    def _forget_cancelled(self) -> None:
        while self._timers and self._timers[0][-1].done():
            heapq.heappop(self._timers)


class Calls(Executor):
    """Calls that wait to be answered. `answer` makes one of them, on the thread that asks; the seed draws which."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._draws = itertools.count()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def answer(self) -> bool:
        """Return whether a call was waiting; it has been answered then."""
        while self._waiting:
            future, call = self._waiting.pop(self._draw(len(self._waiting)))
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except Exception as error:
                    future.set_exception(error)
                return True
        return False

    def _draw(self, among: int) -> int:
        """Return a number below `among`. A hash, so that no library's generator is part of the result."""
        if among == 1:
            return 0
        digest = hashlib.sha256(f"{self._seed}|{next(self._draws)}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % among


class _Idle(selectors.BaseSelector):
    """A selector that watches no file. Asked to wait, it stops the loop: every task waits."""

    def __init__(self) -> None:
        self.stop: Callable[[], None] = lambda: None
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.stop()
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


def play(main: Coroutine[Any, Any, T], clock: VirtualClock, calls: Calls) -> T:
    """Return what `main` returns, on an event loop of its own in which `clock` and `calls` are all that happens.

    Calls are made while the loop stands still, so that they may block and use a database.
    Raises SimulationStuck when nothing can happen any more, or far too much has. Not for a
    thread with a running event loop.
    """
    idle = _Idle()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(idle)) as runner:
        loop = runner.get_loop()
        idle.stop = loop.stop
        task = loop.create_task(main)
        for _ in range(MOST_EVENTS):
            loop.run_forever()
            if task.done():
                return task.result()
            if not (clock.ring(patience=False) or calls.answer() or clock.ring(patience=True) or clock.skip()):
                raise SimulationStuck("nothing can happen any more")
        raise SimulationStuck(f"not ended after {MOST_EVENTS} events")
