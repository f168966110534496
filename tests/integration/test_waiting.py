"""What the tests themselves wait with: whoever waits for a dead worker hears of it at once, and of what it died."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests.engine import at_work
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("engine_databases")

Wait = Callable[[Sequence[str]], Awaitable[None]]


class Dying:
    async def run(self) -> None:
        raise OSError("no room")


async def _wait(wait: Wait) -> None:
    await wait(["a run that nobody drives"])


async def _look(wait: Wait) -> None:
    await asyncio.to_thread(until, lambda: False)


async def _leave(wait: Wait) -> None:
    await asyncio.sleep(0)


@pytest.mark.timeout(30)  # far less than the patience of whoever waits
@pytest.mark.parametrize("how", [_wait, _look, _leave])
def test_a_worker_that_dies_is_told_of_at_once(how: Callable[[Wait], Any]) -> None:
    async def go() -> None:
        async with at_work(lambda book: Dying()) as (_, _, wait):
            await how(wait)

    with pytest.raises(AssertionError, match="the worker has ended") as told:
        asyncio.run(go())
    assert str(told.value.__cause__) == "no room"
