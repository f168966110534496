"""Runs a recorded run once more, through the real engine, in databases of its own.

The text of this room is part of every exported test, so it stands on `sagas`, `playground.facts`
and the standard library alone. Django is imported late: the file is also read by pytest, which
runs it in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagas.clock import cancel_and_wait, spawn
from sagas.entries import Entry, Kind, Lane

# The machinery from here on is the same in every exported test.

FAR_MS = 10**9  # a deadline that no clock reaches by itself
NOT_TOLD = (Kind.EFFECT, Kind.LOCK_ACQUIRED, Kind.LOCK_RELEASED, Kind.REPLAYED, Kind.STEP_FENCED)


def run_again(file: str, data: Path) -> dict[str, Any]:
    """Return what this file's run comes to in a process of its own, with `data` (or SAGA_DATA) for its databases."""
    paths = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"SAGA_DATA": str(data), **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, file], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def play_again(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the record's scenario comes to: sentences, states, facts. Needs a process without event loop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
    import django

    django.setup()
    from playground import facts
    from sagas import journal
    from sagas.management.ready import prepare_databases
    from sagas.models import Saga
    from sagas.runs import create_run

    prepare_databases()
    run = create_run(record["scenario"])
    if [run.definition, run.version] != record["definition"]:
        raise SystemExit(f"this engine has {run.definition} {run.version}, the run was of {record['definition']}")
    sagas = Saga.objects.filter(run=run).order_by("index")
    asyncio.run(_conduct(record, run.pk, {saga.order: saga.pk for saga in sagas}))
    run.refresh_from_db()
    found = facts.read(run).facts(facts.price_of(run), at_rest=True)
    return {
        "sentences": sentences(journal.read_all(run.pk), record["scenario"]["mode"]),
        "states": state_lines((saga.order, saga.state, saga.cause) for saga in sagas.all()),
        "facts": {name: value for name, value in found.items() if name != "violations"},
    }


def sentences(entries: Iterable[Entry], mode: str) -> dict[str, list[str]]:
    """Return what each saga's driver did and heard; where nobody drives, what each service did and heard of each order."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if mode != "choreography" and entry.lane is Lane.ORCHESTRATOR:
            told[entry.order].append(words(entry))
        elif mode == "choreography" and entry.lane is Lane.SERVICE and entry.kind not in NOT_TOLD:
            told[f"{entry.order} {entry.detail.get('service', '')}"].append(words(entry))
    return dict(told)


def words(entry: Entry) -> str:
    """Return an entry without its times: kind, step, direction, attempt, outcome."""
    detail = entry.detail
    cause = detail.get("cause") if isinstance(detail.get("cause"), Mapping) else {}
    number = f"#{entry.attempt}" if entry.attempt else ""
    wait = f"{detail['delay_ms']} ms" if "delay_ms" in detail else ""
    more = (detail.get("event"), detail.get("status"), (cause or {}).get("outcome"), wait)
    return " ".join(str(part) for part in (entry.kind, entry.step, entry.op, number, *more) if part)


def state_lines(sagas: Iterable[tuple[str, str, Mapping[str, Any] | None]]) -> list[str]:
    """Return how each saga ended, and why if it turned back."""
    lines = []
    for order, state, cause in sagas:
        why = f": {cause['step']} {cause['op']} {cause['outcome']}" if cause else ""
        lines.append(f"{order} {state}{why}")
    return lines


class Conductor:
    """Keeps a new run to the record where a clock or a person decided, and is its clock.

    An attempt is heard, or not, as the record says; a deadline passes where it passed; a person
    acts where one acted; a driver that was killed dies there. All else the engine does by itself.
    """

    def __init__(self, record: Mapping[str, Any], run: str, sagas: Mapping[str, str]) -> None:
        self._record, self._run, self._sagas = record, run, sagas
        self._began_ms = time.time_ns() // 1_000_000
        self._counts: Counter[str] = Counter()
        self._finishes = 0
        self._open: dict[str, str] = {}
        self._acts: list[Mapping[str, Any]] = list(record["acts"])
        self._held: dict[str, asyncio.Event] = {}
        self._late: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self.finished = asyncio.Event()

    async def begin(self) -> None:
        """Do what was done before the first call."""
        self._let_pass()
        while self._acts and self._is_due(self._acts[0]):
            act = self._acts.pop(0)
            await asyncio.to_thread(_ask, self._run, self._sagas[act["order"]], act)

    # The journal's listener: what is committed, before anything follows from it.

    def hear(self, run: str, entries: Sequence[Entry]) -> None:
        """Take committed entries of the run."""
        for entry in entries:
            if entry.kind is Kind.ATTEMPT_STARTED:
                self._open[entry.key] = f"{entry.order} {entry.step} {entry.op} {entry.attempt}"
            self._finishes += entry.kind is Kind.RUN_FINISHED
            if self._record["counts"] in ("all", entry.lane):
                self._counts[entry.order] += 1
        self._let_pass()
        while self._acts and self._is_due(self._acts[0]):
            act = self._acts.pop(0)
            saga = self._sagas[act["order"]]
            self._held[saga] = asyncio.Event()
            self._asking[saga] = spawn(asyncio.to_thread(_ask, self._run, saga, act), f"ask {saga}")
        stopped = bool(entries) and entries[-1].kind is Kind.RUN_FINISHED and not self._held
        if stopped or self._finishes >= self._record["finishes"]:
            self.finished.set()

    def _is_due(self, act: Mapping[str, Any]) -> bool:
        is_due: bool = self._counts[act["order"]] >= act["after"] and self._finishes >= act["finishes"]
        return is_due

    def _let_pass(self) -> None:
        """Let each deadline pass whose place is reached."""
        for order, count in self._record["late"].items():
            if self._counts[order] >= count:
                self._late[self._sagas[order]].set()

    # The engine's clock, see `sagas.clock.Clock`.

    def now(self) -> int:
        self._let_go_on()
        passed = (time.time_ns() // 1_000_000 - self._began_ms) / float(self._record["pace"])
        saga = self._saga_here()
        is_late = saga in self._late and self._late[saga].is_set()
        return self._began_ms + round(passed) + (2 * FAR_MS if is_late else 0)

    async def sleep(self, ms: int) -> None:
        await asyncio.sleep(self._seconds(ms))
        await self._hold(self._saga_here())

    async def first(self, task: asyncio.Task[Any], ms: int) -> bool:
        name = task.get_name()
        if name.startswith(f"{self._run}:"):
            return await self._answer(task, self._open.get(name.partition(":")[2], ""), self._seconds(ms))
        late = spawn(self._late[self._saga_here()].wait(), "late")
        try:
            await asyncio.wait({task, late}, timeout=self._seconds(ms), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(late)
        await self._hold(self._saga_here())
        return task.done()

    async def _answer(self, journey: asyncio.Task[Any], attempt: str, patience: float) -> bool:
        """Wait until a call is over, however long it takes; return whether its answer was heard in the record."""
        from sagas.network import DriverDied

        verdict = str(self._record["unheard"].get(attempt, ""))
        if verdict == "died before":
            raise DriverDied
        began = time.monotonic()
        await asyncio.wait({journey})
        await self._hold(self._saga_here())
        if verdict == "died after":
            raise DriverDied
        if verdict != "unheard" or journey.result() is None:
            return True  # a reply that gets lost on its way is the wire's own business
        await asyncio.sleep(patience - (time.monotonic() - began))
        return False

    async def _hold(self, saga: str) -> None:
        """Wait while somebody is about to act on a saga, so that the act comes where it came."""
        if saga in self._held:
            await self._held[saga].wait()

    def _let_go_on(self) -> None:
        """Take notice that the driver itself, and none of its sagas, is at work: it obeys what it was asked."""
        task = asyncio.current_task()
        if task is not None and task.get_name() == f"run {self._run}":
            for saga in [saga for saga, asked in self._asking.items() if asked.done() and saga in self._held]:
                self._held.pop(saga).set()

    def _saga_here(self) -> str:
        """Return the saga whose task this is, "" for any other task: the engine names them."""
        task = asyncio.current_task()
        kind, _, of = task.get_name().partition(" ") if task else ("", "", "")
        return of if kind == "saga" else self._sagas.get(of, "") if kind == "watch" else ""

    def _seconds(self, ms: int) -> float:
        return max(0.0, ms * float(self._record["pace"]) / 1000)


async def _conduct(record: Mapping[str, Any], run: str, sagas: Mapping[str, str]) -> None:
    """Drive the run with a worker of its own until it is where the record ends."""
    from sagas import catalog
    from sagas.journal import Journal
    from sagas.worker import Pace, Worker

    conductor, book = Conductor(record, run, sagas), Journal()
    await conductor.begin()
    book.listen(conductor.hear)
    book.start()
    worker = Worker(book, clock=conductor, pace=Pace(lease_ms=FAR_MS), only=run)
    working, ending = spawn(worker.run(), "worker"), spawn(conductor.finished.wait(), "end")
    await asyncio.wait({working, ending}, timeout=record["limit_s"], return_when=asyncio.FIRST_COMPLETED)
    is_over = ending.done()
    await cancel_and_wait(ending)
    died = working.done() and working.exception()
    await cancel_and_wait(working)
    await book.stop()
    for service in catalog.SERVICES.values():
        await asyncio.to_thread(service.close)
    if died or not is_over:
        raise SystemExit(f"the run did not come to its end: {died or 'it took too long'}")


def _ask(run: str, saga: str, act: Mapping[str, Any]) -> None:
    """Do what a person did."""
    from django.db import connections

    from sagas import runs
    from sagas.models import Command

    try:
        said = {"who": act["who"], "why": act["why"]}
        if act["action"] == "retry":
            runs.retry_saga(saga, **said)
        elif act["action"] == "fail":
            runs.fail_step(saga, **said)
        elif act["action"] == "resolve":
            runs.resolve_saga(saga, evidence=act["evidence"], **said)
        elif act["action"] == "release-lock":
            runs.release_lock(saga, act["record"], **said)
        else:
            Command.objects.create(run_id=run, saga=saga, kind=act["action"], who=act["who"], why=act["why"])
            runs.wake(run)
    finally:
        connections.close_all()
