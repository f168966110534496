"""Whether a run is paused, as a fold of its entries. Pure.

While a run is paused none of its sagas begins a new outward move: no call, no settlement, no
delivery of an event. What is under way ends and is journaled, waits run out, deadlines pass.
A step lets one move begin. It is used up by the entry that says so, thus a driver that takes
over knows whether it still owes one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from sagas.entries import Entry, Kind, Lane

PAUSE, RESUME, STEP = "pause", "resume", "step"


@dataclass(frozen=True, slots=True)
class Pause:
    """`steps` is how many moves may begin although the run is paused."""

    is_on: bool = False
    steps: int = 0


def evolve_pause(pause: Pause, entry: Entry) -> Pause:
    """Return the pause after `entry`. The end of a run ends its pause."""
    if entry.kind is Kind.RUN_FINISHED:
        return Pause()
    if entry.kind is Kind.OPERATOR_ACTED and not entry.saga:
        return _asked(pause, str(entry.detail["action"]))
    if pause.steps and begins_move(entry):
        return replace(pause, steps=pause.steps - 1)
    return pause


def pause_after(entries: Iterable[Entry]) -> Pause:
    """Return the pause after a journal's entries."""
    return reduce(evolve_pause, entries, Pause())


def begins_move(entry: Entry) -> bool:
    """Return whether an entry is the first word of an outward move; of a settlement that is its last one as well."""
    if entry.kind is Kind.EVENT_HANDLED:
        return entry.op is None
    if entry.kind is Kind.LOCK_RELEASED:
        return entry.lane is Lane.ORCHESTRATOR
    return entry.kind is Kind.ATTEMPT_STARTED


def _asked(pause: Pause, action: str) -> Pause:
    if action == PAUSE:
        return Pause(is_on=True)
    if action == RESUME:
        return Pause()
    return replace(pause, steps=pause.steps + 1) if action == STEP and pause.is_on else pause
