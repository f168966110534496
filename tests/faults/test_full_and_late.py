"""A disk without room, clocks that jump, and a slow worker that is alive."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest

from sagas.models import JournalEntry, Run
from tests.faults.test_cut_off import crowd
from tests.faults.test_killed_everywhere import SCENARIOS
from tests.waiting import until
from tests.yard import LEASE_SECONDS, Hand, Yard

NO_ROOM = 4096  # bytes that a file of a process may have: no page fits into a write-ahead log of that size
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
FIRST_IS_DECLINED = [{"step": "reserve-inventory", "kind": "decline"}]
A_DAY_MS = 86_400_000
SLOW = {"latency_ms": 100, "timeout_ms": 10_000, "retry": {"initial_ms": 20}, "compensation_retry": {"initial_ms": 20}}


def last_seq(run: str) -> int:
    return Run.objects.get(pk=run).last_seq


def filled_and_emptied(yard: Yard, scenario: str, seq: int) -> str:
    """Let a worker run out of disk once a run has so many entries, and find room again; return the run."""
    run = yard.create({**SLOW, **SCENARIOS[scenario]})
    with Hand(yard) as worker:
        until(lambda: last_seq(run) >= seq, lambda: worker.output)
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (NO_ROOM, resource.RLIM_INFINITY))
        until(lambda: worker.said("-failed: "), lambda: worker.output)
        assert Run.objects.get(pk=run).state == Run.State.RUNNING
        seqs = list(JournalEntry.objects.filter(run_id=run).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, last_seq(run) + 1)), "nothing is half written"
        resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
        yard.until_finished([run])
        worker.stop()
    said = [line for line in worker.lines if not line.startswith(("working: ", "stopped"))]
    assert "Traceback" not in worker.output
    assert all(" ERROR " in line or " WARNING " in line for line in said), worker.output
    return run


def test_a_full_disk_is_said_in_one_line_and_the_run_goes_on_when_there_is_room(sqlite_yard: Yard) -> None:
    run = filled_and_emptied(sqlite_yard, "undone", 5)
    assert sqlite_yard.violations(run) == []


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_a_disk_may_be_full_at_any_moment(sqlite_yard: Yard, record_property: Callable[[str, object], None]) -> None:
    runs = [filled_and_emptied(sqlite_yard, scenario, n) for scenario in ("done", "undone") for n in range(1, 16, 2)]
    assert [said for run in runs for said in sqlite_yard.violations(run)] == []
    record_property("fault", f"disk full in mid-run, then room again: {len(runs)} runs")


def jumped(yard: Yard, number: int, jumps: int, seed: int) -> int:
    """Have two workers end runs while their clocks jump; return how often they have jumped before the end."""
    runs = crowd(yard, number)
    with Hand(yard, "-m", "tests.jumpy", str(seed), str(jumps)) as one:
        with Hand(yard, "-m", "tests.jumpy", str(seed + 1), str(jumps)) as other:
            yard.until_finished(runs)
            seen = sum(line.startswith("jump ") and line != "jump 0\n" for line in one.lines + other.lines)
            other.stop()
        one.stop()
    assert [said for run in runs for said in yard.violations(run)] == []
    return seen


def test_clocks_that_jump_by_hours_break_no_rule(sqlite_yard: Yard) -> None:
    assert jumped(sqlite_yard, 4, 4, 1) > 0


def test_a_worker_whose_machine_is_a_day_ahead_goes_by_the_databases_clock(postgres_yard: Yard) -> None:
    run = postgres_yard.create({**SLOW, **SCENARIOS["undone"]})
    with Hand(postgres_yard, "-m", "tests.jumpy", "ahead", str(A_DAY_MS)) as fast:
        until(lambda: last_seq(run) >= 5, lambda: fast.output)
        assert fast.said("worker.clock-moved by -86"), fast.output
        fast.kill()
    assert Run.objects.get(pk=run).state == Run.State.RUNNING
    with Hand(postgres_yard) as worker:
        postgres_yard.until_finished([run])
        worker.stop()
    assert postgres_yard.violations(run) == []
    row = Run.objects.get(pk=run)
    assert row.lease_epoch > 1, "another one took it over, well within a day"
    ats = list(JournalEntry.objects.filter(run=run).order_by("seq").values_list("at_ms", flat=True))
    assert max(ats) - min(ats) < A_DAY_MS // 2, "all machines tell the same time"


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_clocks_that_jump_again_and_again_break_no_rule(
    yard: Yard, record_property: Callable[[str, object], None], seed: int
) -> None:
    seen = jumped(yard, 20, 25, 10 * seed)
    assert seen > 0
    record_property(
        "fault", f"two workers' clocks jump by up to a day, seed {seed}, {yard.kind}: {seen} jumps, 20 runs"
    )


@pytest.mark.torture
def test_rule_28_a_live_worker_whose_call_outlasts_its_lease_is_not_robbed(sqlite_yard: Yard) -> None:
    call_ms = round(LEASE_SECONDS * 3 * 1500)
    run = sqlite_yard.create({"latency_ms": call_ms, "timeout_ms": 60_000, "faults": FIRST_IS_DECLINED})
    lease = {"SAGA_LEASE_SECONDS": str(LEASE_SECONDS * 3)}
    with Hand(sqlite_yard, **lease) as one, Hand(sqlite_yard, **lease) as other:
        sqlite_yard.until_finished([run])
        one.stop()
        other.stop()
    assert Run.objects.get(pk=run).lease_epoch == 1
