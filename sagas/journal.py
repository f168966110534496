"""The journal: append-only, gapless per run, durable before anyone is told.

Appends of all runs of a process are folded into one transaction by a single writer (group
commit): whatever is waiting when the previous commit ends goes into the next one. A short
commit to an SQLite file is made then and there, on the event loop: to hand it to a thread and
back takes longer. A thread makes every other one.
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
from contextlib import suppress
from functools import partial

from asgiref.sync import sync_to_async
from django.db import DataError, Error, IntegrityError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from sagas import alerts
from sagas import journal_sql as sql
from sagas.databases import mended
from sagas.entries import Entry
from sagas.errors import JournalConflict
from sagas.journal_sql import Batch
from sagas.models import JournalEntry

__all__ = ["Batch", "Journal", "aread", "read", "read_all"]

logger = logging.getLogger(__name__)

DATABASE = "default"
APPENDS_PER_COMMIT = 256
APPENDS_AT_ONCE = 64  # on the event loop: about a millisecond's worth
LONG_SECONDS = 0.02  # a commit that took longer has the next ones made by the thread,
THREAD_SECONDS = 0.25  # for this long
PATIENCE_MS = 20_000  # with which the thread waits for another writer of an SQLite file

Listener = Callable[[str, Sequence[Entry]], None]


class Journal:
    """The one writer of a process. Use it on one event loop, between `start` and `stop`."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Batch, asyncio.Future[None]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection: BaseDatabaseWrapper | None = None  # one at a time uses it: the thread, or the loop
        self._by_thread_until = 0.0
        self._is_lent = False  # to the thread
        self._ends = False
        self._listeners: list[Listener] = [alerts.log]
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """Call `listener(run, entries)` on the event loop after every commit, in order."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to write on the running event loop."""
        self._ends = False
        self._task = asyncio.get_running_loop().create_task(self._write_forever(), name="journal")

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        self._ends = True
        self._work.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._drain()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._leave_database)
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
        while not self._ends:
            await self._work.wait()
            self._work.clear()
            await self._drain()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            at_once = self._may_commit_at_once(loop.time())
            most = APPENDS_AT_ONCE if at_once else APPENDS_PER_COMMIT
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]
            batches = [batch for batch, _ in taken]
            outcomes = self._commit_at_once(batches, loop) if at_once else None
            if outcomes is None:
                self._is_lent = True
                outcomes = await asyncio.shield(loop.run_in_executor(self._thread, self._commit, batches))
            for (batch, future), outcome in zip(taken, outcomes, strict=True):
                self._resolve(batch, future, outcome)
            await asyncio.sleep(0)

    def _may_commit_at_once(self, now: float) -> bool:
        connection = self._connection
        if connection is None or connection.vendor != "sqlite" or connection.errors_occurred:
            return False
        return not self._is_lent and now >= self._by_thread_until

    def _commit_at_once(
        self, batches: Sequence[Batch], loop: asyncio.AbstractEventLoop
    ) -> list[Exception | None] | None:
        """Commit on the event loop; None, with nothing done, where that is for the thread."""
        assert self._connection is not None
        began = loop.time()
        try:
            return _commit_all(self._connection, batches, patience_ms=0)
        except Deferred:
            return None
        finally:
            if loop.time() - began > LONG_SECONDS:
                self._by_thread_until = loop.time() + THREAD_SECONDS

    def _commit(self, batches: Sequence[Batch]) -> list[Exception | None]:
        """Commit on the thread, which also opens the connection and replaces one that was lost."""
        try:
            self._connect()
            assert self._connection is not None
            return _commit_all(self._connection, batches)
        except Error as error:
            logger.error("journal.commit-failed: %s", error, extra={"batches": len(batches)})
            return [error] * len(batches)
        finally:
            self._is_lent = False

    def _connect(self) -> None:
        if self._connection is not None and self._connection.errors_occurred:
            self._connection.close_if_unusable_or_obsolete()
        if self._connection is None or self._connection.connection is None:
            self._leave_database()
            self._connection = _opened()

    def _leave_database(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _resolve(self, batch: Batch, future: asyncio.Future[None], outcome: Exception | None) -> None:
        if outcome is None and batch.entries:
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


async def aread(run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
    """Return what `read` returns, from a thread."""
    return await sync_to_async(mended)(partial(read, run, after, limit))


def _opened() -> BaseDatabaseWrapper:
    """Return a connection that is not this thread's alone."""
    connection = connections[DATABASE].copy()
    connection.inc_thread_sharing()
    connection.connect()
    sql.prepare(connection)
    return connection


def _tell(listener: Listener, batch: Batch) -> None:
    try:
        listener(batch.run, batch.entries)
    except Exception:
        logger.exception("journal.listener-failed", extra={"run": batch.run})


class Deferred(Exception):
    """Nothing was done, and the thread is to do it: another writer has the file, or a row was refused."""


def _commit_all(
    connection: BaseDatabaseWrapper, batches: Sequence[Batch], patience_ms: int = PATIENCE_MS
) -> list[Exception | None]:
    """Commit batches in one transaction; where the database refuses a row, either half of them, and so on.

    Raises Deferred instead, where `patience_ms` is 0, of a refused row or a file that is not free.
    """
    try:
        return _write(connection, batches, patience_ms)
    except Exception as error:
        if not _is_refusal(error):
            return _failed(error, len(batches), patience_ms)
        if not patience_ms:
            raise Deferred from error
        if len(batches) > 1:
            half = len(batches) // 2
            return [*_commit_all(connection, batches[:half]), *_commit_all(connection, batches[half:])]
        logger.exception("journal.batch-refused", extra={"run": batches[0].run})
        return [JournalConflict(batches[0].run, str(error))]


def _is_refusal(error: Exception) -> bool:
    """Return whether a row is to blame: the database refuses it, or nobody can even write it down for the database."""
    return isinstance(error, IntegrityError | DataError) or not isinstance(error, Error)


def _failed(error: Exception, batches: int, patience_ms: int) -> list[Exception | None]:
    if not patience_ms and getattr(error.__cause__, "sqlite_errorname", "") == "SQLITE_BUSY":
        raise Deferred from error
    logger.error("journal.commit-failed: %s", error, extra={"batches": batches})
    return [error] * batches


def _write(connection: BaseDatabaseWrapper, batches: Sequence[Batch], patience_ms: int) -> list[Exception | None]:
    """Write in one transaction, on the driver's own connection: Django's would refuse to be on an event loop."""
    begin = "BEGIN"
    with connection.wrap_database_errors:
        if connection.vendor == "sqlite":
            connection.connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
            begin = "BEGIN IMMEDIATE"
    try:
        return sql.write(batches, connection, begin)
    except BaseException:
        with suppress(Error), connection.wrap_database_errors:  # it never began, or ended by itself
            connection.connection.execute("ROLLBACK")
        raise
