"""A journal and the services' databases in memory, for runs that nobody keeps.

The tables, triggers and transactions are the real ones: SQLite, made by the services' own
migrations. Only their place differs, and that each simulated run begins with empty ones.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from sagas.databases import SERVICES
from sagas.entries import Entry
from sagas.journal import Listener
from sagas.journal_sql import Batch, judge

T = TypeVar("T")

_guard = threading.Lock()
_empty: dict[str, bytes] = {}


class MemoryJournal:
    """The journal of one run: appends as `sagas.journal.Journal`, refused by the same rules, durable at once."""

    def __init__(self, run: str) -> None:
        self.run, self.epoch = run, 1
        self.entries: list[Entry] = []
        self._written: set[str] = set()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener(run, entries)` after every append."""
        self._listeners.append(listener)

    def append(self, batch: Batch) -> asyncio.Future[None]:
        """Return a future that is done; it failed with LeaseLost or JournalConflict where nothing was written."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        head = (self.epoch, len(self.entries)) if batch.run == self.run else None
        refusal, is_new = judge(batch, head, lambda asked: asked.append_id in self._written)
        if refusal is not None:
            future.set_exception(refusal)
            return future
        if is_new:
            self.entries += batch.entries
            self._written.add(batch.append_id)
        future.set_result(None)
        for listener in self._listeners:
            listener(batch.run, batch.entries)
        return future


class MemoryDatabases:
    """The five services' databases, on a thread of their own and for as long as the block lasts."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simulator")

    def __enter__(self) -> Self:
        with _guard:
            self._thread.submit(_open).result()
        return self

    def __exit__(self, *args: object) -> None:
        self._thread.submit(_close).result()
        self._thread.shutdown()

    def work(self, work: Callable[[], T]) -> T:
        """Return what `work` returns or raise what it raises; it finds these databases, empty, for the real ones.

        One at a time in the whole process: two simulations with one seed have the same keys, and
        a service refuses a key that is at work.
        """
        with _guard:
            return self._thread.submit(_on_empty_tables, work).result()


def _open() -> None:
    """Put databases in memory in the place of the real ones, for this thread alone."""
    for alias in SERVICES:
        like = connections.settings[alias]
        options = {"transaction_mode": "IMMEDIATE"}
        settings = {**like, "ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": options}
        connections[alias] = DatabaseWrapper(settings, alias)
        if alias not in _empty:
            _empty[alias] = _migrated(alias)


def _migrated(alias: str) -> bytes:
    executor = MigrationExecutor(connections[alias])
    executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == alias])
    return bytes(connections[alias].connection.serialize())


def _on_empty_tables(work: Callable[[], T]) -> T:
    for alias in SERVICES:
        connections[alias].ensure_connection()
        connections[alias].connection.deserialize(_empty[alias])
    return work()


def _close() -> None:
    for alias in SERVICES:
        # Django keeps a database in memory open, so that it is not lost: here it is to be lost.
        if connections[alias].connection is not None:
            connections[alias].connection.close()
        del connections[alias]
