"""Datadog's own test agent reads the traces of a playground that is killed on the way, and of the one after it.

`make trace-agent` puts the agent into an environment of its own, since it wants an older OpenTelemetry.
"""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sagas.tracecontext import trace_id
from tests.otlp import Told, bare, is_reported, is_served, told_in, told_in_file
from tests.play import ROOT, Play
from tests.waiting import until

pytestmark = pytest.mark.torture

AGENT = ROOT / ".venv" / "trace-agent" / "bin" / "ddapm-test-agent"
SLOW = {"latency_ms": 600, "timeout_ms": 4000}
SCENARIOS: dict[str, dict[str, Any]] = {
    "completed": SLOW,
    "compensated": {**SLOW, "faults": [{"step": "notify-warehouse", "on": "action", "kind": "decline", "times": None}]},
    "needs-operator": {
        **SLOW,
        "retry": {"max_attempts": 1},
        "compensation_retry": {"max_attempts": 1},
        "faults": [
            {"step": "charge-payment", "on": "action", "kind": "error", "times": None},
            {"step": "create-order", "on": "compensation", "kind": "error", "times": None},
        ],
    },
    "lost": {
        **SLOW,
        "mode": "choreography",
        "faults": [{"step": "book-delivery", "on": "action", "kind": "drop-event", "times": None}],
    },
}


class Agent:
    """The agent as a process of its own, on loopback only."""

    def __init__(self, folder: Path) -> None:
        ports = _free_ports(3)
        self.url = f"http://127.0.0.1:{ports[1]}"
        flags = [
            f"--{name}={port}" for name, port in zip(("port", "otlp-http-port", "otlp-grpc-port"), ports, strict=True)
        ]
        self._log = (folder / "agent.log").open("w")
        command = [str(AGENT), "--host=127.0.0.1", *flags]
        self._process = subprocess.Popen(command, cwd=folder, stdout=self._log, stderr=subprocess.STDOUT)

    def spans(self, trace: str) -> list[Told]:
        """Return the spans of a trace, each as often as it came."""
        requests = _json(f"{self.url}/test/session/traces")
        told = [told_in(json_format.ParseDict(request, ExportTraceServiceRequest())) for request in requests]
        return [(service, span) for each in told for service, span in each if span.trace_id.hex() == trace]

    def wait(self) -> None:
        """Return when it answers."""
        _until(lambda: _json(f"{self.url}/test/session/traces") is not None)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    one = Agent(tmp_path)
    try:
        one.wait()
        yield one
    finally:
        one.stop()


def _is_charging(journal: Any) -> bool:
    return any((e["kind"], e["step"]) == ("attempt-started", "charge-payment") for e in journal["entries"])


def test_a_killed_playgrounds_runs_are_whole_traces_for_datadog(agent: Agent, tmp_path: Path) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": agent.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "SAGA_LEASE_SECONDS": "1",
    }
    with ExitStack() as stack:
        play = stack.enter_context(Play(tmp_path / "data", environment))
        runs = {state: _start(play.url, scenario) for state, scenario in SCENARIOS.items()}
        _until(lambda: all(len(_journal(play.url, run)["entries"]) >= 4 for run in runs.values()))
        _until(lambda: _is_charging(_journal(play.url, runs["needs-operator"])))  # so that there is something to undo
        assert not any(_journal(play.url, run)["finished"] for run in runs.values()), "the kill would come too late"
        play.kill()
        play.start()
        _until(lambda: all(_journal(play.url, run)["finished"] for run in runs.values()))
        for state, run in runs.items():
            (saga,) = _json(f"{play.url}/api/runs/{run}")["sagas"]
            assert saga["state"] == state
            kinds = [entry["kind"] for entry in _journal(play.url, run)["entries"]]
            assert "orchestrator-recovered" in kinds, "the kill fell on nothing"
            text = _text(f"{play.url}/api/runs/{run}/export?format=otlp")
            told = bare((service, span) for service, span in told_in_file(text) if not is_reported(span))
            _until(lambda told=told, run=run: told.keys() <= bare(agent.spans(trace_id(run))).keys())
            seen = agent.spans(trace_id(run))
            assert bare((service, span) for service, span in seen if not is_served(span)) == told
            served = [span for _, span in seen if is_served(span)]
            assert served
            assert {span.parent_span_id for span in served} <= told.keys()


def _start(site: str, scenario: Mapping[str, Any]) -> str:
    body = json.dumps(scenario).encode()
    request = urllib.request.Request(f"{site}/api/runs", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["id"])


def _journal(site: str, run: str) -> Any:
    return _json(f"{site}/api/runs/{run}/journal")


def _json(url: str) -> Any:
    return json.loads(_text(url))


def _text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def _until(holds: Callable[[], Any]) -> None:
    """Return once it holds; an address that nobody answers at yet holds not."""

    def found() -> Any:
        with suppress(OSError):
            return holds()

    until(found)


def _free_ports(number: int) -> list[int]:
    """Return ports that nobody listens at, all different."""
    with ExitStack() as stack:
        doors = [stack.enter_context(socket.socket()) for _ in range(number)]
        for door in doors:
            door.bind(("127.0.0.1", 0))
        return [door.getsockname()[1] for door in doors]
