"""Interleaved rounds: every contender is measured once per round, in another order each round.

So what the machine does meanwhile meets all of them alike, and a ratio of medians means something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.figures import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much a measurement may take. `scale` multiplies the work of one sample; `quick` proves only that it runs."""

    rounds: int = 5
    scale: float = 1.0
    quick: bool = False

    def amount(self, usual: int) -> int:
        """Return how many of something to do in one sample: `usual`, scaled, at least one."""
        return max(1, int(usual * self.scale))


QUICK = Effort(rounds=1, scale=0.02, quick=True)


def interleaved(
    contenders: Mapping[str, Callable[[], float]], rounds: int, *, setting: str, unit: str
) -> Sequence[Figure]:
    """Return each contender's samples; a contender returns one sample in `unit` each time it is called."""
    return interleaved_many({name: _in_unit(one, unit) for name, one in contenders.items()}, rounds, setting=setting)


def interleaved_many(
    contenders: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int, *, setting: str
) -> Sequence[Figure]:
    """Return each contender's samples in each unit; a contender returns one sample per unit each time it is called."""
    samples: dict[str, dict[str, list[float]]] = {name: {} for name in contenders}
    names = list(contenders)
    for n in range(rounds):
        first = n % len(names)
        for name in names[first:] + names[:first]:
            for unit, sample in contenders[name]().items():
                samples[name].setdefault(unit, []).append(sample)
    return [
        Figure(name=name, setting=setting, unit=unit, samples=taken)
        for name, units in samples.items()
        for unit, taken in units.items()
    ]


def _in_unit(one: Callable[[], float], unit: str) -> Callable[[], Mapping[str, float]]:
    return lambda: {unit: one()}
