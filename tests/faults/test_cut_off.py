"""Real workers whose database connections are cut, again and again, and crowds of workers killed at random."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from sagas.models import Run
from tests.faults.test_killed_everywhere import SCENARIOS
from tests.waiting import until
from tests.yard import Hand, Yard

SLOWER = {"latency_ms": 30, "timeout_ms": 4000, "retry": {"initial_ms": 20}, "compensation_retry": {"initial_ms": 20}}


def crowd(yard: Yard, number: int, **fields: object) -> list[str]:
    """Return new runs, of every scenario in turn."""
    kinds = list(SCENARIOS.values())
    return [yard.create({**SLOWER, **kinds[n % len(kinds)], **fields}) for n in range(number)]


def moving(runs: list[str]) -> int:
    return Run.objects.filter(pk__in=runs, state=Run.State.RUNNING).count()


def held(runs: list[str]) -> bool:
    return Run.objects.filter(pk__in=runs, state=Run.State.RUNNING, last_seq__gt=0).exclude(lease_owner="").exists()


def cut(yard: Yard) -> int:
    """End every other session of the yard's database; return how many there were."""
    with psycopg.connect(yard.environment["DATABASE_URL"], autocommit=True) as operator:
        found = operator.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = %s",
            ["worker"],
        ).fetchone()
    return int(found[0]) if found else 0


def cut_and_recovered(yard: Yard, runs: list[str], times: int, chance: random.Random) -> int:
    """Cut a worker off in mid-run so many times; return how many sessions that ended. Its process lives on."""
    total = 0
    with Hand(yard, PGAPPNAME="worker") as worker:
        for _ in range(times):
            until(lambda: held(runs) or not moving(runs))
            if not moving(runs):
                break
            time.sleep(chance.random() * 0.3)  # a moment, not a wait for anything
            total += cut(yard)
        yard.until_finished(runs)
        assert worker.process.poll() is None
        worker.stop()
    return total


def test_a_worker_that_is_cut_off_from_its_database_connects_again_and_goes_on(postgres_yard: Yard) -> None:
    runs = crowd(postgres_yard, 4)
    assert cut_and_recovered(postgres_yard, runs, 1, random.Random(1)) > 0
    assert [said for run in runs for said in postgres_yard.violations(run)] == []


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_runs_end_well_however_often_the_database_connections_are_cut(
    postgres_yard: Yard, record_property: Callable[[str, object], None], seed: int
) -> None:
    runs = crowd(postgres_yard, 20)
    ended = cut_and_recovered(postgres_yard, runs, 6, random.Random(seed))
    assert ended > 0
    assert [said for run in runs for said in postgres_yard.violations(run)] == []
    record_property("fault", f"database connections cut, seed {seed}: {ended} sessions ended under {len(runs)} runs")


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_of_workers_that_are_killed_and_stopped_at_random_loses_nothing(
    yard: Yard, record_property: Callable[[str, object], None], seed: int
) -> None:
    chance, runs = random.Random(seed), list[str]()
    told: dict[str, Any] = {"killed": 0, "stopped": 0}
    with ExitStack() as stack:
        workers = [stack.enter_context(Hand(yard)) for _ in range(3)]
        for _ in range(6):
            fresh = crowd(yard, 8)
            runs += fresh
            until(lambda fresh=fresh: held(fresh))
            time.sleep(chance.random() * 0.4)  # a moment, not a wait for anything
            victim = chance.randrange(3)
            # A process stopped within a transaction of an SQLite file would stop everybody.
            if yard.kind == "PostgreSQL" and chance.random() < 0.5:
                told["stopped"] += 1
                workers[victim].send(signal.SIGSTOP)
                time.sleep(1.5)  # past its lease
                workers[victim].send(signal.SIGCONT)
            else:
                told["killed"] += 1
                workers[victim].kill()
                workers[victim] = stack.enter_context(Hand(yard))
        yard.until_finished(runs)
        for worker in workers:
            worker.stop()
    assert told["killed"] + told["stopped"] > 0
    assert [said for run in runs for said in yard.violations(run)] == []
    record_property(
        "fault",
        f"three workers at once, seed {seed}, {yard.kind}: {told['killed']} killed, {told['stopped']} stopped"
        f" past their lease, {len(runs)} runs",
    )
