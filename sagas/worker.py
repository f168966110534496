"""A worker: claims runs that can move and drives hundreds of them on one event loop.

It asks for work when it is woken and otherwise once per poll; it renews what it holds three
times per lease, so that a live worker keeps its runs however slow they are and a dead one's
runs go on elsewhere within one lease. Recovery needs no traffic: the first poll finds them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from django.db import Error as DatabaseFailed
from django.db import connections

from sagas import acting, alerts, bells, catalog, house, leases, orchestrator, runs
from sagas.clock import Clock, SharedClock, cancel_and_wait, spawn
from sagas.crew import Crew
from sagas.databases import clock_ms, mended
from sagas.drivers import Driver, driver_for
from sagas.entries import Entry, Kind, Lane
from sagas.errors import DefinitionUnknown, LeaseLost
from sagas.journal import Batch, Journal
from sagas.leases import Lease
from sagas.models import Run
from sagas.network import DriverDied, Participant, at_work
from sagas.orchestrator import Ports
from sagas.recovery import Find, Loaded, find_runs, load, loaded_run, waiting_commands
from sagas.services.events import Subscriptions
from sagas.stranded import strand
from sagas.tape import NewRows

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

RUNS_PER_CLAIM = 100
UNEVEN = (0.75, 1.25)  # of a poll: workers that were started at once do not look at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a worker keeps time, in milliseconds, and how many runs that are not idle it drives at once.

    A run whose definition no live worker has had for `strand_ms` is stopped for a person.
    """

    lease_ms: int = 5000
    poll_ms: int = 1000
    runs: int = 500
    strand_ms: int = 60_000


