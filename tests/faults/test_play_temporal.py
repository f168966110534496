"""`manage.py play` and `saga run` with SAGA_ENGINE=temporal: what a reader sees is what a reader always sees."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.migrated import manage
from tests.play import Play
from tests.temporal import Temporal
from tests.waiting import until

FAULTS = [{"step": "book-delivery", "kind": "decline"}]
RETRIED = [*FAULTS, {"step": "charge-payment", "on": "compensation", "kind": "error", "times": 2}]


@pytest.mark.torture
def test_a_playground_on_temporal(live_play: Callable[..., Play], temporal: Temporal) -> None:
    there = {"SAGA_ENGINE": "temporal", "TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_CACHED_WORKFLOWS": "0"}
    play = live_play(**there, SAGA_LEASE_SECONDS="2", SAGA_POLL_SECONDS="0.2")
    stuck = {"latency_ms": 50, "compensation_retry": {"max_attempts": 2, "initial_ms": 10}, "faults": RETRIED}
    with httpx.Client(base_url=play.url, timeout=20) as site:
        run = site.post("/api/runs", json=stuck).json()["id"]
        _until_finished(site, run)
        (saga,) = site.get(f"/api/runs/{run}").json()["sagas"]
        assert saga["state"] == "needs-operator"
        assert "needs-operator" in site.get(f"/runs/{run}/").text
        said = {"who": "ada", "why": "the bank is back"}
        assert site.post(f"/api/sagas/{saga['id']}/retry", json=said).status_code < 300
        until(lambda: _states(site, run) == ["compensated"], lambda: play.output)
        slow = site.post("/api/runs", json={"latency_ms": 600, "timeout_ms": 3000}).json()["id"]
        until(lambda: _started(site, slow) >= 2, lambda: play.output)
        play.kill()
        play.start()
        _until_finished(site, slow)
        assert _states(site, slow) == ["completed"]
        nobody = site.post("/api/runs", json={"mode": "choreography", "latency_ms": 0}).json()["id"]
        _until_finished(site, nobody)
        assert _states(site, nobody) == ["completed"]


def _entries(site: httpx.Client, run: str) -> list[dict[str, Any]]:
    return list(site.get(f"/api/runs/{run}/export?format=journal").json()["entries"])


def _started(site: httpx.Client, run: str) -> int:
    return [entry["kind"] for entry in _entries(site, run)].count("attempt-started")


def _states(site: httpx.Client, run: str) -> list[str]:
    return [saga["state"] for saga in site.get(f"/api/runs/{run}").json()["sagas"]]


def _until_finished(site: httpx.Client, run: str) -> None:
    until(lambda: site.get(f"/api/runs/{run}").json()["state"] == "finished", lambda: _entries(site, run))


@pytest.mark.torture
def test_the_terminal_on_temporal(tmp_path: Any, temporal: Temporal) -> None:
    done = _manage(tmp_path, temporal.address, "saga", "run", "--json", "--fault", "book-delivery:decline")
    assert done.returncode == 3, done.stderr
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert (kinds[0], kinds[-1]) == ("saga-started", "run-finished")
    seqs = [json.loads(line)["seq"] for line in done.stdout.splitlines()]
    assert seqs == list(range(1, len(seqs) + 1))


def test_an_engine_that_nobody_knows_is_refused_by_name(tmp_path: Any) -> None:
    done = _manage(tmp_path, "127.0.0.1:1", "check", SAGA_ENGINE="tempo")
    assert done.returncode != 0
    assert "SAGA_ENGINE must be temporal, durable or builtin, not 'tempo'" in done.stderr


def _manage(data: Any, address: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    there = {"SAGA_DATA": str(data), "SAGA_ENGINE": "temporal", "TEMPORAL_ADDRESS": address, **environment}
    return manage(*words, **there)
