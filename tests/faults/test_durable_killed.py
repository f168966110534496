"""A Durable Task worker killed in the middle of an unwind: another one goes on, and undoes nothing twice."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from sagas import journal
from sagas.engines.durable.backend import LoopbackBackend
from sagas.entries import Entry, Kind, Op
from sagas.models import Saga
from tests import durable
from tests.waiting import until
from tests.yard import Hand, Yard

UNDONE = ["notify-warehouse", "charge-payment", "create-order", "reserve-inventory"]
PROCESS = ("-m", "tests.alone")
IN_A_CALL_MS = 1500  # a kill aimed at the middle of a call that takes this long hits it
SCENARIO = {
    "latency_ms": 0,
    "timeout_ms": IN_A_CALL_MS,
    "faults": [
        {"step": "book-delivery", "kind": "decline"},
        {"step": "charge-payment", "on": "compensation", "kind": "lost-reply", "times": 1},
    ],
}


@pytest.fixture
def backend() -> Iterator[str]:
    """A backend in the test's own process, which no kill reaches; yields its address."""
    backend = LoopbackBackend()
    yield backend.start()
    backend.stop()


@pytest.mark.torture
def test_whoever_is_left_goes_on_with_an_unwind(
    sqlite_yard: Yard, backend: str, record_property: Callable[[str, object], None]
) -> None:
    run = durable.create(SCENARIO)
    first = Hand(sqlite_yard, *PROCESS, SAGA_ENGINE="durable", DURABLE_ADDRESS=backend)
    with first:
        until(lambda: any(_is_refund(entry) for entry in journal.read_all(run.pk)))
        first.kill()
    killed_at = journal.read_all(run.pk)
    assert killed_at[-1].kind is Kind.EFFECT, "the kill missed the call"
    with Hand(sqlite_yard, *PROCESS, SAGA_ENGINE="durable", DURABLE_ADDRESS=backend) as second:
        sqlite_yard.until_finished([run.pk])
        second.stop()
    entries = journal.read_all(run.pk)
    assert "not-told" not in second.output
    assert second.lines[-1].strip() == "drivers:", "a driver of this project was loaded beside the engine"
    assert list(Saga.objects.filter(run=run).values_list("state", flat=True)) == ["compensated"]
    assert entries[: len(killed_at)] == killed_at
    assert [e.kind for e in entries].count(Kind.ORCHESTRATOR_RECOVERED) >= 1
    assert [e.step for e in entries if _succeeded(e)] == UNDONE
    assert sqlite_yard.violations(run.pk) == []
    assert first.process.returncode == -signal.SIGKILL
    record_property("fault", "worker for Durable Task killed in the middle of a compensation: another one went on")


def _is_refund(entry: Entry) -> bool:
    return (entry.kind, entry.step, entry.op) == (Kind.EFFECT, "charge-payment", Op.COMPENSATION)


def _succeeded(entry: Entry) -> bool:
    return entry.kind is Kind.ATTEMPT_SUCCEEDED and entry.op is Op.COMPENSATION
