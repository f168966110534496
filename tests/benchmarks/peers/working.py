"""A worker of this process and the ends of its sagas, for the contenders that are this engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from sagas.entries import Entry, Kind
from sagas.journal import Journal
from sagas.management.ready import settle_memory
from sagas.worker import Pace, Worker

AT_ONCE = 2000
ENDS = (Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_ABANDONED)


@asynccontextmanager
async def working() -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Run a worker for as long as the block lasts; give what waits for a run's only saga and returns how it ended."""
    loop, book, ends = asyncio.get_running_loop(), Journal(), dict[str, asyncio.Future[str]]()

    def hear(run: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.kind in ENDS:
                ends.setdefault(run, loop.create_future()).set_result(entry.kind.value.removeprefix("saga-"))

    async def ended(run: str) -> str:
        try:
            return await ends.setdefault(run, loop.create_future())
        finally:
            del ends[run]

    settle_memory()  # as `sagaworker` does
    book.listen(hear)
    book.start()
    worker = asyncio.create_task(Worker(book, pace=Pace(lease_ms=60_000, runs=AT_ONCE)).run())
    try:
        yield ended
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await book.stop()
