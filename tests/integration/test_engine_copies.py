"""What several processes at desks know of one run: each entry once, in whatever order they read and write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from sagas import catalog, leases
from sagas.clock import SystemClock
from sagas.engines.copies import Copy
from sagas.entries import Entry, Kind, Lane, Op
from sagas.journal import Batch, Journal, read_all
from sagas.models import Run
from sagas.recovery import first_entries, load
from sagas.tape import Appends
from tests.engine import fault, scenario
from tests.inline import create

pytestmark = pytest.mark.usefixtures("engine_databases")


class Overtaken:
    """A journal's writer before which somebody else writes and tells, once."""

    def __init__(self, book: Journal) -> None:
        self._book = book
        self.overtake: Any = None

    def append(self, batch: Batch) -> Any:
        return asyncio.ensure_future(self._append(batch))

    async def _append(self, batch: Batch) -> None:
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            await overtake()
        await self._book.append(batch)


@asynccontextmanager
async def writer() -> AsyncIterator[Journal]:
    book = Journal()
    book.start()
    try:
        async with asyncio.timeout(20):
            yield book
    finally:
        await book.stop()


async def copy_of(run: Run, book: Appends) -> Copy:
    """Return what a process knows of a run, from here on. Each process reads in a thread."""
    lease = await asyncio.to_thread(leases.hold, run.pk, "inline:1")
    loaded = await asyncio.to_thread(load, run.pk)
    return Copy(loaded, lease.epoch, catalog.ORDER, catalog.SERVICES, SystemClock(), book, asyncio.to_thread)


def failures(copy: Copy) -> list[int]:
    return [state.step("create-order").action.failures for state in copy.states.values()]


def failed_once(copy: Copy) -> list[Entry]:
    """Return entries of which a second fold would count one more failure."""
    saga, order = next(iter(copy.loaded.sagas.items()))
    told = partial(Entry, lane=Lane.ORCHESTRATOR, saga=saga, order=order, step="create-order", op=Op.ACTION, attempt=1)
    detail = {"reason": "nobody answered"}
    return [
        *first_entries(copy.loaded, SystemClock().now()),
        told(kind=Kind.ATTEMPT_STARTED, key="k"),
        told(kind=Kind.ATTEMPT_UNKNOWN, key="k", detail=detail),
    ]


def test_two_jobs_that_catch_up_at_once_take_each_entry_once() -> None:
    run = create(scenario(fault("create-order", "error")))

    async def go() -> tuple[Copy, Copy]:
        async with writer() as book:
            one, other = await copy_of(run, book), await copy_of(run, book)
            await other.append(failed_once(other))
            await asyncio.gather(one.catch_up(), one.catch_up())
            return one, other

    one, other = asyncio.run(go())
    assert one.entries == read_all(run.pk)
    assert failures(one) == failures(other) == [1]


def test_who_was_overtaken_and_has_heard_of_it_writes_after_the_other() -> None:
    """While an append is on its way another process writes, and another job here reads what that was."""
    run = create(scenario())
    mine = Entry(kind=Kind.ORCHESTRATOR_RECOVERED, lane=Lane.OBSERVER, detail={"worker": "mine"})

    async def go() -> tuple[Copy, Copy]:
        async with writer() as book:
            late = Overtaken(book)
            one, other = await copy_of(run, late), await copy_of(run, book)

            async def overtake() -> None:
                await other.append(failed_once(other))
                await one.catch_up()

            late.overtake = overtake
            await one.append([mine])
            assert late.overtake is None, "nobody overtook"
            await other.catch_up()
            return one, other

    one, other = asyncio.run(go())
    assert one.entries == other.entries == read_all(run.pk)
    assert one.entries[-1].detail == mine.detail
    assert failures(one) == [1]
