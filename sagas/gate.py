"""The gate that a paused run's moves wait at: shut, open, or ajar for one move at a time.

Whoever comes first passes first, so that steps go round among sagas that wait together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

from sagas.entries import Entry
from sagas.pausing import PAUSE, RESUME, STEP, Pause
from sagas.state import SagaState


@dataclass(frozen=True, slots=True)
class Hold:
    """The run is paused; decide anew when a move may begin, or at `until` if a deadline passes before that."""

    until: int | None


def hold(state: SagaState, now: int) -> Hold:
    """Return how long a saga is held that may not pass now."""
    late = state.deadline_at is None or state.deadline_at <= now
    return Hold(None if late else state.deadline_at)


class Gate:
    """The gate of one run, as its journal left it. Nobody polls: a bell rings when it is worth asking again."""

    def __init__(self, pause: Pause) -> None:
        self._is_shut, self._steps = pause.is_on, pause.steps
        self._line: dict[Hashable, asyncio.Event | None] = {}

    @property
    def is_shut(self) -> bool:
        """Whether the run is paused."""
        return self._is_shut

    def refusal(self, action: str) -> str:
        """Return why it makes no sense to pause, resume or step now, or ""."""
        if action == PAUSE:
            return "the run is paused already" if self._is_shut else ""
        return "" if self._is_shut else "the run is not paused"

    def obey(self, acted: Entry) -> None:
        """Do what an `operator-acted` of the whole run says."""
        action = acted.detail["action"]
        if action in (PAUSE, RESUME):
            self._is_shut, self._steps = action == PAUSE, 0
        elif action == STEP:
            self._steps += 1
        self._ring()

    def may_pass(self, who: Hashable, bell: asyncio.Event | None = None) -> bool:
        """Return whether a move may begin now, which uses up a step; else `who` is in line, and `bell` rings."""
        if self._is_shut:
            self._line.setdefault(who, bell)
            if not self._steps or next(iter(self._line)) != who:
                return False
            self._steps -= 1
        self.leave(who)
        return True

    def waits(self, who: Hashable) -> bool:
        """Return whether `who` is in line."""
        return who in self._line

    def leave(self, who: Hashable) -> None:
        """Take `who` out of the line: it passed, or it has nothing to do beyond the gate any more."""
        if self._line.pop(who, None) is not None and self._steps:
            self._ring()

    async def passed(self, who: Hashable) -> None:
        """Return when a move may begin."""
        bell = asyncio.Event()
        while not self.may_pass(who, bell):
            await bell.wait()
            bell.clear()

    def _ring(self) -> None:
        for bell in self._line.values():
            if bell is not None:
                bell.set()
