"""A Durable Task worker of this process, and the carrier that brings it what the default database asks for.

A stored run is what has to be started, and a command that nobody has handled is what has to be told:
the carrier looks when it is woken and otherwise once per poll, and telling twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import ParamSpec, TypeVar

import durabletask.internal.orchestrator_service_pb2 as messages
import grpc
from django.conf import settings
from django.db import Error as DatabaseFailed
from django.db import connections
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.worker import ConcurrencyOptions, TaskHubGrpcWorker

from sagas import runs
from sagas.engines.desk import Desk, asked
from sagas.engines.durable.activities import Activities
from sagas.engines.durable.backend import LoopbackBackend
from sagas.engines.durable.orchestration import ASK, saga_run
from sagas.journal import Journal
from sagas.models import Command, Run

logger = logging.getLogger(__name__)
sdk_logger = logging.getLogger("durabletask")
sdk_logger.setLevel(logging.ERROR)  # below that it tells of every thought, and warns of each timer that was cancelled

ENGINE = "durable"
RUNS_PER_LOOK = 500
AT_ONCE = 256  # activities of this process: each keeps a thread of the SDK's, and those beyond wait their turn
SPARE = 8  # threads for orchestrations, which only think
OVER = (OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)

T = TypeVar("T")
P = ParamSpec("P")


class DurableWorker:
    """`run` it on the event loop of the journal's writer; cancel that to stop it.

    Without DURABLE_ADDRESS, which is a Durable Task backend's, one in memory is made for as long as this runs.
    `only` is the one run to start. An activity that is silent for `lease_ms` beyond its plan is begun again.
    """

    def __init__(self, book: Journal, *, lease_ms: int, poll_ms: int, only: str = "") -> None:
        self._book, self._lease_ms, self._poll_ms = book, lease_ms, poll_ms
        self._only, self._address = only, str(settings.DURABLE_ADDRESS)
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="durable-carrier")
        self._work = asyncio.Event()
        self._told: dict[int, float] = {}

    async def run(self) -> None:
        """Work until cancelled. What cannot be reached is tried again, once per poll."""
        loop = asyncio.get_running_loop()

        def wake(run: str) -> None:
            loop.call_soon_threadsafe(self._work.set)

        runs.on_work(wake)
        try:
            async with self._backend() as address, self._sdk_worker(address):
                with TaskHubGrpcClient(host_address=address, logger=sdk_logger) as client:
                    await self._carry_forever(client)
        finally:
            runs.off_work(wake)
            await self._in_thread(connections.close_all)
            self._threads.shutdown()

    @asynccontextmanager
    async def _backend(self) -> AsyncIterator[str]:
        if self._address:
            yield self._address
            return
        backend = LoopbackBackend()
        try:
            yield backend.start()
        finally:
            await self._in_thread(backend.stop)

    @asynccontextmanager
    async def _sdk_worker(self, address: str) -> AsyncIterator[None]:
        desk = Desk(self._book, ENGINE)
        activities = Activities(desk, asyncio.get_running_loop())
        options = ConcurrencyOptions(
            maximum_concurrent_activity_work_items=AT_ONCE, maximum_thread_pool_workers=AT_ONCE + SPARE
        )
        worker = TaskHubGrpcWorker(host_address=address, concurrency_options=options, logger=sdk_logger)
        worker.add_orchestrator(saga_run)
        worker.add_activity(activities.saga_begin)
        worker.add_activity(activities.saga_job)
        worker.start()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            activities.close()
            await self._in_thread(worker.stop)
            await desk.close()

    async def _carry_forever(self, client: TaskHubGrpcClient) -> None:
        begun = True  # whatever was left in the middle, by whom ever: once
        while True:
            try:
                await self._in_thread(self._carry, client, begun, asyncio.get_running_loop().time())
                begun = False
            except DatabaseFailed as error:
                logger.error("durable.database-failed: %s", error)
            except grpc.RpcError as error:
                logger.error("durable.not-told: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_ms / 1000):
                    await self._work.wait()
            self._work.clear()

    def _carry(self, client: TaskHubGrpcClient, begun: bool, now: float) -> None:
        for run in self._unstarted(begun):
            self._start(client, run)
        for command in self._untold(now):
            self._tell(client, command)
            self._told[command.pk] = now

    def _start(self, client: TaskHubGrpcClient, run: str) -> None:
        """Have a run's orchestration started unless it is open; one that has ended makes room for it."""
        policy = messages.OrchestrationIdReusePolicy(replaceableStatus=[status.value for status in OVER])
        try:
            client.schedule_new_orchestration(
                saga_run,
                input={"run": run, "patience_ms": self._lease_ms},
                instance_id=instance_of(run),
                reuse_id_policy=policy,
            )
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            logger.debug("durable.open", extra={"run": run})

    def _tell(self, client: TaskHubGrpcClient, command: Command) -> None:
        """Bring a command to its run's orchestration; a new one finds it in the database."""
        state = client.get_orchestration_state(instance_of(command.run_id), fetch_payloads=False)
        if state is None or state.runtime_status in OVER:
            self._start(client, command.run_id)
        else:
            client.raise_orchestration_event(instance_of(command.run_id), ASK, data=asked(command))

    def _unstarted(self, begun: bool) -> list[str]:
        """Return runs that the backend may not know of; with `begun` also those that it should know."""
        mine = Run.objects.filter(engine=ENGINE, state=Run.State.RUNNING, pruning=False)
        if self._only:
            mine = mine.filter(pk=self._only)
        if not begun:
            mine = mine.filter(lease_epoch=0)
        return list(mine.order_by("created_at").values_list("pk", flat=True)[:RUNS_PER_LOOK])

    def _untold(self, now: float) -> list[Command]:
        """Return the commands that wait, but for those told within a lease."""
        waiting = Command.objects.filter(run__engine=ENGINE, handled_seq=None, run__pruning=False).order_by("pk")
        if self._only:
            waiting = waiting.filter(run=self._only)
        found = list(waiting[:RUNS_PER_LOOK])
        self._told = {command.pk: self._told[command.pk] for command in found if command.pk in self._told}
        late = now - self._lease_ms / 1000
        return [command for command in found if self._told.get(command.pk, late) <= late]

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))


def instance_of(run: str) -> str:
    """Return the id of a run's orchestration."""
    return f"saga-run-{run}"
