"""One leg of the stage: a step as its driver believes it, above the service as it really is. Pure.

Belief is `stop` and `undo`; only what a driver was told changes it. Truth is what the
service's own database did, or an answer that the service gave. A lost reply therefore shows
an unknown stop above a service that is done.
"""

from __future__ import annotations

from typing import Any

from playground import wording
from playground.faces import Face
from sagas.definition import Step, StepKind

WAITS_SHOWN = 6

IDLE: Face = ("idle", "")


class Leg:
    """One step of the saga in focus. `number` counts from 1; `back` is the compensation's direction."""

    def __init__(self, number: int, step: Step) -> None:
        self.number, self.step = number, step
        self.stop = self.undo = IDLE
        self.truth: Face = ("idle", "idle")
        self.turn = False
        self.standing = 0  # effects of this step that nothing takes back
        self.amount = 0  # of its last action
        self.doubled = False
        self.sold = False  # what it holds is final, and leaves the shop
        self.did = False  # what the attempt under way asks for
        self.answered = False  # a reply to it is on the wire already
        self._waits: list[int] = []
        self._waits_back = False

    def called(self, back: bool, attempt: int) -> None:
        """The driver sends an attempt."""
        self._believe(back, ("compensating" if back else "running", f"attempt {attempt}" if attempt > 1 else ""))
        self.answered = False
        self.did = self.truth == ("compensated", "undone") if back else self.standing > 0
        if back is not self._waits_back:
            self._waits, self._waits_back = [], back

    def succeeded(self, back: bool, *, empty: bool) -> None:
        """The driver hears that it is done; `empty`: there was nothing to undo."""
        self._believe(back, ("compensated" if back else "done", "nothing there" if empty else ""))
        if not back:
            self.truth = self.truth if self.doubled else ("done", "done")
        elif self.standing <= 0:
            self.truth = ("skipped", "untouched") if empty else ("compensated", "undone")

    def failed(self, back: bool, status: str) -> None:
        """The driver hears that this attempt did nothing, which says something of the service as well."""
        self._believe(back, ("failed", status))
        if back is (self.standing > 0):
            self.truth = ("failed", status)

    def unheard(self, back: bool, word: str) -> None:
        """The driver hears nothing."""
        self._believe(back, ("unknown", word))

    def waits(self, back: bool, ms: int) -> None:
        """The driver waits before it asks again."""
        state, _ = self.undo if back else self.stop
        self._believe(back, (state, f"again in {wording.span(ms)}"))
        self._waits = [*self._waits, ms][-WAITS_SHOWN:]

    def parked(self) -> None:
        """The driver has a place in the line for a lock."""
        self.stop = ("pending", "waiting")

    def stuck(self, back: bool) -> None:
        """The driver gives up and calls a person."""
        self._believe(back, ("stuck", "needs a human"))
        if back:
            self.truth = ("stuck", "stuck")

    def resolved(self, back: bool) -> None:
        """A person did it by hand, which the service's own ledger does not show."""
        self._believe(back, ("compensated" if back else "done", "by hand"))

    def owed(self) -> None:
        """The step has to be undone after all."""
        if self.undo[0] == "skipped":
            self.undo = IDLE

    def passed_over(self, *, later: bool) -> None:
        """The saga turned and need not undo this step; a `later` one is not called any more either."""
        self.undo = ("skipped", "")
        if later and self.stop == IDLE:
            self.stop = ("skipped", "")
            self.truth = ("skipped", "not called") if self.truth[0] == "idle" else self.truth

    def wrote(self, kind: str, amount: int, *, back: bool) -> None:
        """The service wrote a row for this order."""
        self.did = True
        if kind in wording.SETTLEMENTS:
            self.sold = kind == "sell"
            self.truth = ("done", "sold" if self.sold else "confirmed")
        elif back:
            self.standing -= 1 if amount else 0
            self.truth = ("compensated", "undone") if self.standing <= 0 else ("stuck", "still owed")
        else:
            self.standing += 1
            self.amount = amount
            self.doubled = self.doubled or self.standing > 1
            self.truth = ("stuck", "done twice") if self.standing > 1 else ("done", "done")

    def fenced(self) -> None:
        """The service turned a late call away."""
        self.truth = (self.truth[0], "late call refused")

    def locked(self) -> None:
        """The service refused, because another order holds the record."""
        if self.truth[0] == "idle":
            self.truth = ("pending", "locked")

    def view(self, ledger: dict[str, Any]) -> dict[str, Any]:
        """Return the leg as a scene has it: a new value, which nothing changes afterwards."""
        service = self.step.service
        return {
            **({} if self.step.kind is StepKind.COMPENSATABLE else {"kind": str(self.step.kind)}),
            "name": self.step.name,
            "undo_name": self.step.compensation_name,
            "turn": self.turn,
            "stop": {"state": self.stop[0], "word": self.stop[1]},
            "undo": {"state": self.undo[0], "word": self.undo[1]},
            "service": {
                "name": service,
                "title": wording.title(service),
                "state": self.truth[0],
                "word": self.truth[1],
                **ledger,
                "waits": [{"ms": ms, "label": wording.span(ms)} for ms in self._waits],
            },
        }

    def _believe(self, back: bool, face: Face) -> None:
        if back:
            self.undo = face
        else:
            self.stop = face
