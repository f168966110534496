"""Told time: the moments at which a replay tells what happened. Pure.

Real time since the run began, with two liberties. Every entry has a moment of its own, so that
a clock can stand between two of the same millisecond. And a silence that is longer than any
wait a scenario can ask for, because a person had to think, is told in a few seconds.
"""

from __future__ import annotations

LONG_MS = 90_000  # a silence beyond this is cut
CUT_MS = 5_000  # to this
APART_MS = 1  # between any two entries


class Telling:
    """Gives each entry its moment: milliseconds, later than all before."""

    def __init__(self) -> None:
        self._began: int | None = None
        self._last = self._cut = 0
        self._told = -APART_MS

    def tell(self, at: int) -> int:
        """Return the moment of the next entry, which was journaled at `at` (milliseconds since the epoch)."""
        if self._began is None:
            self._began = self._last = at
        silence = at - self._last
        if silence > LONG_MS:
            self._cut += silence - CUT_MS
        self._last = max(at, self._last)
        self._told = max(self._last - self._began - self._cut, self._told + APART_MS)
        return self._told
