"""What a benchmark says: tables of medians, each with its spread, and each beside what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The samples of one contender under one setting, all of one run; `unit` is theirs, such as `sagas/s` or `ms`."""

    name: str
    setting: str
    unit: str
    samples: Sequence[float]

    @property
    def value(self) -> float:
        """The median of the samples."""
        return median(self.samples)

    @property
    def spread(self) -> float:
        """Half of the distance from the lowest to the highest sample, as a share of the median."""
        return (max(self.samples) - min(self.samples)) / 2 / self.value if self.value else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Two medians of one interleaved run, divided; `goal` is the floor that was set before, None for none.

    `at_most`: the goal is not to be exceeded, instead of to be reached.
    """

    name: str
    setting: str
    value: float
    goal: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What one measurement found. `notes` say how it was taken and what it does not say."""

    title: str
    figures: Sequence[Figure] = ()
    ratios: Sequence[Ratio] = ()
    notes: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the table as plain values."""
        return {
            "title": self.title,
            "figures": [
                {"name": f.name, "setting": f.setting, "unit": f.unit, "median": f.value, "samples": list(f.samples)}
                for f in self.figures
            ],
            "ratios": [
                {"name": r.name, "setting": r.setting, "ratio": r.value, "goal": r.goal, "met": r.is_met}
                for r in self.ratios
            ],
            "notes": list(self.notes),
            **self.extra,
        }


def ratio(over: Figure, under: Figure, goal: float | None = None) -> Ratio:
    """Return how many times `under` goes into `over`, both of the same setting."""
    return Ratio(name=f"{over.name} / {under.name}", setting=over.setting, value=over.value / under.value, goal=goal)
