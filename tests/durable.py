"""Real runs on Durable Task in a test: its backend in memory, its worker, one event loop of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sagas.engines.durable.worker import ENGINE, DurableWorker
from sagas.entries import Entry
from sagas.models import Run
from tests import engine
from tests.engine import Finished, at_work, driven, until

POLL_MS = 50
LEASE_MS = 5000

create = partial(engine.create, engine=ENGINE)


def durable_worker() -> Any:
    """A Durable Task worker, at work: see `tests.engine.at_work`."""
    return at_work(lambda book: DurableWorker(book, lease_ms=LEASE_MS, poll_ms=POLL_MS))


def finish(*runs: Run, before: Callable[[], Any] | None = None) -> list[Finished]:
    """Drive existing runs until they are at rest. `before` runs in a thread once the worker works."""
    return driven(durable_worker, runs, before)


def leave(run: Run, *, when: Callable[[list[Entry]], Any]) -> Finished:
    """Drive a run until `when` is true of its journal, then take worker and backend away; return what is left."""
    (left,) = driven(durable_worker, [run], partial(until, run.pk, when), leave=True)
    return left
