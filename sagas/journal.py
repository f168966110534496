"""The journal: append-only, gapless per run, durable before anyone is told.

Appends of all runs of a process are folded into one transaction by a single writer thread
(group commit): whatever is waiting when the previous commit ends goes into the next one.
In that transaction the writer first reads each run's epoch and last `seq`; an append that
does not follow, or whose lease was lost, is refused and the rest goes on. Listeners hear of
entries after their COMMIT and never before.

Source of the fencing rule: Kleppmann, "How to do distributed locking"; of group commit:
DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.db import DatabaseError, IntegrityError, connections

from sagas import alerts
from sagas import journal_sql as sql
from sagas.databases import atomic
from sagas.entries import Entry
from sagas.errors import JournalConflict
from sagas.journal_sql import Batch
from sagas.models import JournalEntry

__all__ = ["Batch", "Journal", "aread", "read", "read_all"]

logger = logging.getLogger(__name__)

DATABASE = "default"
APPENDS_PER_COMMIT = 256

Listener = Callable[[str, Sequence[Entry]], None]


class Journal:
    """The one writer of a process. Use it on one event loop, between `start` and `stop`."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Batch, asyncio.Future[None]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._listeners: list[Listener] = [alerts.log]
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """Call `listener(run, entries)` on the event loop after every commit, in order."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to write on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._write_forever(), name="journal")

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._drain()
        await asyncio.get_running_loop().run_in_executor(self._thread, _leave_database)
        self._thread.shutdown()

    def append(self, batch: Batch) -> asyncio.Future[None]:
        """Return a future that is done once the batch is durable.

        It fails with LeaseLost when another worker has claimed the run, with JournalConflict
        when the entries do not follow the run's last one, and with DatabaseError when the
        database could not be written; in each case nothing of the batch was written.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        self._work.set()
        return future

    async def _write_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await self._drain()

    async def _drain(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), APPENDS_PER_COMMIT))]
            batches = [batch for batch, _ in taken]
            loop = asyncio.get_running_loop()
            outcomes = await asyncio.shield(loop.run_in_executor(self._thread, _commit_all, batches))
            for (batch, future), outcome in zip(taken, outcomes, strict=True):
                self._resolve(batch, future, outcome)

    def _resolve(self, batch: Batch, future: asyncio.Future[None], outcome: Exception | None) -> None:
        if outcome is None:
            for listener in self._listeners:
                _tell(listener, batch)
        if future.done():
            return
        if outcome is None:
            future.set_result(None)
        else:
            future.set_exception(outcome)


def read(run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
    """Return committed entries with `seq` > `after`, in order, `limit` at the most."""
    rows = JournalEntry.objects.filter(run_id=run, seq__gt=after).order_by("seq")[:limit]
    return [row.entry() for row in rows]


def read_all(run: str) -> list[Entry]:
    """Return every committed entry of a run."""
    return [row.entry() for row in JournalEntry.objects.filter(run_id=run).order_by("seq")]


aread = sync_to_async(read)


def _leave_database() -> None:
    connections[DATABASE].close()


def _tell(listener: Listener, batch: Batch) -> None:
    try:
        listener(batch.run, batch.entries)
    except Exception:
        logger.exception("journal.listener-failed", extra={"run": batch.run})


def _commit_all(batches: Sequence[Batch]) -> list[Exception | None]:
    """Commit batches in one transaction; on an unexpected refusal, one by one."""
    try:
        with atomic(DATABASE):
            return sql.write(batches)
    except IntegrityError:
        return [_commit_one(batch) for batch in batches]
    except DatabaseError as error:
        logger.error("journal.commit-failed: %s", error, extra={"batches": len(batches)})
        connections[DATABASE].close_if_unusable_or_obsolete()
        return [error] * len(batches)


def _commit_one(batch: Batch) -> Exception | None:
    try:
        with atomic(DATABASE):
            return sql.write([batch])[0]
    except IntegrityError as error:
        logger.exception("journal.batch-refused", extra={"run": batch.run})
        return JournalConflict(batch.run, str(error))
    except DatabaseError as error:
        return error
