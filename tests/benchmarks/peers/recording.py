"""One real saga, and what it wrote: for the limit, which writes the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from django.db import connections

from sagas.entries import Entry, Kind
from sagas.journal import Batch, Journal
from sagas.worker import Worker
from tests.benchmarks.peers.ours import definition


async def batches_of(fails: bool) -> tuple[str, list[Batch]]:
    """Return the id of a run that was driven to its end, and the batches that it appended."""
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
        saga = await definition().start(key=f"recorded-{fails}", payload={"fails": fails})
        await ended.wait()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await book.stop()
    return saga.run_id, [batch for batch in batches if batch.entries]


def created_rows(run: str, tables: Sequence[str]) -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """Return the rows that a start leaves, by table, without numbers that the database counts itself."""
    found = {}
    for table in tables:
        key = {"sagas_run": "id", "sagas_saga": "run_id", "sagas_step": "saga_id"}[table]
        with connections["default"].cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE {key} LIKE %s", [f"{run}%"])
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
        kept = [n for n, name in enumerate(names) if not (name == "id" and table == "sagas_step")]
        kept = [n for n in kept if not names[n].startswith("cause_")]
        found[table] = ([names[n] for n in kept], [tuple(row[n] for n in kept) for row in rows])
    return found
