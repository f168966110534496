"""Chance from a seed: every draw is a hash of the seed and of what it is about. Pure.

A draw has a name, so that a new one changes none of the others, and no library's generator
is part of the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Draws of one seed; `purpose` keeps those of two uses apart."""

    def __init__(self, purpose: str, seed: int) -> None:
        self._root = f"{purpose}|{seed}"

    def below(self, n: int, *about: object) -> int:
        """Return a number from 0 to n - 1."""
        text = "|".join((self._root, *map(str, about)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % n

    def one_in(self, n: int, *about: object) -> bool:
        """Return True one time in n."""
        return self.below(n, *about) == 0

    def pick(self, among: Sequence[T], *about: object) -> T:
        """Return one of these."""
        return among[self.below(len(among), *about)]

    def weighted(self, weights: Mapping[T, int], *about: object) -> T:
        """Return one of the keys, each as often as its weight says."""
        at = self.below(sum(weights.values()), *about)
        for found, weight in weights.items():
            at -= weight
            if at < 0:
                return found
        raise AssertionError("weights are positive")

    def order_of(self, n: int, *about: object) -> list[int]:
        """Return the numbers below n in some order."""
        return sorted(range(n), key=lambda each: self.below(2**63, *about, each))
