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
class Pair:
    """The lines of one `seq`, None where a journal has ended. `place`: same, first (difference) or after."""

    seq: int
    left: Line | None
    right: Line | None
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """`common` entries agree; the last few of them stand in `pairs`, the others in `shared`."""

    common: int
    shared: Sequence[Line]
    pairs: Sequence[Pair]

    @property
    def first(self) -> Pair | None:
        """The first two lines that differ; None where both journals are the same so far."""
        return next((pair for pair in self.pairs if pair.place == "first"), None)

    @property
    def moment(self) -> int | None:
        """When the first difference is told, in milliseconds."""
        lines = (self.first.left, self.first.right) if self.first else ()
        return min((line["t"] for line in lines if line is not None), default=None)


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
    lines = enumerate(zip_longest(left[apart:], right[apart:]), apart + 1)
    pairs = [Pair(seq=seq, left=one, right=other, place=_place(seq, common)) for seq, (one, other) in lines]
    return Beside(common=common, shared=left[:apart], pairs=pairs)


def _says(entry: Entry) -> tuple[Any, ...]:
    told = tuple(repr(entry.detail.get(key)) for key in TOLD) if entry.kind is not Kind.SAGA_STARTED else ()
    return (entry.kind, entry.lane, entry.order, entry.step, entry.op, entry.attempt, entry.key, told)


def _place(seq: int, common: int) -> str:
    if seq <= common:
        return "same"
    return "first" if seq == common + 1 else "after"