class Worker:
    """One worker of this process. `run` it on an event loop; `stop` it from the same loop."""

    def __init__(
        self,
        journal: Journal,
        *,
        pace: Pace | None = None,
        services: Mapping[str, Participant] = catalog.SERVICES,
        subscriptions: Mapping[str, Subscriptions] = MappingProxyType({}),
        clock: Clock | None = None,
        only: str = "",
    ) -> None:
        self.owner = acting.new_name()
        self._journal, self._pace, self._only = journal, (pace := pace or Pace()), only
        self._crew = Crew(self.owner, lease_ms=pace.lease_ms, poll_ms=pace.poll_ms, strand_ms=pace.strand_ms)
        self._clock = clock or SharedClock()
        self._ports = Ports(
            journal=journal, services=services, clock=self._clock, owner=self.owner, subscriptions=subscriptions
        )
        self._driving: dict[str, asyncio.Task[None]] = {}
        self._drivers: dict[str, Driver] = {}
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker-db")
        self._work = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = Context()
        self._stopping, self._is_full = False, False
        self._asked: set[str] = set()
        self.beats = 0

    async def run(self) -> None:
        """Claim and drive until cancelled; then give every lease back."""
        self._loop = asyncio.get_running_loop()
        acting.begin(self.owner)
        self._context = copy_context()
        hook, bell = alerts.webhook(), bells.bell()
        runs.on_work(self.wake)
        if not self._only:
            house.open_house(self)
        beside = [spawn(self._renew_forever(), "renew leases"), spawn(self._meet_forever(), "meet the others")]
        if hook is not None:
            beside.append(spawn(self._tell_forever(hook), "tell of alerts"))
        if bell is not None:
            beside.append(spawn(bell.heed(self), "heed the bell"))
        try:
            await self._meet()
            while True:
                try:
                    await self._claim()
                except DatabaseFailed as error:
                    logger.error("worker.claim-failed: %s", error)
                else:
                    self.beats += 1
                await self._rest()
        finally:
            self._stopping = True
            runs.off_work(self.wake)
            house.close_house(self)
            await cancel_and_wait(*beside, *self._driving.values())
            await self._in_database(leases.release, self.owner, list(self._driving))
            await self._in_database(self._crew.leave)
            await self._in_database(connections.close_all)
            self._database.shutdown()

    @property
    def driving(self) -> int:
        """How many runs this worker drives right now."""
        return len(self._driving)

    async def adopt(self, run: Run, sagas: Mapping[str, str], rows: NewRows) -> None:
        """Drive a new run, whose `rows` give this worker the lease; return when it is durable.

        Raises JournalConflict when there is such a run already.
        """
        lease, loaded = Lease(run.pk, run.lease_epoch), loaded_run(run, sagas)
        driver = orchestrator.Driver(self._ports, lease, loaded, catalog.definition(run.definition, run.version))
        await driver.begin(rows)
        if not self._stopping:
            self._begin(lease, lambda: loaded, driver)

    def lease_until(self) -> int:
        """Return until when a lease that begins now is good, in milliseconds since the epoch."""
        return self._clock.now() + self._pace.lease_ms

    def _begin(self, lease: Lease, find: Find, driver: Driver | None = None) -> None:
        # Whoever starts a run is not who drives it: the context is the worker's.
        self._driving[lease.run] = spawn(self._hold(lease, find, driver), f"run {lease.run}", self._context.copy())

    def holds(self, run: str) -> bool:
        """Return whether this worker drives a run right now."""
        return run in self._driving

    def wants_more(self) -> bool:
        """Return whether this worker would drive another run."""
        return not self._only and (len(self._driving) < self._pace.runs or self._room() > 0)

    def wake(self, run: str) -> None:
        """Look for work at once. Any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken, run)

    def _woken(self, run: str) -> None:
        if run in self._driving:
            self._asked.add(run)  # it may be past listening: then it is claimed anew
        self._work.set()

    def _room(self) -> int:
        idle = sum(driver.is_idle for driver in self._drivers.values())
        return self._pace.runs - (len(self._driving) - idle)

    async def _rest(self) -> None:
        waiting = spawn(self._work.wait(), "wait for work")
        await self._clock.first(waiting, round(self._pace.poll_ms * random.uniform(*UNEVEN)))
        await cancel_and_wait(waiting)
        self._work.clear()

    async def _claim(self) -> None:
        if (room := self._room()) > 0:
            room -= await self._claim_some(min(room, RUNS_PER_CLAIM))
        self._is_full = room <= 0 or self._crew.has_left_some
        if self._drivers:
            held = list(self._drivers)
            for command in await self._in_database(waiting_commands, held):
                if driver := self._drivers.get(command.run_id):
                    driver.command([command])

    async def _claim_some(self, limit: int) -> int:
        """Claim a fair part of what is due; return of how many runs.

        What is left to others they are told of; a full batch is followed by the next.
        """
        due = await self._in_database(
            _claim,
            self.owner,
            self._clock.now(),
            self._pace.lease_ms,
            limit,
            self._only,
            but=self._crew.left_alone(),
            portion=partial(self._crew.portion, len(self._driving)),
        )
        for lease, found in due:
            self._begin(lease, found)
        if due and self._crew.has_left_some:
            await self._in_database(runs.call_others)
        elif len(due) == limit:
            self._work.set()
        return len(due)

    async def _hold(self, lease: Lease, find: Find, driver: Driver | None) -> None:
        """Drive one run to its end, through deaths of its driver; give the lease back."""
        try:
            again = await self._drive(lease, find(), driver)
            while again is not None:
                again = await self._drive(again, await self._in_database(load, again.run))
        except LeaseLost:
            logger.warning("run.lease-lost", extra={"run": lease.run, "epoch": lease.epoch})
        except DatabaseFailed as error:
            logger.error("run.database-failed: %s", error, extra={"run": lease.run, "epoch": lease.epoch})
        except Exception:
            logger.exception("run.driver-failed", extra={"run": lease.run, "epoch": lease.epoch})
        finally:
            if not self._stopping and self._driving.get(lease.run) is asyncio.current_task():
                del self._driving[lease.run]
            if self._is_full or lease.run in self._asked:
                self._asked.discard(lease.run)
                self._work.set()

    async def _drive(self, lease: Lease, loaded: Loaded, driver: Driver | None = None) -> Lease | None:
        """Drive until the run is finished, and is given back; return a new lease when the driver died on the way."""
        try:
            definition = catalog.definition(loaded.definition, loaded.version)
        except DefinitionUnknown as error:
            if not self._crew.is_for_others((loaded.definition, loaded.version)):
                await strand(self._journal, lease, loaded, self._clock.now(), str(error))
            await self._in_database(leases.release, self.owner, [lease.run])
            return None
        driver = driver or driver_for(self._ports, lease, loaded, definition)
        self._drivers[lease.run] = driver
        try:
            await driver.drive()
        except DriverDied:
            self._forget(lease.run, driver)
            return await self._after_death(lease, loaded, driver)
        finally:
            self._forget(lease.run, driver)
        if not driver.tape.is_released:
            await self._in_database(leases.release, self.owner, [lease.run])
        return None

    def _forget(self, run: str, driver: Driver) -> None:
        if self._drivers.get(run) is driver:
            del self._drivers[run]

    async def _after_death(self, lease: Lease, loaded: Loaded, driver: Driver) -> Lease | None:
        """Record the death, and claim the run anew: nothing of the driver's memory is kept."""
        died = Entry(
            kind=Kind.ORCHESTRATOR_CRASHED, lane=Lane.OBSERVER, detail={"worker": self.owner, "epoch": lease.epoch}
        )
        placed = died.placed(driver.tape.submitted_seq + 1, self._clock.now())
        await self._journal.append(Batch(run=lease.run, epoch=lease.epoch, entries=[placed]))
        await self._clock.sleep(loaded.plan.latency_ms)
        now, lease_ms = self._clock.now(), self._pace.lease_ms
        return await self._in_database(leases.take_over, lease, self.owner, now, lease_ms)

    async def _renew_forever(self) -> None:
        while True:
            await self._clock.sleep(self._pace.lease_ms // 3)
            held, now = dict(self._driving), self._clock.now()
            try:
                kept = await self._in_database(leases.renew, self.owner, held, now, self._pace.lease_ms)
            except DatabaseFailed as error:
                logger.error("worker.renew-failed: %s", error)
                continue
            for run in held.keys() - kept:
                if self._driving.get(run) is held[run]:
                    held[run].cancel()

    async def _meet(self) -> None:
        """Say that this worker is alive, unless it is there for one run only, and hear of the others and of the time."""
        try:
            await self._in_database(self._set_clock)
            if self._only:
                await self._in_database(self._crew.hear, self._clock.now())
            else:
                await self._in_database(self._crew.say, self._clock.now(), len(self._driving))
        except DatabaseFailed as error:
            logger.error("worker.not-announced: %s", error, extra={"worker": self.owner})

    def _set_clock(self) -> None:
        if isinstance(self._clock, SharedClock) and (moved := self._clock.put_right(clock_ms)):
            logger.warning("worker.clock-moved by %d ms: it goes by the database's", moved)

    async def _meet_forever(self) -> None:
        while True:
            await self._clock.sleep(self._pace.lease_ms)
            await self._meet()

    async def _tell_forever(self, hook: alerts.Webhook) -> None:
        while True:
            try:
                if await self._in_database(alerts.due(self._clock.now(), self._only).exists):
                    await alerts.tell(hook, self._clock.now, self._only)
            except DatabaseFailed as error:
                logger.error("worker.alerts-unread: %s", error)
            await self._clock.sleep(self._pace.poll_ms)

    async def _in_database(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await at_work(self._database, mended, partial(work, *args, **kwargs))


def _claim(*args: Any, **kwargs: Any) -> list[tuple[Lease, Find]]:
    """Claim as `leases.claim_due` does; return each lease with what makes sense of its run."""
    due = leases.claim_due(*args, **kwargs)
    found = find_runs([lease.run for lease in due]) if due else {}
    return [(lease, found[lease.run]) for lease in due]
