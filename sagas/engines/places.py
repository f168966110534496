"""Where one saga of a loop stands between two thoughts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sagas.decider import Move
from sagas.engines.jobs import Json
from sagas.state import SagaState

SETTLE_WAITS_MS = (200, 400, 800, 1600, 3200, 5000)  # the last one repeats until the service answers


@dataclass(frozen=True, slots=True)
class Turn:
    """The saga's next outward step has to wait for its turn."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The run is paused; nothing to do until a move may begin, or until a deadline passes before that."""

    until: int | None


@dataclass(slots=True, kw_only=True)
class Place:
    """Where one saga stands between two thoughts.

    `move` waits until entry number `mark` of this loop is durable, or for others; `job` is the one under
    way for it, or "". `seen` is what was looked at for `move`, None before the look.
    """

    move: Move | Turn | Hold | None = None
    mark: int = 0
    job: str = ""
    seen: Json | None = None
    until: int | None = None
    unanswered: int = 0
    again_at: int = 0

    def abandon(self) -> None:
        """Wait no longer for the job under way."""
        self.job, self.move, self.seen = "", None, None


def settle_wait_ms(unanswered: int) -> int:
    """Return the wait before a settlement is told again that got no answer so often before."""
    return SETTLE_WAITS_MS[min(unanswered, len(SETTLE_WAITS_MS) - 1)]


def is_parked(state: SagaState) -> bool:
    """Return whether a saga waits in line for a lock."""
    return any(step.action.parked for step in state.steps.values())
