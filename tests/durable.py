"""Real runs on Durable Task in a test: its backend in memory, its worker, one event loop of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sagas.engines.durable.worker import ENGINE, DurableWorker
from sagas.entries import Entry, Kind
from sagas.journal import Journal
from sagas.models import Run
from sagas.runs import create_run
from tests.engine import PATIENCE_SECONDS, Finished, read, until

POLL_MS = 50
LEASE_MS = 5000


def create(scenario: Mapping[str, Any]) -> Run:
    """Return a new run that no worker of this project's own claims."""
    run = create_run(scenario)
    Run.objects.filter(pk=run.pk).update(engine=ENGINE)
    return run


@asynccontextmanager
async def durable_worker() -> AsyncIterator[Callable[..., Any]]:
    """A journal and a Durable Task worker that are stopped when the block ends; yields a `wait(runs)`."""
    book, ended = Journal(), dict[str, asyncio.Event]()

    def hear(run: str, entries: Sequence[Entry]) -> None:
        if entries and entries[-1].kind is Kind.RUN_FINISHED:
            ended.setdefault(run, asyncio.Event()).set()

    async def wait(runs: Sequence[str]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for run in runs:
                await ended.setdefault(run, asyncio.Event()).wait()
                ended[run].clear()

    book.listen(hear)
    book.start()
    worker = DurableWorker(book, lease_ms=LEASE_MS, poll_ms=POLL_MS)
    task = asyncio.create_task(worker.run())
    try:
        yield wait
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await book.stop()


def finish(*runs: Run, before: Callable[[], Any] | None = None) -> list[Finished]:
    """Drive existing runs until they are at rest. `before` runs in a thread once the worker works."""

    async def go() -> None:
        async with durable_worker() as wait:
            if before is not None:
                await asyncio.to_thread(before)
            await wait([run.pk for run in runs])

    asyncio.run(go())
    return [read(run.pk) for run in runs]


def leave(run: Run, *, when: Callable[[list[Entry]], Any]) -> None:
    """Drive a run until `when` is true of its journal, then take worker and backend away."""

    async def go() -> None:
        async with durable_worker():
            await asyncio.to_thread(until, run.pk, when)

    asyncio.run(go())
