"""Two workers and one run: who writes, who is refused, and why a call of the one that slept does no harm."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest

from sagas import journal, leases
from sagas.entries import Entry, Kind, Op
from sagas.models import Run
from sagas.runs import create_run, wake
from sagas.services.base import Answer, Row, Verdict
from sagas.worker import Pace
from tests.engine import fault, read, scenario, working
from tests.meddled import Door, with_one
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.usefixtures("engine_databases")

ASLEEP = Pace(lease_ms=600_000, runs=1)  # it renews so seldom that it never hears of its loss, and has its hands full
NO_HURRY = {"timeout_ms": 60_000}
SOON = 25  # seconds: long for a run that takes none, short beside the minute that others wait


@dataclass(frozen=True)
class TakenOver:
    """A run that a second worker ended while the first one's call was under way, and what came of that call."""

    run: Run
    before: list[Entry]
    after: list[Entry]
    rows_before: list[Row]
    rows_after: list[Row]
    answers: list[Answer]


def taken_over(*faults: dict[str, Any]) -> TakenOver:
    """Return what became of a run whose worker slept at the door of Payments while another took over."""
    run, door = create_run(scenario(*faults, **NO_HURRY)), Door("payments")

    async def go() -> tuple[list[Entry], list[Row]]:
        async with working(ASLEEP, services=with_one(door)) as (_, zombie, _):
            assert await asyncio.to_thread(door.entered.wait, PATIENCE_SECONDS)
            async with working() as (_, _, wait):
                await asyncio.to_thread(rob, run.pk)
                await wait([run.pk])
            entries = await asyncio.to_thread(journal.read_all, run.pk)
            rows = await asyncio.to_thread(door.ledger, run.pk)
            door.open.set()
            await asyncio.to_thread(until_idle, zombie)
        return entries, rows

    try:
        before, rows = asyncio.run(go())
    finally:
        door.open.set()
        door.close()
    run.refresh_from_db()
    return TakenOver(run, before, journal.read_all(run.pk), rows, door.ledger(run.pk), door.answers)


def rob(run: str) -> None:
    """Let a lease run out before its time, as if its holder had slept."""
    Run.objects.filter(pk=run).update(leased_until=0)
    wake(run)


def until_idle(worker: Any) -> None:
    until(lambda: not worker.driving, lambda: "the worker never noticed that its lease was gone")


def test_rule_26_a_worker_that_wakes_after_another_took_over_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    done = taken_over()
    assert "run.lease-lost" in caplog.text
    assert done.after == done.before
    assert [e.kind for e in done.after].count(Kind.ORCHESTRATOR_RECOVERED) == 1
    assert (done.run.state, done.run.lease_epoch, done.run.last_seq) == ("finished", 2, len(done.before))


def test_rule_27_a_call_that_comes_after_the_successors_own_gets_the_stored_answer() -> None:
    done = taken_over()
    assert read(done.run.pk).states == ["completed"]
    assert [(a.verdict, a.replayed, a.rows) for a in done.answers] == [(Verdict.OK, True, ())]
    assert done.rows_after == done.rows_before
    assert [(row.kind, row.amount) for row in done.rows_after] == [("charge", 4900)]


def test_rule_27_a_call_that_comes_after_the_successors_undo_is_fenced() -> None:
    # The first attempt is the one that sleeps; every later one is refused, so the step is undone by its key alone.
    done = taken_over(fault("charge-payment", "duplicate", times=1), fault("charge-payment", "error"))
    assert read(done.run.pk).states == ["compensated"]
    assert {a.verdict for a in done.answers} == {Verdict.FENCED}
    assert (done.rows_before, done.rows_after) == ([], [])


def test_rule_28_a_worker_that_is_slow_keeps_its_run_while_it_renews() -> None:
    run, door = create_run(scenario(**NO_HURRY)).pk, Door("payments")

    def held() -> int:
        return Run.objects.values_list("leased_until", flat=True).get(pk=run)

    def renewed() -> list[Any]:
        assert door.entered.wait(PATIENCE_SECONDS)
        first = held()
        until(lambda: held() > first, lambda: "nobody renewed the lease")
        return leases.claim_due("robber", now=first, lease_ms=1000, limit=9, only=run)

    async def go() -> None:
        async with working(Pace(lease_ms=900), services=with_one(door)) as (_, _, wait):
            assert await asyncio.to_thread(renewed) == [], "the lease that it had first is over, and it still has it"
            door.open.set()
            await wait([run])

    try:
        asyncio.run(go())
    finally:
        door.open.set()
        door.close()
    done = read(run)
    assert (done.states, done.run.lease_epoch) == (["completed"], 1)
    assert done.kinds(Kind.ATTEMPT_UNKNOWN, op=Op.ACTION) == []


def test_rule_28_the_run_of_a_dead_worker_goes_on_once_its_lease_is_over() -> None:
    run, now = create_run(scenario()).pk, time.time_ns() // 1_000_000
    assert len(leases.claim_due("dead", now=now, lease_ms=400, limit=9, only=run)) == 1

    async def go() -> None:
        async with working(Pace(poll_ms=20)) as (_, _, wait):
            await wait([run])

    asyncio.run(go())
    done = read(run)
    assert (done.states, done.run.lease_epoch) == (["completed"], 2)
    assert done.entries[0].at >= now + 400, "not before"


def test_rule_25_a_thousand_runs_that_nobody_can_drive_delay_a_healthy_one_by_no_poll(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("CRITICAL", logger="sagas.worker")
    sick = {"definition": "order", "version": 1, "scenario": {"retry": 7}, "leased_until": -1}  # first in the queue
    poison = [Run(id=f"poison-{n:04}", **sick) for n in range(1000)]
    Run.objects.bulk_create(poison)
    healthy = create_run(scenario()).pk

    async def go() -> None:
        # There is no second poll within this test's patience: what is driven was claimed in the wake of the first.
        async with working(Pace(poll_ms=1_000_000, lease_ms=1_000_000)) as (_, _, wait):
            await wait([healthy])

    poisoned = Run.objects.filter(pk__in=[run.pk for run in poison])
    try:
        asyncio.run(go())
        assert read(healthy).states == ["completed"]
        assert poisoned.filter(lease_epoch=1, last_seq=0).count() == 1000, "each was claimed before, and driven nowhere"
    finally:
        poisoned.update(pruning=True)
        poisoned.delete()


def test_rule_25_runs_that_wait_for_a_retry_keep_no_healthy_one_from_its_turn() -> None:
    patience = {"max_attempts": 10, "initial_ms": 60_000, "max_ms": 60_000}
    failing = [create_run(scenario(fault("reserve-inventory", "error"), retry=patience)).pk for _ in range(12)]
    Run.objects.filter(pk__in=failing).update(leased_until=-1)  # first in the queue
    healthy = create_run(scenario()).pk

    async def go() -> None:
        async with working(Pace(runs=5, poll_ms=20)) as (_, worker, wait), asyncio.timeout(SOON):
            await wait([healthy])
            assert worker.driving > 5, "they are still held, each until its minute is over"

    asyncio.run(go())
    left = Run.objects.filter(pk__in=failing)
    assert read(healthy).states == ["completed"]
    assert [read(run).entries[-1].kind for run in failing] == [Kind.RETRY_SCHEDULED] * 12
    left.update(pruning=True)
    left.delete()
