"""Something that is said of a run for a while: from one entry of its journal to another. Pure.

A page holds every span and shows those of the moment it stands at, so that a browser has
nothing to work out: it compares two numbers with its cursor.
"""

from __future__ import annotations

from typing import Any


class Spans:
    """What is said of one thing, one after the other; `value` is what is said now. The first begins at 0."""

    def __init__(self, value: dict[str, Any]) -> None:
        self._past: list[dict[str, Any]] = []
        self._since = 0
        self.value = value

    def say(self, seq: int, value: dict[str, Any]) -> None:
        """Say something else from entry `seq` on; the same again is no news."""
        if value == self.value:
            return
        if self._since < seq:
            self._past.append({**self.value, "since": self._since, "until": seq})
        self._since, self.value = seq, value

    def view(self, at: int) -> list[dict[str, Any]]:
        """Return every span, oldest first: its value, `since`, `until` (None: still so), and whether it holds `at`."""
        every = [*self._past, {**self.value, "since": self._since, "until": None}]
        return [{**span, "now": _holds(span, at)} for span in every]


def _holds(span: dict[str, Any], at: int) -> bool:
    return bool(span["since"] <= at and (span["until"] is None or at < span["until"]))
