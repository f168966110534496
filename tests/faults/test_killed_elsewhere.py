"""A worker for an engine elsewhere, killed in the middle of an unwind: another one goes on, and undoes nothing twice."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sagas import journal
from sagas.engines.durable.backend import LoopbackBackend
from sagas.entries import Entry, Kind, Op
from sagas.models import JournalEntry, Saga
from tests.engine import FAST, HELD, create, is_held
from tests.faults.test_cut_off import cut
from tests.temporal import Temporal
from tests.waiting import until
from tests.yard import Hand, Yard

UNDONE = ["notify-warehouse", "charge-payment", "create-order", "reserve-inventory"]
MANY = 100  # a repeated job of Durable Task is a recovery of its own
IN_A_CALL_MS = 1500  # a kill aimed at the middle of a call that takes this long hits it


@dataclass(frozen=True)
class There:
    """An engine elsewhere: what its workers are told, what they are, and how often at most a killed call is recovered."""

    name: str
    environment: Mapping[str, str]
    program: tuple[str, ...] = ()
    most: int = 1

    def hand(self, yard: Yard) -> Hand:
        return Hand(yard, *self.program, SAGA_ENGINE=self.name, **self.environment)


@pytest.fixture
def on_temporal(temporal: Temporal) -> There:
    return There("temporal", {"TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_CACHED_WORKFLOWS": "0"})


@pytest.fixture
def on_durable() -> Iterator[There]:
    """A backend in the test's own process, which no kill reaches, and workers without a driver of this project."""
    backend = LoopbackBackend()
    yield There("durable", {"DURABLE_ADDRESS": backend.start()}, ("-m", "tests.alone"), most=MANY)
    backend.stop()


@pytest.mark.parametrize("engine", ["on_temporal", pytest.param("on_durable", marks=pytest.mark.torture)])
def test_whoever_is_left_goes_on_with_an_unwind(
    sqlite_yard: Yard, request: pytest.FixtureRequest, record_property: Callable[[str, object], None], engine: str
) -> None:
    there: There = request.getfixturevalue(engine)
    run = create({**HELD, "timeout_ms": IN_A_CALL_MS}, there.name)
    with there.hand(sqlite_yard) as first:
        until(lambda: is_held(journal.read_all(run.pk)))
        first.kill()
    killed_at = journal.read_all(run.pk)
    assert killed_at[-1].kind is Kind.EFFECT, "the kill missed the call"
    with there.hand(sqlite_yard) as second:
        sqlite_yard.until_finished([run.pk])
        second.stop()
    entries = journal.read_all(run.pk)
    assert "not-told" not in second.output
    if there.program:
        assert second.lines[-1].strip() == "drivers:", "a driver of this project was loaded beside the engine"
    assert list(Saga.objects.filter(run=run).values_list("state", flat=True)) == ["compensated"]
    assert entries[: len(killed_at)] == killed_at
    assert 1 <= [e.kind for e in entries].count(Kind.ORCHESTRATOR_RECOVERED) <= there.most
    assert [e.step for e in entries if _succeeded(e)] == UNDONE
    assert sqlite_yard.violations(run.pk) == []
    assert first.process.returncode == -signal.SIGKILL
    record_property("fault", f"worker for {there.name} killed in the middle of a compensation: another one went on")


@pytest.mark.parametrize("engine", ["on_durable", pytest.param("on_temporal", marks=pytest.mark.torture)])
def test_a_worker_whose_connections_were_cut_in_between_takes_the_next_run(
    postgres_yard: Yard, request: pytest.FixtureRequest, engine: str
) -> None:
    there: There = request.getfixturevalue(engine)
    with replace(there, environment={**there.environment, "PGAPPNAME": "worker"}).hand(postgres_yard) as worker:
        first = create(FAST, there.name)
        postgres_yard.until_finished([first.pk])
        assert cut(postgres_yard) > 1, "of the journal and of whoever carries, at the least"
        then = create(FAST, there.name)
        postgres_yard.until_finished([then.pk])
        worker.stop()
    assert [said for run in (first, then) for said in postgres_yard.violations(run.pk)] == []


FAULTS: list[list[dict[str, Any]]] = [
    [],
    [{"step": "book-delivery", "kind": "decline"}],
    [{"step": "charge-payment", "kind": "lost-reply", "times": 1}, {"step": "notify-warehouse", "kind": "decline"}],
    [{"step": "book-delivery", "kind": "error"}],
    [{"step": "notify-warehouse", "kind": "late"}],
    [{"step": "create-order", "kind": "crash-after", "times": 1}],
]
KILLS = 3


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_a_crowd_outlives_whoever_is_killed(
    yard: Yard, on_temporal: There, record_property: Callable[[str, object], None]
) -> None:
    given = {
        "latency_ms": 600,
        "timeout_ms": 3000,
        "retry": {"initial_ms": 20},
        "orders": 2,
        "stock": 2,
        "lock": "wait",
    }
    runs: list[str] = []
    with ExitStack() as stack:
        hands = deque(stack.enter_context(on_temporal.hand(yard)) for _ in range(2))
        for _ in range(KILLS):
            fresh = [create({**given, "faults": faults}, on_temporal.name).pk for faults in FAULTS]
            runs += fresh
            until(lambda fresh=fresh: _are_under_way(fresh))
            hands.popleft().kill()
            hands.append(stack.enter_context(on_temporal.hand(yard)))
        yard.until_finished(runs)
        for hand in hands:
            hand.stop()
    recovered = [run for run in runs if _recoveries(run)]
    assert recovered, "no kill hit a call"
    assert [said for run in runs for said in yard.violations(run)] == []
    record_property(
        "fault", f"{yard.kind}: {KILLS} workers for Temporal killed, {len(recovered)} of {len(runs)} runs hit"
    )


def _are_under_way(runs: list[str]) -> bool:
    """Return whether calls of these runs are under way, and some of them have been made."""
    started = JournalEntry.objects.filter(run__in=runs, kind=str(Kind.ATTEMPT_STARTED)).count()
    return started >= 2 * len(runs)


def _recoveries(run: str) -> int:
    """Return how often an attempt was repeated because its worker was gone, but for those that the plan wanted."""
    kinds = [entry.kind for entry in journal.read_all(run)]
    return kinds.count(Kind.ORCHESTRATOR_RECOVERED) - kinds.count(Kind.ORCHESTRATOR_CRASHED)


def _succeeded(entry: Entry) -> bool:
    return entry.kind is Kind.ATTEMPT_SUCCEEDED and entry.op is Op.COMPENSATION
