"""The same settings, with every call failing at random: what the lab runs a thousand times. Pure.

A call that succeeds is not made again, so "each attempt fails one time in eight" is the same
as "the first k attempts fail", with a k that the seed draws. That is a list of faults which
any run understands, and a page or a terminal can show. So is who goes when: where somebody
drives, the order of the sagas' moves is drawn, too, and the run ends alike on any clock. Where
nobody does, that cannot be said, so all orders of such a run meet the same faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playground.draw import Draw
from playground.scenario import MAX_FAULTS, MAX_MOVES, Scenario
from sagas import catalog
from sagas.definition import Retry, Step

ONE_IN = 8
MOVES_PER_STEP = 3  # to call, to call again, to settle or undo: what the order of moves has room for

LAST = ("decline", "duplicate", "drop-event")  # no attempt follows one that met these

ON_ACTION: Mapping[str, Mapping[str, int]] = {
    "orchestration": {
        **{"decline": 2, "error": 3, "timeout": 2, "lost-reply": 3},
        **{"late": 1, "duplicate": 1, "crash-before": 1, "crash-after": 1},
    },
    "choreography": {
        **{"decline": 2, "error": 3, "timeout": 2, "lost-reply": 3},
        **{"late": 1, "duplicate": 1, "drop-event": 1},
    },
    "none": {"decline": 2, "error": 3, "timeout": 2, "lost-reply": 3, "late": 1, "duplicate": 1},
}
ON_COMPENSATION: Mapping[str, Mapping[str, int]] = {
    "orchestration": {"error": 4, "timeout": 2, "lost-reply": 2, "duplicate": 1, "crash-before": 1, "crash-after": 1},
    "choreography": {"error": 4, "timeout": 2, "lost-reply": 2, "duplicate": 1, "drop-event": 1},
    "none": {},
}


@dataclass(frozen=True, slots=True)
class _Line:
    """One direction of one step of one saga; `saga` None is every saga alike."""

    step: Step
    on: str
    saga: int | None

    def attempts(self, scenario: Scenario) -> int:
        """Return how many attempts its budget allows."""
        if scenario.mode == "none":
            return 1
        own: Retry | None = self.step.retry if self.on == "action" else self.step.compensation_retry
        plan = scenario.retry if self.on == "action" else scenario.compensation_retry
        return own.max_attempts if own else plan.max_attempts

    def fault(self, kind: str, times: int) -> dict[str, Any]:
        """Return a fault that meets the next `times` attempts."""
        return {"step": self.step.name, "on": self.on, "kind": kind, "times": times, "saga": self.saga}


def poisoned(base: Scenario, seed: int) -> Scenario:
    """Return the scenario with this seed and with the faults that it draws after the scenario's own.

    Of faults it has at most as many as a scenario holds.
    """
    draw = Draw("poison", seed)
    faults = [fault.model_dump() for fault in base.faults]
    for line in _lines(base):
        if not _always_fails(base, line):
            faults += _faults_of(base, line, draw)
    value = {**base.full(), "faults": faults[:MAX_FAULTS], "seed": seed}
    if base.orders > 1 and base.mode != "choreography" and not isinstance(base.schedule, list):
        value["schedule"] = _moves(base, draw)
    return Scenario.parse(value)


def _lines(base: Scenario) -> Iterator[_Line]:
    one_for_all = base.orders == 1 or base.mode == "choreography"
    for saga in [None] if one_for_all else range(base.orders):
        for step in catalog.definition(base.saga).steps:
            yield _Line(step, "action", saga)
            if step.compensation is not None and base.mode != "none":
                yield _Line(step, "compensation", saga)


def _always_fails(base: Scenario, line: _Line) -> bool:
    """Return whether a fault of the scenario's own meets every attempt, so that none after it could."""
    return any(
        (fault.step, fault.on) == (line.step.name, line.on) and fault.times is None and fault.saga in (None, line.saga)
        for fault in base.faults
    )


def _faults_of(base: Scenario, line: _Line, draw: Draw) -> list[dict[str, Any]]:
    """Return the faults of the first attempts, those of one kind in a row as one."""
    kinds = (ON_ACTION if line.on == "action" else ON_COMPENSATION)[base.mode]
    about = (line.step.name, line.on, line.saga or 0)
    found: list[dict[str, Any]] = []
    for attempt in range(1, line.attempts(base) + 1):
        if not draw.one_in(ONE_IN, "fails", *about, attempt):
            break
        kind = draw.weighted(kinds, "how", *about, attempt)
        if found and found[-1]["kind"] == kind:
            found[-1]["times"] += 1
        else:
            found.append(line.fault(kind, 1))
        if kind in LAST:
            break
    return found


def _moves(base: Scenario, draw: Draw) -> list[int]:
    """Return an order of moves. With a rendezvous it begins as that would: all have asked before anyone goes on."""
    firsts: list[int] = []
    if base.schedule == "rendezvous":
        rounds = 2 if base.lock in ("off", "naive") else 1
        firsts = [saga for n in range(rounds) for saga in draw.order_of(base.orders, "first", n)]
    most = min(MAX_MOVES, MOVES_PER_STEP * len(catalog.definition(base.saga).steps) * base.orders)
    return [*firsts, *(draw.below(base.orders, "move", n) for n in range(most - len(firsts)))]
