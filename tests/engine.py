"""Real runs in a test: real databases, the real worker, one event loop of the test's own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Q
from django.test import override_settings

from sagas import catalog, journal
from sagas.clock import cancel_and_wait, spawn
from sagas.entries import Entry, Kind, Lane, Op
from sagas.journal import Journal
from sagas.language import sentence_violations
from sagas.models import Command, Run, Saga
from sagas.runs import ask_run, create_run
from sagas.worker import Pace, Worker
from tests import waiting
from tests.pauses import moves
from tests.waiting import PATIENCE_SECONDS, watching

FAST = {
    "latency_ms": 0,
    "timeout_ms": 10_000,  # no answer is late by chance
    "retry": {"max_attempts": 3, "initial_ms": 2, "max_ms": 20},
    "compensation_retry": {"max_attempts": 3, "initial_ms": 2, "max_ms": 20},
}
SILENT = ("timeout", "lost-reply", "late")
SILENCE_MS = 400  # where an answer is to be missed
STRAND_MS = 300  # what nobody has here, nobody will have


# An unwind that stands still for as long as anybody needs to look: its refund is made, and no answer comes.
HELD = {
    **FAST,
    "timeout_ms": 20_000,
    "faults": [
        {"step": "book-delivery", "kind": "decline"},
        {"step": "charge-payment", "on": "compensation", "kind": "lost-reply", "times": 1},
    ],
}


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


Make = Callable[[Journal], Any]  # a worker, whose `run` works until it is cancelled


@asynccontextmanager
async def at_work(made: Make) -> AsyncIterator[tuple[Journal, Any, Callable[[Sequence[str]], Awaitable[None]]]]:
    """A journal and a worker that are stopped when the block ends; yields both and a `wait(runs)`.

    A worker that ends by itself ends the block, and whatever is waited for in it, with what it died of.
    """
    book, ends = Journal(), defaultdict[str, asyncio.Event](asyncio.Event)

    def hear(run: str, entries: Sequence[Entry]) -> None:
        if entries and entries[-1].kind is Kind.RUN_FINISHED:
            ends[run].set()

    async def all_ended(runs: Sequence[str]) -> None:
        for run in runs:
            await ends[run].wait()
            ends[run].clear()

    async def wait(runs: Sequence[str]) -> None:
        ended = spawn(all_ended(runs), "the ends of runs")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.wait({ended, task}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                alive()
            await ended
        finally:
            await cancel_and_wait(ended)

    def alive() -> None:
        if task.done():
            raise AssertionError("the worker has ended") from (None if task.cancelled() else task.exception())

    book.listen(hear)
    book.start()
    worker = made(book)
    task = spawn(worker.run(), "worker")
    try:
        with watching(alive):
            yield book, worker, wait
        alive()
    finally:
        await cancel_and_wait(task)
        await book.stop()


def working(pace: Pace | None = None, **options: Any) -> Any:
    """This project's own worker, at work."""
    return at_work(lambda book: Worker(book, pace=pace or Pace(strand_ms=STRAND_MS), **options))


def driven(
    made: Callable[[], Any], runs: Sequence[Run], before: Callable[[], Any] | None = None, *, leave: bool = False
) -> list[Finished]:
    """Have `made`, such as `working`, drive existing runs until they are at rest; return them.

    `before` runs in a thread once the worker works. With `leave` the worker ends as soon as `before`
    returns, wherever the runs are by then.
    """

    async def go() -> None:
        async with made() as (_, _, wait):
            if before is not None:
                await asyncio.to_thread(before)
            if not leave:
                await wait([run.pk for run in runs])

    asyncio.run(go())
    return [read(run.pk) for run in runs]


def finish(*runs: Run, before: Callable[[], Any] | None = None, **options: Any) -> list[Finished]:
    """Have this project's own worker drive existing runs until they are at rest. `options` are those of `working`."""
    return driven(partial(working, **options), runs, before)


def create(scenario: Mapping[str, Any], engine: str) -> Run:
    """Return a new run for an engine, which no worker of this project's own claims."""
    with override_settings(SAGA_ENGINE=engine):
        return create_run(scenario)


def paused(run: Run) -> Run:
    """Return a run that was asked to pause before anybody drove it: nothing of it begins but what is asked for."""
    ask_run(run.pk, "pause", who="ada", why="to look closely")
    return run


def has_acted(action: str, times: int = 1) -> Callable[[list[Entry]], bool]:
    """Return what says of a journal whether an operator's action is in it, so many times."""
    return lambda entries: [e.detail["action"] for e in entries if e.kind is Kind.OPERATOR_ACTED].count(action) >= times


def step_and_cancel(run: Run) -> None:
    """Take one step of a run that is `paused`, then call it off and let it go on; for a thread beside the worker."""
    begun = moves(until(run.pk, has_acted("pause")))
    assert begun == [], "it was paused before anybody drove it"
    ask_run(run.pk, "step", who="ada")
    until(run.pk, moves)
    ask_run(run.pk, "cancel", who="ada")
    ask_run(run.pk, "resume", who="ada")


def leave_alone(*, but: str = "") -> None:
    """Take every run that has something to do out of the workers' reach: what other tests left is not this one's to drive."""
    asked = Command.objects.filter(handled_seq=None).values("run")
    Run.objects.filter(Q(state="running") | Q(pk__in=asked)).exclude(pk=but).update(leased_until=2**62)


def drive(*scenarios: Mapping[str, Any], **options: Any) -> list[Finished]:
    """Run scenarios side by side in one worker, each to its rest. `options` are those of `working`."""
    return finish(*[create_run(each) for each in scenarios], **options)


def is_held(entries: list[Entry]) -> bool:
    """Return whether a run of the scenario `HELD` stands still."""
    return any((e.kind, e.step, e.op) == (Kind.EFFECT, "charge-payment", Op.COMPENSATION) for e in entries)


def until(run: str, holds: Callable[[list[Entry]], Any]) -> list[Entry]:
    """Return a run's journal as soon as it has begun and `holds` is true of it; for a thread beside the worker."""
    entries: list[Entry] = []

    def found() -> Any:
        entries[:] = journal.read_all(run)
        return entries and holds(entries)

    waiting.until(found, lambda: [(e.seq, str(e.kind), e.step) for e in entries])
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
