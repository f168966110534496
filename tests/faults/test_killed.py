"""A `saga run` process killed with SIGKILL; another process goes on with its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sagas import catalog
from sagas.entries import Entry, Kind, Op, entry_from_json
from sagas.language import sentence_violations
from tests.migrated import ROOT, files_in

SLOW = {"latency_ms": 60, "timeout_ms": 2000, "retry": {"initial_ms": 5}, "compensation_retry": {"initial_ms": 5}}
REFUSED_AT_FOUR = {"faults": [{"step": "notify-warehouse", "kind": "decline"}]}


def manage(data: Path, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "SAGA_DATA": str(data), "SAGA_LEASE_SECONDS": "0.6", "SAGA_POLL_SECONDS": "0.1"}
    return subprocess.Popen(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with all tables, so that a process starts fast."""
    return files_in(tmp_path / "data")


def start(data: Path, scenario: Mapping[str, Any]) -> subprocess.Popen[str]:
    file = data / "scenario.json"
    file.write_text(json.dumps(scenario))
    return manage(data, "saga", "run", "--json", "--scenario", str(file))


def read_until(process: subprocess.Popen[str], kind: Kind, step: str, op: Op | None) -> list[Entry]:
    """Return the entries that a process printed, up to the one that is waited for."""
    assert process.stdout is not None
    seen: list[Entry] = []
    for line in process.stdout:
        seen.append(entry_from_json(json.loads(line)))
        if (seen[-1].kind, seen[-1].step, seen[-1].op) == (kind, step, op):
            return seen
    raise AssertionError(f"the process ended without {kind} of {step}: {[e.kind for e in seen]}")


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL


def go_on(data: Path, run: str) -> tuple[int, list[Entry]]:
    resumed = manage(data, "saga", "resume", run, "--json")
    out, _ = resumed.communicate(timeout=60)
    return resumed.returncode, [entry_from_json(json.loads(line)) for line in out.splitlines()]


MOMENTS = [
    (Kind.SAGA_STARTED, "", None, 0),
    (Kind.ATTEMPT_STARTED, "charge-payment", Op.ACTION, 0),
    (Kind.EFFECT, "charge-payment", Op.ACTION, 0),
    (Kind.ATTEMPT_SUCCEEDED, "charge-payment", Op.ACTION, 0),
    (Kind.LOCK_RELEASED, "reserve-inventory", None, 0),
    (Kind.SAGA_COMPENSATING, "notify-warehouse", None, 3),
    (Kind.ATTEMPT_STARTED, "charge-payment", Op.COMPENSATION, 3),
    (Kind.EFFECT, "create-order", Op.COMPENSATION, 3),
]


@pytest.mark.parametrize(("kind", "step", "op", "code"), MOMENTS, ids=[f"{k}-{s}-{o}" for k, s, o, _ in MOMENTS])
def test_rule_06_a_killed_run_is_recovered_and_loses_nothing(
    data: Path, kind: Kind, step: str, op: Op | None, code: int
) -> None:
    process = start(data, {**SLOW, **(REFUSED_AT_FOUR if code else {})})
    seen = read_until(process, kind, step, op)
    kill(process)
    run = seen[0].saga.rsplit("-", 1)[0]
    ended, entries = go_on(data, run)
    assert ended == code
    assert entries[: len(seen)] == seen, "what was committed before the kill is still there, word for word"
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    assert Kind.ORCHESTRATOR_RECOVERED in {e.kind for e in entries}, "the kill came after the run's end"
    assert sentence_violations(entries, catalog.ORDER) == []
    charged = [e.detail["amount"] for e in entries if e.kind is Kind.EFFECT and e.detail["service"] == "payments"]
    assert charged == ([4900, -4900] if code else [4900])
    assert entries[-1].kind is Kind.RUN_FINISHED


def test_rule_06_settled_compensations_are_not_called_again_after_a_crash(data: Path) -> None:
    process = start(data, {**SLOW, **REFUSED_AT_FOUR})
    seen = read_until(process, Kind.ATTEMPT_SUCCEEDED, "charge-payment", Op.COMPENSATION)
    kill(process)
    _, entries = go_on(data, seen[0].saga.rsplit("-", 1)[0])
    refunds = [e for e in entries if e.kind is Kind.ATTEMPT_STARTED and e.key == "saga:ord-8412:refund-payment"]
    assert len(refunds) == 1


def test_an_interrupted_run_says_how_to_go_on(data: Path) -> None:
    process = start(data, SLOW)
    seen = read_until(process, Kind.ATTEMPT_STARTED, "create-order", Op.ACTION)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    code, entries = go_on(data, seen[0].saga.rsplit("-", 1)[0])
    assert (code, entries[-1].kind) == (0, Kind.RUN_FINISHED)
