"""Real workers whose database connections are cut, again and again, and crowds of workers killed at random."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
import pytest

from sagas.models import Run
from tests.faults.test_killed_everywhere import SCENARIOS
from tests.waiting import until
from tests.yard import Hand, Yard

MOST_ENTRIES = 20  # that are waited for before the next blow
SLOWER = {"latency_ms": 30, "timeout_ms": 4000, "retry": {"initial_ms": 20}, "compensation_retry": {"initial_ms": 20}}


def crowd(yard: Yard, number: int, **fields: object) -> list[str]:
    """Return new runs, of every scenario in turn."""
    kinds = list(SCENARIOS.values())
    return [yard.create({**SLOWER, **kinds[n % len(kinds)], **fields}) for n in range(number)]


def moving(runs: list[str]) -> int:
    return Run.objects.filter(pk__in=runs, state=Run.State.RUNNING).count()


def held(runs: list[str]) -> bool:
    return Run.objects.filter(pk__in=runs, state=Run.State.RUNNING, last_seq__gt=0).exclude(lease_owner="").exists()


def written(runs: list[str]) -> int:
    """Return how many entries these runs have by now."""
    return sum(Run.objects.filter(pk__in=runs).values_list("last_seq", flat=True))


def at_a_moment(runs: list[str], chance: random.Random) -> bool:
    """Return in the middle of work on these runs, some entries after one of them was taken; False when they are over."""
    until(lambda: held(runs) or not moving(runs))
    then = written(runs) + chance.randint(1, MOST_ENTRIES)
    until(lambda: written(runs) >= then or not moving(runs))
    return moving(runs) > 0


def taken_over(runs: list[str]) -> int:
    """Return how many of these runs somebody had to go on with after whoever drove them."""
    return Run.objects.filter(pk__in=runs, lease_epoch__gt=1).count()


def cut(yard: Yard) -> int:
    """End every session of the yard's workers; return how many there were."""
    with psycopg.connect(yard.environment["DATABASE_URL"], autocommit=True) as operator:
        found = operator.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = %s",
            ["worker"],
        ).fetchone()
    return int(found[0]) if found else 0


def cut_and_recovered(yard: Yard, runs: list[str], times: int, chance: random.Random) -> int:
    """Cut a worker off in mid-run so many times; return how many sessions that ended. Its process lives on.

    Fails unless a cut was felt: a run whose entries could not be written is taken anew.
    """
    total = 0
    with Hand(yard, PGAPPNAME="worker") as worker:
        for _ in range(times):
            if not at_a_moment(runs, chance):
                break
            total += cut(yard)
        yard.until_finished(runs)
        assert worker.process.poll() is None
        worker.stop()
    assert taken_over(runs) > 0, "no cut was felt"
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
    assert [said for run in runs for said in postgres_yard.violations(run)] == []
    record_property(
        "fault",
        f"database connections cut, seed {seed}: {ended} sessions ended, {taken_over(runs)} of {len(runs)} runs taken anew",
    )


class Victims:
    """Workers of whom one is killed, or stopped past its lease, again and again, each in the middle of runs that it has."""

    def __init__(self, yard: Yard, stack: ExitStack, number: int) -> None:
        self._yard, self._stack = yard, stack
        self.hands = [stack.enter_context(Hand(yard)) for _ in range(number)]
        self.told = {"killed": 0, "stopped": 0, "runs": 0}

    def strike(self, runs: list[str], chance: random.Random, *, may_stop: bool) -> None:
        """Kill or stop one of those who have these runs, and wait until others have what it had."""
        until(lambda: any(self._had(hand, runs) for hand in self.hands) or not moving(runs))
        busy = [hand for hand in self.hands if self._had(hand, runs)]
        if not busy:
            return
        victim, stops = chance.choice(busy), may_stop and chance.random() < 0.5
        if stops:
            victim.send(signal.SIGSTOP)
        else:
            victim.kill()
        had = self._had(victim, runs)
        until(lambda: not self._had(victim, had))
        self.told["stopped" if stops else "killed"] += 1
        self.told["runs"] += taken_over(had)
        if stops:
            victim.send(signal.SIGCONT)
        else:
            self.hands[self.hands.index(victim)] = self._stack.enter_context(Hand(self._yard))

    def _had(self, hand: Hand, runs: list[str]) -> list[str]:
        mine = Run.objects.filter(pk__in=runs, state=Run.State.RUNNING, lease_owner__contains=f":{hand.process.pid}:")
        return list(mine.values_list("pk", flat=True))


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_of_workers_that_are_killed_and_stopped_at_random_loses_nothing(
    yard: Yard, record_property: Callable[[str, object], None], seed: int
) -> None:
    chance, runs = random.Random(seed), list[str]()
    with ExitStack() as stack:
        victims = Victims(yard, stack, 3)
        for _ in range(6):
            fresh = crowd(yard, 8)
            runs += fresh
            at_a_moment(fresh, chance)
            # A process stopped within a transaction of an SQLite file would stop everybody.
            victims.strike(fresh, chance, may_stop=yard.kind == "PostgreSQL")
        yard.until_finished(runs)
        for hand in victims.hands:
            hand.stop()
    told = victims.told
    assert told["runs"] > 0, "nobody who was struck had anything"
    assert [said for run in runs for said in yard.violations(run)] == []
    record_property(
        "fault",
        f"three workers at once, seed {seed}, {yard.kind}: {told['killed']} killed, {told['stopped']} stopped"
        f" past their lease, with {told['runs']} of {len(runs)} runs",
    )
