"""Workers that are stopped past their lease and wake when another one has done their work: they harm nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from playground import facts
from sagas import journal
from sagas.entries import Entry
from sagas.models import Run
from tests.doomed import POINTS
from tests.faults.conftest import Doom
from tests.faults.test_killed_everywhere import QUICK, SCENARIOS
from tests.yard import Hand, Yard

AT_ONCE = 5


def told(run: str) -> tuple[list[Entry], Any]:
    """Return all that is written of a run: its journal and the books of its services."""
    return journal.read_all(run), facts.read(Run.objects.get(pk=run))


def zombies(yard: Yard, doom: Doom, moments: list[tuple[str, str, int]]) -> list[str]:
    """Stop a worker at each moment, have another one end its run, wake it; return what it wrote or broke.

    A scenario with another end for the second worker is what makes a late action dangerous:
    its compensation has been there by then.
    """
    stopped: dict[str, int] = {}
    try:
        for scenario, point, n in moments:
            run = yard.create({**QUICK, **SCENARIOS[scenario]})
            pid, ended = doom.drive(run, point, n, signal.SIGSTOP)
            assert ended == "stopped", (scenario, point, n, ended)
            stopped[run] = pid
        with Hand(yard) as other:
            yard.until_finished(list(stopped))
            other.stop()
        return [said for run in list(stopped) for said in woken(yard, doom, run, stopped.pop(run))]
    finally:
        for pid in stopped.values():
            os.kill(pid, signal.SIGKILL)


def woken(yard: Yard, doom: Doom, run: str, pid: int) -> list[str]:
    """Wake the worker that was stopped in the middle of a run which is finished by now; return what it wrote or broke."""
    before = told(run)
    assert Run.objects.get(pk=run).lease_epoch >= 2, "nobody has taken the run over"
    os.kill(pid, signal.SIGCONT)
    ended = doom.wait(pid)
    assert ended == "ended 0", ended
    return [*([f"{run}: the zombie wrote"] if told(run) != before else []), *yard.violations(run)]


def test_rules_26_and_27_a_worker_that_slept_past_its_lease_writes_nothing_and_its_calls_harm_nothing(
    postgres_yard: Yard, doom: Callable[[Yard], Doom]
) -> None:
    moments = [("done", "before-commit", 3), ("undone", "before-call", 3), ("undone", "after-call", 7)]
    moments += [("undone", "in-call", 3), ("done", "in-commit", 3)]  # with locks that PostgreSQL takes from it
    assert zombies(postgres_yard, doom(postgres_yard), moments) == []


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_rules_26_and_27_hold_wherever_a_worker_was_stopped(
    yard: Yard, record_property: Callable[[str, object], None], doom: Callable[[Yard], Doom], scenario: str
) -> None:
    # Whoever is stopped within a transaction keeps an SQLite file to itself; PostgreSQL ends its session with its lease.
    points = [point for point in POINTS if yard.kind == "PostgreSQL" or not point.startswith("in-")]
    few = scenario == "stuck"  # which makes three calls
    moments = [(scenario, p, n) for p in points for n in range(1, 4 if few and p.endswith("call") else 6)]
    # A few at a time: each of them keeps its connections.
    for n in range(0, len(moments), AT_ONCE):
        assert zombies(yard, doom(yard), moments[n : n + AT_ONCE]) == []
    record_property("fault", f"SIGSTOP past the lease, then SIGCONT, {scenario}, {yard.kind}: {len(moments)} runs")
