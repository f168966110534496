"""Which engine new runs are for, and its worker in this process: `SAGA_ENGINE`, or none.

Only what is orchestrated can be driven elsewhere. Runs in the modes `choreography` and `none` stay with
this project's own workers, and so does every run that was stored before the setting changed.
"""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from sagas.errors import EngineMissing
from sagas.journal import Journal

# Each with the module that its extra of the same name brings along.
WORKERS = {
    "temporal": ("sagas.engines.temporal.worker.TemporalWorker", "temporalio"),
    "durable": ("sagas.engines.durable.worker.DurableWorker", "durabletask"),
}


class EngineWorker(Protocol):
    """Works for an engine until it is cancelled, on the event loop of a journal's writer."""

    def __init__(self, book: Journal, *, lease_ms: int, poll_ms: int, only: str = "") -> None: ...

    async def run(self) -> None: ...


def worker_class() -> type[EngineWorker] | None:
    """Return the class of the chosen engine's worker, None for no engine elsewhere. Raises EngineMissing."""
    engine = getattr(settings, "SAGA_ENGINE", "")
    if not engine:
        return None
    path, module = WORKERS[engine]
    try:
        found: type[EngineWorker] = import_string(path)
    except ModuleNotFoundError as error:
        raise EngineMissing(engine, module) from error
    return found


def worker(book: Journal, *, lease_ms: int, poll_ms: int, only: str = "") -> EngineWorker | None:
    """Return the chosen engine's worker, None for no engine elsewhere. Raises EngineMissing."""
    found = worker_class()
    return found(book, lease_ms=lease_ms, poll_ms=poll_ms, only=only) if found else None
