"""One leg of the stage where nobody drives: a service, and the line on which its event comes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground import wording
from playground.faces import Face
from playground.legs import IDLE, Leg
from sagas.definition import Step


class Ear(Leg):
    """One service of the order in focus. `hears` is the event that starts its step, `hop` the line to it."""

    def __init__(self, number: int, step: Step) -> None:
        super().__init__(number, step)
        self.hears = wording.HEARS.get(step.name, "")
        self.hop: Face = IDLE
        self.truth = ("idle", "listening")

    def announced(self, event: str, because: Mapping[str, Any] | None, *, back: bool) -> None:
        """Everybody was told how the step, or its undo, went; `because` says why it went wrong."""
        if back:
            self.undo = ("compensated", event)
        elif because:
            self.stop = ("unknown" if because.get("outcome") == "unknown" else "failed", event)
        else:
            self.stop = ("done", event)

    def view(self, ledger: dict[str, Any]) -> dict[str, Any]:
        """Return the leg as a scene has it, with its line."""
        hop = {"state": self.hop[0], "word": self.hop[1]}
        return {**super().view(ledger), "hears": self.hears, "hop": hop}

    def _believe(self, back: bool, face: Face) -> None:
        """Believe nothing: only what is announced is known to anybody."""
