"""Belief beside truth: for every step, what its driver believes and what its service's database did. Pure.

They differ where the driver cannot tell, where it has not heard yet, and where it is wrong.
None of it can be seen from inside the system; a page may say it, because it reads both lanes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground import wording
from playground.legs import Leg
from playground.replay.spans import Spans
from playground.scene import FOCUS
from sagas.definition import SagaDefinition
from sagas.entries import Entry
from sagas.plan import RunPlan
from sagas.state import StepState

AGREE = ""


class Beliefs:
    """The steps of one saga. Give it every entry of the run; it takes those that concern its saga."""

    def __init__(self, plan: RunPlan, definition: SagaDefinition, saga: str, order: str) -> None:
        self._saga = saga
        self._focus = FOCUS[plan.mode](plan, definition, order)
        self._driven = self._focus.plan != "choreo"
        self._spans = {name: Spans(self._now(name, leg)) for name, leg in self._focus.legs.items()}

    @property
    def driven(self) -> bool:
        """Whether there is anybody who believes; else the left side is what was announced."""
        return self._driven

    def add(self, entry: Entry) -> None:
        """Take the next entry of the run."""
        if entry.saga not in ("", self._saga):
            return
        self._focus.add(entry)
        for name, leg in self._focus.legs.items():
            self._spans[name].say(entry.seq, self._now(name, leg))

    def view(self, at: int) -> list[dict[str, Any]]:
        """Return the steps as a template shows them at entry `at`."""
        return [
            {
                "name": name,
                "service": leg.step.service,
                "title": wording.title(leg.step.service),
                "spans": spans.view(at),
            }
            for (name, leg), spans in zip(self._focus.legs.items(), self._spans.values(), strict=True)
        ]

    def _now(self, name: str, leg: Leg) -> dict[str, Any]:
        step = self._focus.state.step(name)
        back = step.compensation.attempts > 0 or leg.undo[0] not in ("idle", "skipped")
        state, word = leg.undo if back else leg.stop
        return {
            "believed": {"state": state, "word": word or _BELIEVED.get(state, state)},
            "truth": {"state": leg.truth[0], "word": _TRUE.get(leg.truth[1], leg.truth[1])},
            "apart": self._apart(leg, step),
        }

    def _apart(self, leg: Leg, step: StepState) -> str:
        """Return how the two differ, in two short sentences, or AGREE."""
        service, back = wording.title(leg.step.service), step.compensation.attempts > 0
        if leg.standing > 1:
            return f"{service} did it {wording.times(leg.standing)}. {self._says('cannot')}"
        calls = step.compensation if back else step.action
        is_so = leg.standing <= 0 if back else leg.standing > 0
        if calls.ok:
            return AGREE if is_so else f"{_does(service, back, is_so)} {self._says('undone' if back else 'done')}"
        if calls.unknown:
            return f"{_does(service, back, is_so)} {self._says('cannot')}"
        heard_of = is_so and not (back and leg.truth[0] != "compensated")
        return f"{_does(service, back, is_so)} {self._says('unheard')}" if heard_of else AGREE

    def _says(self, what: str) -> str:
        who = wording.capital(self._focus.driver) if self._driven else ""
        return _SAYS[what].format(who) if self._driven else _NOBODY_SAYS[what]


_BELIEVED: Mapping[str, str] = {
    "idle": "not asked",
    "skipped": "not asked",
    "running": "asked",
    "compensating": "asked to undo",
    "done": "done",
    "compensated": "undone",
}
_TRUE: Mapping[str, str] = {"idle": "no entry"}
_SAYS: Mapping[str, str] = {
    "cannot": "{} cannot tell.",
    "unheard": "{} has not heard of it.",
    "done": "{} takes it for done.",
    "undone": "{} takes it for undone.",
}
_NOBODY_SAYS: Mapping[str, str] = {
    "cannot": "No one can tell.",
    "unheard": "No one has heard of it yet.",
    "done": "The others take it for done.",
    "undone": "The others take it for undone.",
}


def _does(service: str, back: bool, is_so: bool) -> str:
    """Return what the service's database holds, as a sentence."""
    if back:
        return f"{service} holds nothing of it." if is_so else f"{service} still has it."
    return f"{service} did it." if is_so else f"{service} has no entry of it."
