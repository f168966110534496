"""Which fault meets which attempt, and that nobody but the wire knows of faults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from playground.scenario import FaultKind
from sagas.entries import Op
from sagas.network import fault_of
from sagas.plan import Fault

ROOT = Path(__file__).resolve().parents[2]
BLIND = ["sagas/decider.py", "sagas/state.py", "sagas/orchestrator.py", "sagas/recovery.py", "sagas/tape.py"]


def hit(kind: str, times: int | None, *, step: str = "pay", op: Op = Op.ACTION) -> Fault:
    return Fault(step=step, op=op, kind=kind, times=times)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([], ["", "", ""]),
        ([hit("error", None)], ["error", "error", "error"]),
        ([hit("error", 2)], ["error", "error", ""]),
        ([hit("error", 1), hit("timeout", 1)], ["error", "timeout", ""]),
        ([hit("error", 1), hit("timeout", None)], ["error", "timeout", "timeout"]),
        ([hit("error", None, step="ship"), hit("late", 1)], ["late", "", ""]),
        ([hit("error", None, op=Op.COMPENSATION)], ["", "", ""]),
    ],
)
def test_the_first_listed_fault_with_hits_left_applies(faults: list[Fault], expected: list[str]) -> None:
    assert [fault_of(faults, "pay", Op.ACTION, attempt) for attempt in (1, 2, 3)] == expected


def test_no_fault_has_a_name_outside_of_the_wire() -> None:
    named = re.compile("|".join(rf"[\"']{re.escape(kind)}[\"']" for kind in get_args(FaultKind)))
    blind = [ROOT / path for path in BLIND] + sorted((ROOT / "sagas/services").rglob("*.py"))
    assert [str(path) for path in blind if named.search(path.read_text())] == []
    assert named.search((ROOT / "sagas/network.py").read_text()), "the pattern finds what it looks for"
