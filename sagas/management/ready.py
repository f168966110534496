"""What every command needs before it can work: a writable folder, migrated databases, settings that make sense."""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from sagas import alerts
from sagas.databases import SERVICES, ensure_schemas
from sagas.engines import chosen
from sagas.engines.chosen import EngineWorker
from sagas.errors import EngineMissing, WebhookInvalid
from sagas.journal import Journal
from sagas.worker import Pace, Worker

# A saga leaves some hundred objects behind, most of which are gone before a collection that comes later.
COLLECT_AFTER = (20_000, 20, 50)  # objects, collections of the young, collections of the middle-aged


def settle_memory() -> None:
    """Have the collector pass over all that is loaded by now, and look at what is new less often than by default."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def prepare_databases() -> None:
    """Make every database ready: its file or schema, and all its tables. Processes that start at once take turns.

    Raises CommandError, in one line, when a folder cannot be written or a database not migrated.
    """
    for alias in connections:
        if connections[alias].vendor == "sqlite":
            _need_writable(Path(str(connections[alias].settings_dict["NAME"])))
    try:
        ensure_schemas()
        for alias in connections:
            if is_behind(alias):
                with _alone_at(alias):
                    _migrate(alias)
    except DatabaseError as error:
        line = str(error).strip().splitlines()[0]
        raise CommandError(f"database {alias!r} cannot be migrated: {line}") from None
    finally:
        connections.close_all()


def _migrate(alias: str) -> None:
    if is_behind(alias):  # it may have waited while another process did it
        call_command("migrate", *_apps(alias), database=alias, verbosity=0, interactive=False)


@contextmanager
def _alone_at(alias: str) -> Iterator[None]:
    """Be the only process that migrates a database: by a lock of PostgreSQL's, or of a file beside an SQLite file."""
    if connections[alias].vendor == "sqlite":
        with Path(f"{connections[alias].settings_dict['NAME']}.migrating").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    guard: Any = connections[alias].copy()  # a session of its own, which holds the lock until it is closed
    try:
        with guard.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"sagas.migrate {alias}"])
        yield
    finally:
        guard.close()


def is_behind(alias: str) -> bool:
    """Return whether a database lacks migrations of those that make its tables."""
    executor = MigrationExecutor(connections[alias])
    graph = executor.loader.graph
    wanted = [node for app in _apps(alias) for node in graph.leaf_nodes(app)] or graph.leaf_nodes()
    return bool(executor.migration_plan(wanted))


def _apps(alias: str) -> Sequence[str]:
    """Return the one app that has tables in a service's database; nothing for the default one, which has the rest.

    To go through every app's migrations for every database took most of a first start.
    """
    return [alias] if alias in SERVICES else []


def need_webhook() -> None:
    """Raise CommandError, in one line, when alerts are to be told to something that is no address."""
    try:
        alerts.webhook()
    except WebhookInvalid as error:
        raise CommandError(str(error)) from None


def need_engine() -> None:
    """Raise CommandError, in one line, when the engine that new runs are for (SAGA_ENGINE) is not installed."""
    try:
        chosen.worker_class()
    except EngineMissing as error:
        raise CommandError(str(error)) from None


def _need_writable(file: Path) -> None:
    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the folder {folder} (SAGA_DATA) cannot be made: {error.strerror}") from None
    for place in (folder, file):
        if place.exists() and not os.access(place, os.W_OK):
            raise CommandError(f"{place} (SAGA_DATA) is not writable")


def pace_ms(name: str) -> int:
    """Return a setting given in seconds, such as SAGA_LEASE_SECONDS, in milliseconds."""
    return round(float(getattr(settings, name)) * 1000)


def pace(**changes: Any) -> Pace:
    """Return how a worker of this site keeps time."""
    settings_ms = {
        "lease_ms": pace_ms("SAGA_LEASE_SECONDS"),
        "poll_ms": pace_ms("SAGA_POLL_SECONDS"),
        "strand_ms": pace_ms("SAGA_STRAND_SECONDS"),
    }
    return Pace(**{**settings_ms, **changes})


def workers(
    book: Journal, pace: Pace, *, only: str = "", elsewhere: bool = True
) -> tuple[Worker, *tuple[EngineWorker, ...]]:
    """Return who works in a process of this site: this project's own worker, then that of an engine elsewhere, if any.

    Its own one is there in any case: it drives what that engine cannot, and tells of alerts. `only` is the one run to
    work for; `elsewhere` is False where nothing is that engine's. Raises EngineMissing, see `need_engine`.
    """
    own = Worker(book, pace=pace, only=only)
    other = chosen.worker(book, lease_ms=pace.lease_ms, poll_ms=pace.poll_ms, only=only) if elsewhere else None
    return (own,) if other is None else (own, other)
