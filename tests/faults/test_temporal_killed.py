"""A worker for Temporal killed in the middle of an unwind: another one goes on, and undoes nothing twice."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from sagas import journal
from sagas.entries import Entry, Kind, Op
from sagas.models import Saga
from tests.temporal import Temporal, create
from tests.yard import Hand, Yard, until

UNDONE = ["notify-warehouse", "charge-payment", "create-order", "reserve-inventory"]
IN_A_CALL_MS = 1500  # a kill aimed at the middle of a call that takes this long hits it


def test_whoever_is_left_goes_on_with_an_unwind(
    sqlite_yard: Yard, temporal: Temporal, record_property: Callable[[str, object], None]
) -> None:
    there = {"SAGA_ENGINE": "temporal", "TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_CACHED_WORKFLOWS": "0"}
    run = create(
        {
            "latency_ms": 0,
            "timeout_ms": IN_A_CALL_MS,
            "faults": [
                {"step": "book-delivery", "kind": "decline"},
                {"step": "charge-payment", "on": "compensation", "kind": "lost-reply", "times": 1},
            ],
        }
    )
    with Hand(sqlite_yard, **there) as first:
        until(lambda: _is_undoing(journal.read_all(run.pk), "charge-payment"))
        first.kill()
    killed_at = journal.read_all(run.pk)
    assert killed_at[-1].kind is Kind.EFFECT, "the kill missed the call"
    with Hand(sqlite_yard, **there) as second:
        sqlite_yard.until_finished([run.pk])
        second.stop()
    entries = journal.read_all(run.pk)
    assert list(Saga.objects.filter(run=run).values_list("state", flat=True)) == ["compensated"]
    assert entries[: len(killed_at)] == killed_at
    assert [e.kind for e in entries].count(Kind.ORCHESTRATOR_RECOVERED) == 1
    assert [e.step for e in entries if _succeeded(e)] == UNDONE
    assert sqlite_yard.violations(run.pk) == []
    assert first.process.returncode == -signal.SIGKILL
    record_property("fault", "worker for Temporal killed in the middle of a compensation: another one went on")


def _is_undoing(entries: list[Entry], step: str) -> Any:
    return any(e.kind is Kind.EFFECT and e.step == step and e.op is Op.COMPENSATION for e in entries)


def _succeeded(entry: Entry) -> bool:
    return entry.kind is Kind.ATTEMPT_SUCCEEDED and entry.op is Op.COMPENSATION
