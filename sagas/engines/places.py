"""Where one saga of a loop stands between two thoughts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sagas.decider import Move
from sagas.engines.jobs import Json
from sagas.gate import Hold
from sagas.schedule import Turn


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
