"""Workers that are stopped past their lease and wake when another one has done their work: they harm nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from playground import facts
from sagas import journal
from sagas.entries import Entry, Kind
from sagas.models import Run
from tests.doomed import POINTS
from tests.faults.conftest import Doom
from tests.faults.test_killed_everywhere import QUICK, SCENARIOS
from tests.yard import Hand, Yard


def told(run: str) -> tuple[list[Entry], Any]:
    """Return all that is written of a run: its journal and the books of its services."""
    return journal.read_all(run), facts.read(Run.objects.get(pk=run))


def zombies(yard: Yard, doom: Doom, moments: list[tuple[str, str, int]]) -> list[str]:
    """Stop a worker at each moment, have another one end its run, wake it; return what it wrote or broke.

    A scenario with another end for the second worker is what makes a late action dangerous:
    its compensation has been there by then.
    """
    stopped = {}
    for scenario, point, n in moments:
        run = yard.create({**QUICK, **SCENARIOS[scenario]})
        pid, ended = doom.drive(run, point, n, signal.SIGSTOP)
        assert ended == "stopped", (scenario, point, n, ended)
        stopped[run] = pid
    with Hand(yard) as other:
        yard.until_finished(list(stopped))
        other.stop()
    before = {run: told(run) for run in stopped}
    said = []
    for run, pid in stopped.items():
        os.kill(pid, signal.SIGCONT)
        assert doom.wait(pid) == "ended 0"
        said += [f"{run}: the zombie wrote"] if told(run) != before[run] else []
        said += yard.violations(run)
        assert Kind.ORCHESTRATOR_RECOVERED in [e.kind for e in before[run][0]]
    return said


def test_rules_26_and_27_a_worker_that_slept_past_its_lease_writes_nothing_and_its_calls_harm_nothing(
    postgres_yard: Yard, doom: Callable[[Yard], Doom]
) -> None:
    moments = [("done", "before-commit", 3), ("undone", "before-call", 3), ("undone", "after-call", 7)]
    assert zombies(postgres_yard, doom(postgres_yard), moments) == []


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_rules_26_and_27_hold_wherever_a_worker_was_stopped(
    yard: Yard, record_property: Callable[[str, object], None], doom: Callable[[Yard], Doom], scenario: str
) -> None:
    # A process that is stopped within a transaction keeps the database to itself: no other could go on.
    points = [point for point in POINTS if not point.startswith("in-")]
    moments = [(scenario, point, n) for point in points for n in range(1, 6)]
    assert zombies(yard, doom(yard), moments) == []
    record_property("fault", f"SIGSTOP past the lease, then SIGCONT, {scenario}, {yard.kind}: {len(moments)} runs")
