"""A Temporal worker of this process, and the carrier that brings to Temporal what the default database asks for."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError
from temporalio.worker import Worker

from sagas.clock import spawn, until_one_ends
from sagas.engines.carrier import Carrier
from sagas.engines.desk import Desk, asked
from sagas.engines.temporal.activities import Activities
from sagas.engines.temporal.workflow import ASK, SagaRun
from sagas.journal import Journal
from sagas.models import Command

logger = logging.getLogger(__name__)

ENGINE = "temporal"
TASK_QUEUE = "sagas"
LEAST_THOUGHT_MS = 3000  # a thought may take longer than a lease where a machine is busy
ACTIVITIES = 200  # at once, in this process
ANSWER_WITHIN = timedelta(seconds=10)  # to a start; one that hangs is asked for again after the next look


class TemporalWorker:
    """`run` it on the event loop of the journal's writer; cancel that to stop it. `only` is the one run to start."""

    def __init__(self, book: Journal, *, lease_ms: int, poll_ms: int, only: str = "") -> None:
        self._book, self._lease_ms, self._poll_ms = book, lease_ms, poll_ms
        self._carrier = Carrier(ENGINE, lease_ms=lease_ms, poll_ms=poll_ms, only=only)

    async def run(self) -> None:
        """Work until cancelled. What cannot be reached is tried again, once per poll."""
        desk = Desk(self._book, ENGINE)
        try:
            async with self._carrier.open():
                await self._work(desk, await self._connected())
        finally:
            await desk.close()

    async def _work(self, desk: Desk, client: Client) -> None:
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
        start, tell = partial(self._start, client), partial(self._tell, client)
        carrying = self._carrier.carry_forever(start, tell, RPCError)
        await until_one_ends(spawn(worker.run(), "Temporal's worker"), spawn(carrying, "carry to Temporal"))

    async def _connected(self) -> Client:
        address, runtime = settings.TEMPORAL_ADDRESS, _runtime()
        while True:
            try:
                return await Client.connect(address, namespace=settings.TEMPORAL_NAMESPACE, runtime=runtime)
            except (RuntimeError, RPCError) as error:
                logger.error("temporal.unreachable: %s", error, extra={"address": address})
                await asyncio.sleep(self._poll_ms / 1000)

    async def _tell(self, client: Client, command: Command) -> None:
        await self._start(client, command.run_id, asked(command))

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
                rpc_timeout=ANSWER_WITHIN,
            )
        except WorkflowAlreadyStartedError:
            logger.debug("temporal.open", extra={"run": run})


def _runtime() -> Runtime:
    """Return a runtime whose log is Python's: as shipped it prints to standard output, which may be somebody's JSON."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio"))
    wanted = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=wanted, forwarding=forwarding)))


def workflow_of(run: str) -> str:
    """Return the id of a run's workflow."""
    return f"saga-run-{run}"
