"""Two journals side by side: how far they agree, and what is different first. Pure.

Two entries agree when they say the same of the same step. When they said it, under which run
and by which worker, is of no account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sagas.entries import Entry, Kind

TOLD = (
    "reason",
    "status",
    "kind",
    "amount",
    "service",
    "record",
    "owner",
    "waiting",
    "event",
    "to",
    "verdict",
    "action",
)
BEFORE = 3  # entries of the common past that stand above the first difference

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """`common` entries agree. `rows` are pairs of lines, None where a journal has ended; `first` is what differs first."""

    common: int
    shared: Sequence[Line]
    rows: Sequence[tuple[Line | None, Line | None]]

    @property
    def first(self) -> tuple[Line | None, Line | None] | None:
        """The first two lines that differ; None where both journals are the same so far."""
        return next((row for row in self.rows if _seq(row) > self.common), None)

    @property
    def moment(self) -> int | None:
        """When the first difference is told, in milliseconds."""
        moments = [line["t"] for line in self.first or () if line is not None]
        return min(moments) if moments else None


def same(one: Entry, other: Entry) -> bool:
    """Return whether two entries say the same."""
    return _says(one) == _says(other)


def agreed(left: Sequence[Entry], right: Sequence[Entry]) -> int:
    """Return how many entries the two journals have in common from their beginning."""
    common = 0
    for one, other in zip(left, right, strict=False):
        if not same(one, other):
            break
        common += 1
    return common


def beside(common: int, left: Sequence[Line], right: Sequence[Line]) -> Beside:
    """Return two journals' lines in pairs, the common past apart."""
    apart = max(0, common - BEFORE)
    return Beside(common=common, shared=left[:apart], rows=list(zip_longest(left[apart:], right[apart:])))


def _says(entry: Entry) -> tuple[Any, ...]:
    told = tuple(repr(entry.detail.get(key)) for key in TOLD) if entry.kind is not Kind.SAGA_STARTED else ()
    return (entry.kind, entry.lane, entry.order, entry.step, entry.op, entry.attempt, entry.key, told)


def _seq(row: tuple[Line | None, Line | None]) -> int:
    return max(int(line["seq"]) for line in row if line is not None)
