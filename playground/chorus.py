"""The saga in focus where nobody drives: five services that hear each other's events. Pure.

There is no belief here that one could ask for. A stop shows what was announced of its step
last, and a line how the event fares that travels on it. Only the onlooker's own fold
(`sagas.observer`) says how the order stands as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from playground import faces, wording
from playground.ears import Ear
from playground.faces import Face
from playground.focus import Focus
from playground.legs import Leg
from playground.outcomes import Known
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.observer import witness
from sagas.plan import RunPlan
from sagas.state import Phase

RELAY, WATCHER = "relay", "watcher"  # who announces, where it is no service
DROPPED: Face = ("failed", "dropped")


class Chorus(Focus):
    """One order of mode `choreography`."""

    plan, title, driver = "choreo", "No one in charge", "each its own part"
    rule = staticmethod(witness)
    far = frozenset(Kind)

    def __init__(self, plan: RunPlan, definition: SagaDefinition, order: str) -> None:
        super().__init__(plan, definition, order)
        self._ears = {step.name: Ear(n, step) for n, step in enumerate(definition.steps, 1)}
        self.legs = self._ears
        self._publishers: dict[str, str] = {}
        self._watched = False

    @property
    def knows(self) -> str:
        """Who knows how the order stands: a watcher, once one has acted."""
        return faces.who_knows(self.state.phase, "a watcher" if self._watched else self.driver)

    def add(self, entry: Entry) -> None:
        """Take the next entry that concerns this order."""
        super().add(entry)
        ear = self._ears.get(entry.step)
        if entry.kind is Kind.EVENT_PUBLISHED:
            self._published(entry)
        elif ear is not None and entry.lane is Lane.SERVICE and entry.kind in _ON_THE_WAY:
            _ON_THE_WAY[entry.kind](self, entry, ear)
        if self.end is None and self.state.phase in _TOP_LINE:
            self.orch = _TOP_LINE[self.state.phase]

    def known(self, entry: Entry) -> Known:
        """Return what a sentence about this entry may say beyond it."""
        known = super().known(entry)
        return replace(known, cause={"outcome": WATCHER}) if self._watched else known

    def _send(self, leg: Leg, direction: str, state: str, tag: str, lost: str | None = None) -> None:
        """Show no calls and no answers: there is nobody who calls."""

    def _published(self, entry: Entry) -> None:
        detail = entry.detail
        event, by = wording.event_of(entry), detail.get("by")
        answers = str(detail.get("cause", "")).rpartition(":")[2]
        self._publishers[event] = str(detail.get("service"))
        self._watched = self._watched or by == WATCHER
        for ear in self._ears.values():
            if ear.step.service in detail.get("to", ()) and event == ear.hears:
                ear.hop = ("running", "")
            if by == ear.step.service or (by == RELAY and answers == ear.hears):
                ear.announced(event, detail.get("because"), back=answers != ear.hears)

    def _sent(self, entry: Entry, ear: Ear) -> None:
        back = entry.op is Op.COMPENSATION
        ear.called(back, entry.attempt)
        self._travel(entry, ear, ("compensating" if back else "running", ""))

    def _done(self, entry: Entry, ear: Ear) -> None:
        answer = entry.detail.get("answer")
        ear.succeeded(entry.op is Op.COMPENSATION, empty=isinstance(answer, Mapping) and bool(answer.get("empty")))

    def _not_done(self, entry: Entry, ear: Ear) -> None:
        status = str(entry.detail.get("status") or "failed")
        ear.failed(entry.op is Op.COMPENSATION, status)
        if not entry.detail.get("verdict"):
            self._show(entry, ear, ("failed", status))

    def _unanswered(self, entry: Entry, ear: Ear) -> None:
        face = ("unknown", "no answer")
        if ear.did:
            self._show(entry, ear, face)
        else:
            self._travel(entry, ear, face, lost="no answer")

    def _sent_later(self, entry: Entry, ear: Ear) -> None:
        ms = int(entry.detail.get("delay_ms", 0))
        ear.waits(entry.op is Op.COMPENSATION, ms)
        state, _ = self._line(entry, ear).hop
        self._show(entry, ear, (state, f"again in {wording.span(ms)}"))

    def _in_line(self, entry: Entry, ear: Ear) -> None:
        if entry.detail.get("waiting"):
            self._show(entry, ear, ("pending", "waiting"))

    def _dropped(self, entry: Entry, ear: Ear) -> None:
        self._travel(entry, ear, DROPPED, lost="dropped")

    def _handled(self, entry: Entry, ear: Ear) -> None:
        if entry.op is not None:
            self._show(entry, ear, ("compensated" if entry.op is Op.COMPENSATION else "done", ""))

    def _travel(self, entry: Entry, ear: Ear, face: Face, lost: str | None = None) -> None:
        """Put an event on its line."""
        line = self._show(entry, ear, face)
        self.token = {
            "leg": line.number,
            "dir": "hop" if line is ear else "back",
            "state": "compensating" if entry.op is Op.COMPENSATION else "running",
            "tag": wording.event_of(entry),
            "lost": lost,
            "ms": self._wire_ms,
        }

    def _show(self, entry: Entry, ear: Ear, face: Face) -> Ear:
        """Give an event's line this look and return it. What died there stays; a watcher speaks to no line."""
        line = self._line(entry, ear)
        if line.hop != DROPPED and self._publishers.get(wording.event_of(entry)) != WATCHER:
            line.hop = face
        return line

    def _line(self, entry: Entry, ear: Ear) -> Ear:
        """Return whose line an event comes on: that of the next leg if it comes back from there, else the ear's own."""
        numbers = {other.step.service: other.number for other in self._ears.values()}
        publisher = numbers.get(self._publishers.get(wording.event_of(entry), ""), 0)
        comes_back = entry.op is Op.COMPENSATION and publisher >= ear.number
        return next((other for other in self._ears.values() if other.number == ear.number + comes_back), ear)


_TOP_LINE: Mapping[Phase, Face] = {
    Phase.RUNNING: ("running", "events only"),
    Phase.COMPENSATING: ("compensating", "undoing"),
}

_ON_THE_WAY: Mapping[Kind, Callable[[Chorus, Entry, Ear], None]] = {
    Kind.ATTEMPT_STARTED: Chorus._sent,
    Kind.ATTEMPT_SUCCEEDED: Chorus._done,
    Kind.ATTEMPT_FAILED: Chorus._not_done,
    Kind.ATTEMPT_UNKNOWN: Chorus._unanswered,
    Kind.RETRY_SCHEDULED: Chorus._sent_later,
    Kind.LOCK_DENIED: Chorus._in_line,
    Kind.EVENT_DROPPED: Chorus._dropped,
    Kind.EVENT_HANDLED: Chorus._handled,
}
