"""Real runs in a test: real databases, the real worker, one event loop of the test's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from sagas import catalog, journal
from sagas.entries import Entry, Kind, Lane, Op
from sagas.journal import Journal
from sagas.language import sentence_violations
from sagas.models import Command, Run, Saga
from sagas.runs import create_run
from sagas.worker import Pace, Worker

FAST = {
    "latency_ms": 0,
    "timeout_ms": 2500,  # no answer is late by chance
    "retry": {"max_attempts": 3, "initial_ms": 2, "max_ms": 20},
    "compensation_retry": {"max_attempts": 3, "initial_ms": 2, "max_ms": 20},
}
SILENT = ("timeout", "lost-reply", "late")
SILENCE_MS = 400  # where an answer is to be missed
PATIENCE_SECONDS = 60
STRAND_MS = 300  # what nobody has here, nobody will have


@dataclass(frozen=True)
class Finished:
    """A run that has come to rest, read back from the databases."""

    run: Run
    sagas: list[Saga]
    entries: list[Entry]

    @property
    def states(self) -> list[str]:
        return [saga.state for saga in self.sagas]

    def kinds(self, kind: Kind, *, step: str = "", op: Op | None = None, lane: Lane | None = None) -> list[Entry]:
        return [
            e
            for e in self.entries
            if e.kind is kind and step in ("", e.step) and op in (None, e.op) and lane in (None, e.lane)
        ]

    def facts(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for service in dict.fromkeys(step.service for step in catalog.definition(self.run.definition).steps):
            for name, value in catalog.SERVICES[service].facts(self.run.pk).items():
                sums[name] = sums.get(name, 0) + value
        return sums


def fault(step: str, kind: str, *, on: str = "action", times: int | None = None) -> dict[str, Any]:
    return {"step": step, "on": on, "kind": kind, "times": times}


def scenario(*faults: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a scenario in a hurry: an attempt that gets no answer by design is given up soon, no other one is."""
    silent = any(each["kind"] in SILENT for each in faults)
    return {**FAST, **({"timeout_ms": SILENCE_MS} if silent else {}), "faults": list(faults), **fields}


@asynccontextmanager
async def working(pace: Pace | None = None, **options: Any) -> Any:
    """A journal and a worker that are stopped when the block ends; yields both and a `wait(runs)`."""
    book = Journal()
    ended: dict[str, asyncio.Event] = {}

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
    worker = Worker(book, pace=pace or Pace(strand_ms=STRAND_MS), **options)
    task = asyncio.create_task(worker.run())
    try:
        yield book, worker, wait
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await book.stop()


def finish(*runs: Run, before: Callable[[], Any] | None = None) -> list[Finished]:
    """Drive existing runs until they are at rest. `before` runs in a thread once the worker works."""

    async def go() -> None:
        async with working() as (_, _, wait):
            if before is not None:
                await asyncio.to_thread(before)
            await wait([run.pk for run in runs])

    asyncio.run(go())
    return [read(run.pk) for run in runs]


def leave_alone(*, but: str = "") -> None:
    """Take every run that has something to do out of the workers' reach: what other tests left is not this one's to drive."""
    asked = Command.objects.filter(handled_seq=None).values("run")
    Run.objects.filter(Q(state="running") | Q(pk__in=asked)).exclude(pk=but).update(leased_until=2**62)


def drive(*scenarios: Mapping[str, Any]) -> list[Finished]:
    """Run scenarios side by side in one worker, each to its rest."""
    return finish(*[create_run(each) for each in scenarios])


def until(run: str, holds: Callable[[list[Entry]], Any]) -> list[Entry]:
    """Return a run's journal as soon as it has begun and `holds` is true of it; for a thread beside the worker."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not ((entries := journal.read_all(run)) and holds(entries)):
        assert time.monotonic() < end, [(e.seq, str(e.kind), e.step) for e in entries]
        time.sleep(0.005)
    return entries


def read(run: str) -> Finished:
    """Return a run as the databases have it. Where somebody drives, its journal has to be a sentence of the language."""
    found = Finished(
        Run.objects.get(pk=run), list(Saga.objects.filter(run=run).order_by("index")), journal.read_all(run)
    )
    definition = catalog.DEFINITIONS.get((found.run.definition, found.run.version))
    if definition is not None and found.run.scenario.get("mode", "orchestration") == "orchestration":
        wrong = sentence_violations(found.entries, definition)
        assert not wrong, f"rule 2: {wrong}"
    return found
