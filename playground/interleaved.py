"""Two orders of one record, in every order of their moves and with every kind of lock: each one simulated run.

Without a lock some orders of moves sell one unit twice, which is what such a lock is there to
show; with one none does. Whatever the lock, each run is judged by the numbered rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playground.chaos import Trial, tried
from playground.scenario import Scenario
from playground.verdicts import Outcome
from sagas import catalog
from sagas.definition import StepKind
from sagas.simulation import Simulator, orders_of_moves

LOCKS = ("off", "naive", "fail-fast", "wait")
MOVES = 4  # of each saga, by default: enough to take the record, to lose it and to settle
MOST_MOVES = 7  # with 3,432 orders of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Strand:
    """One order of moves under one lock. `turns` names the step of the first saga that is declined, or nothing."""

    lock: str
    turns: str
    moves: tuple[int, ...]
    trial: Trial

    def to_json(self) -> dict[str, Any]:
        """Return the strand as a line of JSON has it."""
        return {
            "lock": self.lock,
            "declined": self.turns or None,
            "moves": list(self.moves),
            "outcome": str(self.trial.outcome),
            "violations": list(self.trial.violations),
            "url": self.trial.address,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of all orders of moves of one lock; `worst` is the first of them with the worst outcome."""

    lock: str
    turns: str
    counts: Mapping[Outcome, int]
    worst: Trial


def strands(simulator: Simulator, saga: str, moves: int = MOVES) -> Iterator[Strand]:
    """Yield every order of the first moves of two sagas, by lock: as they come, and with the first one declined later on."""
    definition = catalog.definition(saga)
    last = next((step.name for step in reversed(definition.steps) if step.kind is not StepKind.RETRIABLE), "")
    for lock in LOCKS:
        for turns in dict.fromkeys(("", last)):
            for order in orders_of_moves(moves):
                faults = [{"step": turns, "kind": "decline", "saga": 0}] if turns else []
                asked = {"saga": saga, "orders": 2, "stock": 1, "lock": lock, "latency_ms": 0, "faults": faults}
                scenario = Scenario.parse({**asked, "schedule": list(order)})
                yield Strand(lock=lock, turns=turns, moves=order, trial=tried(simulator, scenario, scenario.seed))


def tallies(found: Iterable[Strand]) -> list[Tally]:
    """Return what became of strands, one tally for each lock and fault, in their order."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for strand in found:
        groups.setdefault((strand.lock, strand.turns), []).append(strand.trial)
    worst_first = list(Outcome)
    return [
        Tally(
            lock=lock,
            turns=turns,
            counts=Counter(trial.outcome for trial in trials),
            worst=min(trials, key=lambda trial: worst_first.index(trial.outcome)),
        )
        for (lock, turns), trials in groups.items()
    ]
