"""The desk of a process that works for an engine elsewhere: each job of a loop, done against journal and services.

A job may come twice, or again after whoever had it died. What was appended is not appended again;
a call that nobody heard the end of is not made again either: what services did is copied from their
ledgers, and the answer is that nobody knows (`attempt-unknown`), as after any death of a driver.
Whether and when it is tried again is the decider's to say, out of the step's own budget.

A fault `crash-before` or `crash-after` ends the attempt in `WorkDied`: to the engine it is a call whose
worker died. It repeats the job, and that is the recovery. The loop, and other sagas of the run, notice nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import connections

from sagas import acting, catalog, leases
from sagas.clock import Clock, SystemClock
from sagas.databases import mended
from sagas.decider import Call
from sagas.engines.copies import Copy
from sagas.engines.jobs import Do, Job, Json, call_from_json, job_from_json
from sagas.engines.told import definition_to_json
from sagas.entries import Entry, Kind, Lane, entry_from_json
from sagas.errors import DefinitionUnknown, WorkDied
from sagas.journal import Journal
from sagas.leases import Lease
from sagas.models import Command, Run
from sagas.network import DriverDied, Participant
from sagas.recovery import (
    UNRECORDED,
    first_entries,
    late_starts,
    ledger_rows,
    load,
    missing_effects,
    recovery_entries,
)
from sagas.reports import unheard
from sagas.services.unlocked import seen_from_json
from sagas.stranded import strand

logger = logging.getLogger(__name__)

COPIES = 500  # runs that a process keeps in mind

T = TypeVar("T")
P = ParamSpec("P")


class Desk:
    """One desk of this process. Use it on one event loop; `close` it at the end."""

    def __init__(
        self,
        book: Journal,
        engine: str,
        *,
        services: Mapping[str, Participant] = catalog.SERVICES,
        clock: Clock | None = None,
    ) -> None:
        self.owner = acting.new_name()
        self._book, self._engine, self._services = book, engine, services
        self._clock = clock or SystemClock()
        self._copies: OrderedDict[tuple[str, int], Copy] = OrderedDict()
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="desk-db")
        self._work: Mapping[Do, Callable[[Copy, Job], Awaitable[dict[str, Any]]]] = {
            Do.APPEND: self._append,
            Do.LOOK: self._look,
            Do.ATTEMPT: self._attempt,
            Do.SETTLE: self._settle,
            Do.TAKE_AWAY: self._take_away,
            Do.SWEEP: self._sweep,
        }

    async def begin(self, run: str, execution: str) -> dict[str, Any]:
        """Return what a `Loop` is told, and under `over` whether there is nothing to loop over.

        `execution` names one run of the engine's code: its lease is the same each time, and anyone
        else's is lost. Writes the first entries, or those of a recovery. Raises LeaseLost for a run
        that is not there, or no more.
        """
        lease = await self._in_database(leases.hold, run, f"{self._engine}:{execution}")
        try:
            copy = await self._copy(run, lease.epoch)
        except DefinitionUnknown as error:
            await self._strand(lease, str(error))
            return {"over": True}
        await copy.append(await self._beginning(copy), f"{lease.epoch}:begin")
        lock = copy.definition.contested
        service = self._services[lock.service] if lock else None
        return {
            "over": False,
            "run": run,
            "epoch": lease.epoch,
            "definition": definition_to_json(copy.definition),
            "plan": dict(await self._in_database(_scenario, run)),
            "sagas": dict(copy.loaded.sagas),
            "entries": [entry.to_json() for entry in copy.entries],
            "asked": [asked(command) for command in copy.loaded.commands],
            "looks_first": bool(lock and service and service.looks_first(lock.action, copy.loaded.plan.lock)),
        }

    async def do(self, job: Json, *, again: bool = False) -> dict[str, Any]:
        """Return the answer to a job (`Job.to_json`); `again` where the engine knows that it tried before.

        Raises LeaseLost when another execution drives the run, DatabaseError when something could not
        be written, WorkDied where the plan ends the attempt: of these, the last two are to be tried again.
        """
        asked_for = job_from_json(job)
        copy = await self._copy(asked_for.run, asked_for.epoch)
        await copy.catch_up()
        if asked_for.do is Do.ATTEMPT and (again or await copy.is_written(_death(asked_for))):
            answer = await self._attempt_again(copy, asked_for)
        else:
            answer = await self._work[asked_for.do](copy, asked_for)
        return {**answer, "seq": copy.last_seq, "released": copy.released(asked_for.since)}

    async def close(self) -> None:
        """Forget what is under way, and give back the desk's thread and its connection."""
        for copy in self._copies.values():
            await copy.close()
        await self._in_database(connections.close_all)
        self._database.shutdown()

    async def _beginning(self, copy: Copy) -> list[Entry]:
        loaded, now = copy.loaded, self._clock.now()
        if not loaded.entries:
            return first_entries(loaded, now)
        if loaded.entries[-1].kind is Kind.RUN_FINISHED:
            return []
        rows = await ledger_rows(copy.definition, self._services, loaded.run)
        found = recovery_entries(copy.definition, copy.states, loaded.entries, rows, self.owner)
        return [*found, *late_starts(loaded, copy.states, now)]

    async def _append(self, copy: Copy, job: Job) -> dict[str, Any]:
        entries = [entry_from_json(entry) for entry in job.what["entries"]]
        await copy.append(entries, job.id, [(pk, at, no) for pk, at, no in job.what["handled"]])
        await copy.deliver_late()
        return {}

    async def _look(self, copy: Copy, job: Job) -> dict[str, Any]:
        try:
            seen = await copy.wire.look(copy.states[job.saga], call_from_json(job.what["call"]))
        except Exception as error:
            # The attempt looks again, and says what that came to.
            logger.error("desk.look-failed: %s", error, extra={"run": job.run})
            seen = None
        return {"seen": None if seen is None else seen.to_json()}

    async def _attempt(self, copy: Copy, job: Job) -> dict[str, Any]:
        state, call, seen = copy.states[job.saga], call_from_json(job.what["call"]), job.what["seen"]
        try:
            heard = await copy.wire.attempt(state, call, None if seen is None else seen_from_json(seen))
        except DriverDied:
            await self._die(copy, job)
            raise WorkDied(job.run, call.key) from None
        await copy.flush()
        return {"heard": heard.to_json()}

    async def _die(self, copy: Copy, job: Job) -> None:
        """Record that the attempt's worker is gone, and forget what it knew."""
        detail = {"worker": self.owner, "epoch": job.epoch}
        died = Entry(kind=Kind.ORCHESTRATOR_CRASHED, lane=Lane.OBSERVER, detail=detail)
        await copy.append([died], _death(job))
        self._copies.pop((job.run, job.epoch), None)
        await self._clock.sleep(copy.loaded.plan.latency_ms)

    async def _attempt_again(self, copy: Copy, job: Job) -> dict[str, Any]:
        """Nobody heard how the attempt ended: copy what services did meanwhile, and say so."""
        call: Call = call_from_json(job.what["call"])
        taken = Entry(kind=Kind.ORCHESTRATOR_RECOVERED, lane=Lane.OBSERVER, detail={"worker": self.owner})
        rows = await ledger_rows(copy.definition, self._services, job.run)
        await copy.append(
            [taken, *missing_effects(copy.definition, copy.states, copy.entries, rows)], f"{job.id}:again"
        )
        return {"heard": unheard(copy.states[job.saga], call, UNRECORDED).to_json()}

    async def _settle(self, copy: Copy, job: Job) -> dict[str, Any]:
        heard = await copy.wire.settle(copy.states[job.saga], job.what["step"], job.what["key"])
        await copy.flush()
        return {"heard": None if heard is None else heard.to_json()}

    async def _take_away(self, copy: Copy, job: Job) -> dict[str, Any]:
        facts, refusal = await copy.wire.take_away(copy.states[job.what["of"]], job.what["record"])
        if not refusal:
            await copy.append(facts, f"{job.id}:facts")
        return {"refusal": refusal}

    async def _sweep(self, copy: Copy, job: Job) -> dict[str, Any]:
        """Wait until nothing is under way here, deliver what is late, copy what the journal lacks."""
        await copy.wire.quiet()
        await copy.deliver_late(at_end=True)
        rows = await ledger_rows(copy.definition, self._services, job.run)
        await copy.append(missing_effects(copy.definition, copy.states, copy.entries, rows))
        return {}

    async def _copy(self, run: str, epoch: int) -> Copy:
        if (run, epoch) not in self._copies:
            loaded = await self._in_database(load, run)
            definition = catalog.definition(loaded.definition, loaded.version)
            copy = Copy(loaded, epoch, definition, self._services, self._clock, self._book, self._in_database)
            self._copies.setdefault((run, epoch), copy)
        self._copies.move_to_end((run, epoch))
        found = self._copies[run, epoch]
        if len(self._copies) > COPIES:
            self._copies.popitem(last=False)
        return found

    async def _strand(self, lease: Lease, reason: str) -> None:
        loaded = await self._in_database(load, lease.run)
        await strand(self._book, lease, loaded, self._clock.now(), reason)

    async def _in_database(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, mended, partial(work, *args, **kwargs))


def asked(command: Command) -> dict[str, Any]:
    """Return a command as `Loop.ask` takes it."""
    return {
        "id": command.pk,
        "kind": command.kind,
        "saga": command.saga,
        "who": command.who,
        "why": command.why,
        "saw": command.saw,
        "detail": dict(command.detail),
    }


def _death(job: Job) -> str:
    return f"{job.id}:died"


def _scenario(run: str) -> dict[str, Any]:
    return dict(Run.objects.values_list("scenario", flat=True).get(pk=run))
