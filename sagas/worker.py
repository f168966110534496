"""A worker: claims runs that can move and drives hundreds of them on one event loop.

It asks for work when it is woken and otherwise once per poll; it renews what it holds three
times per lease, so that a live worker keeps its runs however slow they are and a dead one's
runs go on elsewhere within one lease. Recovery needs no traffic: the first poll finds them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from django.db import Error as DatabaseFailed
from django.db import connections

from sagas import acting, alerts, catalog, leases, runs
from sagas.clock import Clock, SystemClock, cancel_and_wait, spawn
from sagas.drivers import Driver, driver_for
from sagas.entries import Entry, Kind, Lane
from sagas.errors import DefinitionUnknown, LeaseLost
from sagas.journal import Batch, Journal
from sagas.leases import Lease
from sagas.network import DriverDied, Participant
from sagas.orchestrator import Ports
from sagas.recovery import Loaded, load, waiting_commands
from sagas.services.events import Subscriptions
from sagas.stranded import strand

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a worker keeps time, in milliseconds, and how many runs that are not idle it drives at once."""

    lease_ms: int = 5000
    poll_ms: int = 1000
    runs: int = 500


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
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._journal, self._pace, self._only = journal, pace or Pace(), only
        self._clock = clock or SystemClock()
        self._ports = Ports(
            journal=journal, services=services, clock=self._clock, owner=self.owner, subscriptions=subscriptions
        )
        self._driving: dict[str, asyncio.Task[None]] = {}
        self._drivers: dict[str, Driver] = {}
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker-db")
        self._work = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self.beats = 0

    async def run(self) -> None:
        """Claim and drive until cancelled; then give every lease back."""
        self._loop = asyncio.get_running_loop()
        acting.begin(self.owner)
        runs.on_work(self._wake)
        hook = alerts.webhook()
        beside = [spawn(self._renew_forever(), "renew leases")]
        if hook is not None:
            beside.append(spawn(self._tell_forever(hook), "tell of alerts"))
        try:
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
            runs.off_work(self._wake)
            await cancel_and_wait(*beside, *self._driving.values())
            await self._in_database(leases.release, self.owner, list(self._driving))
            await self._in_database(connections.close_all)
            self._database.shutdown()

    @property
    def driving(self) -> int:
        """How many runs this worker drives right now."""
        return len(self._driving)

    def _wake(self, run: str) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._work.set)

    async def _rest(self) -> None:
        waiting = spawn(self._work.wait(), "wait for work")
        await self._clock.first(waiting, self._pace.poll_ms)
        await cancel_and_wait(waiting)
        self._work.clear()

    async def _claim(self) -> None:
        idle = sum(driver.is_idle for driver in self._drivers.values())
        room, pace = self._pace.runs - (len(self._driving) - idle), self._pace
        if room > 0:
            due = await self._in_database(
                leases.claim_due, self.owner, self._clock.now(), pace.lease_ms, room, self._only
            )
            for lease in due:
                self._driving[lease.run] = spawn(self._hold(lease), f"run {lease.run}")
        if self._drivers:
            held = list(self._drivers)
            for command in await self._in_database(waiting_commands, held):
                if driver := self._drivers.get(command.run_id):
                    driver.command([command])

    async def _hold(self, lease: Lease) -> None:
        """Drive one run to its end, through deaths of its driver; give the lease back."""
        held: Lease | None = lease
        try:
            while held is not None:
                held = await self._drive(held)
            await self._in_database(leases.release, self.owner, [lease.run])
        except LeaseLost:
            logger.warning("run.lease-lost", extra={"run": lease.run, "epoch": lease.epoch})
        except DatabaseFailed as error:
            logger.error("run.database-failed: %s", error, extra={"run": lease.run, "epoch": lease.epoch})
        except Exception:
            logger.exception("run.driver-failed", extra={"run": lease.run, "epoch": lease.epoch})
        finally:
            if not self._stopping:
                self._driving.pop(lease.run, None)
            self._work.set()

    async def _drive(self, lease: Lease) -> Lease | None:
        """Drive until the run is finished; return a new lease when the driver died on the way."""
        loaded = await self._in_database(load, lease.run)
        try:
            definition = catalog.definition(loaded.definition, loaded.version)
        except DefinitionUnknown as error:
            await strand(self._journal, lease, loaded, self._clock.now(), str(error))
            return None
        driver = driver_for(self._ports, lease, loaded, definition)
        self._drivers[lease.run] = driver
        try:
            await driver.drive()
        except DriverDied:
            self._drivers.pop(lease.run, None)
            return await self._after_death(lease, loaded, driver)
        finally:
            self._drivers.pop(lease.run, None)
        return None

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
            held, now = list(self._driving), self._clock.now()
            try:
                kept = await self._in_database(leases.renew, self.owner, held, now, self._pace.lease_ms)
            except DatabaseFailed as error:
                logger.error("worker.renew-failed: %s", error)
                continue
            for run in set(held) - kept:
                if task := self._driving.get(run):
                    task.cancel()

    async def _tell_forever(self, hook: alerts.Webhook) -> None:
        while True:
            try:
                if await self._in_database(alerts.due(self._clock.now(), self._only).exists):
                    await alerts.tell(hook, self._clock.now(), self._only)
            except DatabaseFailed as error:
                logger.error("worker.alerts-unread: %s", error)
            await self._clock.sleep(self._pace.poll_ms)

    async def _in_database(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        mended = partial(_with_mended_connection, partial(work, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._database, mended)


def _with_mended_connection(work: Callable[[], T]) -> T:
    """Do work of the default database, on a new connection if the one of this thread was cut off."""
    connection = connections["default"]
    if connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()
    return work()
