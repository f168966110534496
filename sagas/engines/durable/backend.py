"""A backend for one process and for trials: the SDK's own, in memory, reachable from this machine alone.

As shipped it listens on every interface, and it never learns that a worker died: an orchestration that
was being thought about stays with the dead for ever. Here it goes to the next worker. An activity does
not; its orchestration schedules it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import durabletask.internal.orchestrator_service_pb2_grpc as stubs
import grpc
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend

THREADS = 32  # each connected worker keeps one


class LoopbackBackend(InMemoryOrchestrationBackend):
    """`start` returns its address; `stop` ends it, and what it remembers is gone."""

    def start(self) -> str:
        """Listen on a free port of 127.0.0.1; return the address."""
        self._shutdown_event.clear()
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS))
        stubs.add_TaskHubSidecarServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"127.0.0.1:{self._port}"

    def GetWorkItems(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Yield work to one worker; when it leaves, take back the orchestrations that it has not answered."""
        given: dict[str, str] = {}
        context.add_callback(lambda: self._take_back(given))
        for item in super().GetWorkItems(request, context):
            if item.HasField("orchestratorRequest"):
                given[item.orchestratorRequest.instanceId] = item.completionToken
            yield item

    def _take_back(self, given: dict[str, str]) -> None:
        with self._lock:
            for instance_id, token in given.items():
                instance = self._instances.get(instance_id)
                if instance is None or str(instance.completion_token) != token:
                    continue
                if instance_id in self._orchestration_in_flight:
                    instance.pending_events = [*instance.dispatched_events, *instance.pending_events]
                    instance.dispatched_events.clear()
                    instance.completion_token = self._next_completion_token  # an answer of the dead is stale
                    self._next_completion_token += 1
                    self._orchestration_in_flight.discard(instance_id)
                    self._enqueue_orchestration(instance_id)
