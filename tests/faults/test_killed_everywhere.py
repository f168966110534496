"""SIGKILL at every write of the journal and around every call of a service, on both databases."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from tests.doomed import POINTS
from tests.faults.conftest import Doom
from tests.yard import Hand, Yard

KILLED = f"killed {int(signal.SIGKILL)}"
SOON = {"initial_ms": 1, "max_ms": 1}
QUICK = {"retry": SOON, "compensation_retry": SOON, "timeout_ms": 5000}
SCENARIOS: dict[str, dict[str, Any]] = {
    "done": {},
    "undone": {"faults": [{"step": "book-delivery", "kind": "decline"}]},
    "stuck": {
        "faults": [
            {"step": "notify-warehouse", "kind": "decline"},
            {"step": "charge-payment", "on": "compensation", "kind": "decline"},
        ]
    },
    "two-in-line": {
        "orders": 2,
        "stock": 1,
        "lock": "wait",
        "faults": [{"step": "book-delivery", "kind": "error", "times": 1}],
    },
}


def killed_runs(
    yard: Yard, doom: Doom, scenario: dict[str, Any], point: str, ns: Sequence[int] | Iterator[int]
) -> list[str]:
    """Return runs whose worker was killed at the n-th time that it was at a point, for each n until there is no such time."""
    killed = []
    for n in ns:
        run = yard.create({**QUICK, **scenario})
        _, ended = doom.drive(run, point, n, signal.SIGKILL)
        if ended == "ended 0":
            break
        assert ended == KILLED, ended
        killed.append(run)
    return killed


def recovered(yard: Yard, runs: Sequence[str]) -> list[str]:
    """Return what rules these runs have broken once another worker has ended them."""
    with Hand(yard) as worker:
        yard.until_finished(runs)
        worker.stop()
    return [said for run in runs for said in yard.violations(run)]


def test_rules_4_6_7_hold_after_a_kill_at_every_kind_of_moment(yard: Yard, doom: Callable[[Yard], Doom]) -> None:
    killed = [
        run
        for moment, (point, scenario) in enumerate((p, s) for p in POINTS for s in ("done", "undone"))
        for run in killed_runs(yard, doom(yard), SCENARIOS[scenario], point, [2 + moment % 3])
    ]
    assert len(killed) == 2 * len(POINTS)
    assert recovered(yard, killed) == []


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_rules_4_6_7_hold_after_a_kill_at_every_moment_there_is(
    yard: Yard, record_property: Callable[[str, object], None], doom: Callable[[Yard], Doom], scenario: str
) -> None:
    found = {p: killed_runs(yard, doom(yard), SCENARIOS[scenario], p, count(1)) for p in POINTS}
    fewest = 3 if scenario == "stuck" else 5  # it makes three calls
    assert min(len(runs) for runs in found.values()) >= fewest
    killed = [run for runs in found.values() for run in runs]
    assert recovered(yard, killed) == []
    record_property("fault", f"SIGKILL at every write and call, {scenario}, {yard.kind}: {len(killed)} runs")
