"""The backend in memory: this machine alone reaches it, and no thought is lost with the worker that had it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import durabletask.internal.orchestrator_service_pb2 as messages
import durabletask.internal.orchestrator_service_pb2_grpc as stubs
import grpc
import pytest
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient
from durabletask.task import OrchestrationContext
from durabletask.worker import TaskHubGrpcWorker

from sagas.engines.durable.backend import LoopbackBackend

LOOPBACK = "0100007F"
LISTENS = "0A"  # a socket's state, as the kernel writes it


@pytest.fixture
def backend() -> Iterator[str]:
    backend = LoopbackBackend()
    yield backend.start()
    backend.stop()


def ponder(context: OrchestrationContext, asked: int) -> int:
    return asked + 1


def test_it_listens_on_loopback_alone(backend: str) -> None:
    port = f"{int(backend.rpartition(':')[2]):04X}"
    sockets = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    mine = [line[1] for line in sockets if line[1].endswith(f":{port}") and line[3] == LISTENS]
    assert [address[-13:] for address in mine] == [f"{LOOPBACK}:{port}"], "as such, or as an IPv6 address that holds it"


def test_what_a_dead_worker_was_thinking_about_goes_to_the_next_one(backend: str) -> None:
    with TaskHubGrpcClient(host_address=backend) as client, grpc.insecure_channel(backend) as channel:
        instance = client.schedule_new_orchestration(ponder, input=41)
        items: Any = stubs.TaskHubSidecarServiceStub(channel).GetWorkItems(messages.GetWorkItemsRequest())
        taken = next(items)
        assert taken.orchestratorRequest.instanceId == instance
        items.cancel()  # and nobody ever answers
        worker = TaskHubGrpcWorker(host_address=backend)
        worker.add_orchestrator(ponder)
        worker.start()
        try:
            state = client.wait_for_orchestration_completion(instance, timeout=30)
        finally:
            worker.stop()
    assert state is not None
    assert (state.runtime_status, state.serialized_output) == (OrchestrationStatus.COMPLETED, "42")
