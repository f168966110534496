"""A Durable Task worker of this process, and the carrier that brings it what the default database asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import durabletask.internal.orchestrator_service_pb2 as messages
import grpc
from django.conf import settings
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.worker import ConcurrencyOptions, TaskHubGrpcWorker

from sagas.engines.carrier import Carrier
from sagas.engines.desk import Desk, asked
from sagas.engines.durable.activities import Activities
from sagas.engines.durable.backend import LoopbackBackend
from sagas.engines.durable.orchestration import ASK, saga_run
from sagas.journal import Journal
from sagas.models import Command

logger = logging.getLogger(__name__)
sdk_logger = logging.getLogger("durabletask")
sdk_logger.setLevel(logging.ERROR)  # below that it tells of every thought, and warns of each timer that was cancelled

ENGINE = "durable"
AT_ONCE = 256  # activities of this process: each keeps a thread of the SDK's, and those beyond wait their turn
SPARE = 8  # threads for orchestrations, which only think
OVER = (OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)


class DurableWorker:
    """`run` it on the event loop of the journal's writer; cancel that to stop it.

    Without DURABLE_ADDRESS, which is a Durable Task backend's, one in memory is made for as long as this runs.
    `only` is the one run to start. An activity that is silent for `lease_ms` beyond its plan is begun again.
    """

    def __init__(self, book: Journal, *, lease_ms: int, poll_ms: int, only: str = "") -> None:
        self._book, self._lease_ms, self._address = book, lease_ms, str(settings.DURABLE_ADDRESS)
        self._carrier = Carrier(ENGINE, lease_ms=lease_ms, poll_ms=poll_ms, only=only)

    async def run(self) -> None:
        """Work until cancelled. What cannot be reached is tried again, once per poll."""
        async with self._carrier.open(), self._backend() as address, self._sdk_worker(address):
            with TaskHubGrpcClient(host_address=address, logger=sdk_logger) as client:
                in_thread = self._carrier.in_thread
                await self._carrier.carry_forever(
                    lambda run: in_thread(self._start, client, run),
                    lambda command: in_thread(self._tell, client, command),
                    grpc.RpcError,
                )

    @asynccontextmanager
    async def _backend(self) -> AsyncIterator[str]:
        if self._address:
            yield self._address
            return
        backend = LoopbackBackend()
        try:
            yield backend.start()
        finally:
            await self._carrier.in_thread(backend.stop)

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
            await self._carrier.in_thread(worker.stop)
            await desk.close()

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


def instance_of(run: str) -> str:
    """Return the id of a run's orchestration."""
    return f"saga-run-{run}"
