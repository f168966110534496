"""A Temporal worker of this process, and the carrier that brings to Temporal what the default database asks for.

A stored run is what has to be started, and a command that nobody has handled is what has to be told:
the carrier looks when it is woken and otherwise once per poll, and telling twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailed
from django.db import connections
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError
from temporalio.worker import Worker

from sagas import runs
from sagas.clock import cancel_and_wait, spawn
from sagas.databases import mended
from sagas.engines.desk import Desk, asked
from sagas.engines.temporal.activities import Activities
from sagas.engines.temporal.workflow import ASK, SagaRun
from sagas.journal import Journal
from sagas.models import Command, Run

logger = logging.getLogger(__name__)

ENGINE = "temporal"
TASK_QUEUE = "sagas"
RUNS_PER_LOOK = 500
LEAST_THOUGHT_MS = 3000  # a thought may take longer than a lease where a machine is busy
ACTIVITIES = 200  # at once, in this process


class TemporalWorker:
    """`run` it on the event loop of the journal's writer; cancel that to stop it. `only` is the one run to start."""

    def __init__(self, book: Journal, *, lease_ms: int, poll_ms: int, only: str = "") -> None:
        self._book, self._lease_ms, self._poll_ms, self._only = book, lease_ms, poll_ms, only
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="temporal-db")
        self._work = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: dict[int, float] = {}

    async def run(self) -> None:
        """Work until cancelled. What cannot be reached is tried again, once per poll."""
        self._loop = asyncio.get_running_loop()
        runs.on_work(self._wake)
        desk = Desk(self._book, ENGINE)
        try:
            client = await self._connected()
            worker = Worker(
                client,
                task_queue=TASK_QUEUE,
                workflows=[SagaRun],
                activities=Activities(desk).all,
                max_concurrent_activities=ACTIVITIES,
                max_cached_workflows=settings.TEMPORAL_CACHED_WORKFLOWS,
                # A workflow that a killed process had in mind goes on elsewhere after this.
                sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=self._lease_ms),
            )
            carrying = spawn(self._carry_forever(client), "carry to Temporal")
            try:
                await worker.run()
            finally:
                await cancel_and_wait(carrying)
        finally:
            runs.off_work(self._wake)
            await self._in_database(connections.close_all)
            self._database.shutdown()
            await desk.close()

    async def _connected(self) -> Client:
        address = settings.TEMPORAL_ADDRESS
        while True:
            try:
                return await Client.connect(address, namespace=settings.TEMPORAL_NAMESPACE, runtime=_runtime())
            except (RuntimeError, RPCError) as error:
                logger.error("temporal.unreachable: %s", error, extra={"address": address})
                await asyncio.sleep(self._poll_ms / 1000)

    async def _carry_forever(self, client: Client) -> None:
        begun = True  # whatever was left in the middle, by whom ever: once
        while True:
            try:
                for run in await self._in_database(self._unstarted, begun):
                    await self._start(client, run)
                for command in await self._in_database(self._untold):
                    await self._start(client, command.run_id, asked(command))
                    self._told[command.pk] = asyncio.get_running_loop().time()
                begun = False
            except DatabaseFailed as error:
                logger.error("temporal.database-failed: %s", error)
            except RPCError as error:
                logger.error("temporal.not-told: %s", error)
            await self._rest()

    async def _start(self, client: Client, run: str, command: dict[str, Any] | None = None) -> None:
        """Have a run's workflow started unless it is open, and told of a command in the same request."""
        try:
            await client.start_workflow(
                SagaRun.run,
                args=[run, self._lease_ms],
                id=workflow_of(run),
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                # After which whoever was thinking for a workflow is taken for dead.
                task_timeout=timedelta(milliseconds=max(self._lease_ms, LEAST_THOUGHT_MS)),
                start_signal=None if command is None else ASK,
                start_signal_args=[] if command is None else [command],
            )
        except WorkflowAlreadyStartedError:
            logger.debug("temporal.open", extra={"run": run})

    def _unstarted(self, begun: bool) -> list[str]:
        """Return runs that Temporal may not know of; with `begun` also those that it should know."""
        mine = Run.objects.filter(engine=ENGINE, state=Run.State.RUNNING, pruning=False)
        if self._only:
            mine = mine.filter(pk=self._only)
        if begun:
            return list(mine.values_list("pk", flat=True))
        return list(mine.filter(lease_epoch=0).order_by("created_at").values_list("pk", flat=True)[:RUNS_PER_LOOK])

    def _untold(self) -> list[Command]:
        """Return the commands that wait, but for those told within a lease."""
        waiting = Command.objects.filter(run__engine=ENGINE, handled_seq=None, run__pruning=False).order_by("pk")
        if self._only:
            waiting = waiting.filter(run=self._only)
        found = list(waiting[:RUNS_PER_LOOK])
        self._told = {command.pk: self._told[command.pk] for command in found if command.pk in self._told}
        late = self._now() - self._lease_ms / 1000
        return [command for command in found if self._told.get(command.pk, late) <= late]

    def _now(self) -> float:
        assert self._loop is not None
        return self._loop.time()

    def _wake(self, run: str) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._work.set)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_ms / 1000):
                await self._work.wait()
        self._work.clear()

    async def _in_database(self, work: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._database, mended, partial(work, *args))


def _runtime() -> Runtime:
    """Return a runtime whose log is Python's: as shipped it prints to standard output, which may be somebody's JSON."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio"))
    wanted = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=wanted, forwarding=forwarding)))


def workflow_of(run: str) -> str:
    """Return the id of a run's workflow."""
    return f"saga-run-{run}"
