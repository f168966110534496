"""Waiting for what is to come: it is looked for again and again, and patience ends.

Whoever waits does so for somebody's work, so `watching` has every wait look after those who do it, too:
what they died of is told at once instead of a minute later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

PATIENCE_SECONDS = 90
LOOK_SECONDS = 0.01  # between two looks

T = TypeVar("T")

_look: ContextVar[Callable[[], None]] = ContextVar("look", default=lambda: None)


def until(
    holds: Callable[[], T],
    told: Callable[[], object] = lambda: "it never came to be",
    patience: float = PATIENCE_SECONDS,
) -> T:
    """Return what `holds` returns once that is true. Blocks; on an event loop it belongs into a thread.

    Raises AssertionError, with what `told` returns, when it takes longer than `patience` seconds.
    """
    end = time.monotonic() + patience
    while not (found := holds()):
        _look.get()()
        assert time.monotonic() < end, told()
        time.sleep(LOOK_SECONDS)
    return found


async def until_async(holds: Callable[[], Any], again: Callable[[], Any] = lambda: None) -> None:
    """Return when something holds that is asked on the event loop; do something in a thread before each look."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            _look.get()()
            await asyncio.to_thread(again)
            await asyncio.sleep(LOOK_SECONDS)


@contextmanager
def watching(look: Callable[[], None]) -> Iterator[None]:
    """Have each wait of this context, and of threads begun in it, call `look`, which raises when it waits for nobody."""
    before = _look.get()

    def both() -> None:
        before()
        look()

    token = _look.set(both)
    try:
        yield
    finally:
        _look.reset(token)
