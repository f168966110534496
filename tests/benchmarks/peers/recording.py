"""One real saga, and what it wrote: for the limit, which writes the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sagas.entries import Entry, Kind
from sagas.journal import Batch, Journal
from sagas.worker import Worker
from tests.benchmarks.peers.ours import definition


async def batches_of(fails: bool) -> tuple[str, list[Batch]]:
    """Return the id of a run that was driven from its first moment to its end, and the batches that made it."""
    batches, ended = list[Batch](), asyncio.Event()

    class Recording(Journal):
        def append(self, batch: Batch) -> asyncio.Future[None]:
            batches.append(batch)
            return super().append(batch)

    def hear(run: str, entries: Sequence[Entry]) -> None:
        if entries and entries[-1].kind is Kind.RUN_FINISHED:
            ended.set()

    book = Recording()
    book.listen(hear)
    book.start()
    worker = Worker(book)
    working = asyncio.create_task(worker.run())
    try:
        while not worker.beats:
            await asyncio.sleep(0)
        saga = await definition().start(key=f"recorded-{fails}", payload={"fails": fails})
        await ended.wait()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await book.stop()
    return saga.run_id, batches
