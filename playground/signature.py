"""One saga in two rows of glyphs: its steps on the way out, their undos on the way back. Pure.

The signature of a run in a list, and of every saga of a run that is not in focus.
"""

from __future__ import annotations

from typing import Any

from playground import wording
from playground.ears import Ear
from playground.focus import Focus
from playground.legs import Leg


def signature(focus: Focus) -> dict[str, Any]:
    """Return `steps` and `back` (the states of both directions, "" for nothing to draw), `state` and `word`."""
    return {
        "steps": [_forward(leg) for leg in focus.legs.values()],
        "back": _backward(focus),
        "state": focus.orch[0],
        "word": _word(focus),
    }


def _forward(leg: Leg) -> str:
    """Return a step's state; where nobody calls, an event that died on its way is what failed."""
    state = leg.stop[0]
    return "failed" if state == "idle" and isinstance(leg, Ear) and leg.hop[0] == "failed" else state


def _backward(focus: Focus) -> list[str]:
    """Return the states of the way back, once the order has turned: of the steps that have one."""
    legs = list(focus.legs.values())
    states = [leg.undo[0] for leg in legs]
    if focus.plan == "choreo":  # there every service answers a watcher, even one that has done nothing
        return ["" if "idle" in (leg.stop[0], leg.undo[0]) else leg.undo[0] for leg in legs]
    turned = any(leg.turn for leg in legs) or not {"idle", "skipped"}.issuperset(states)
    return [state if turned and state != "skipped" else "" for state in states]


def _word(focus: Focus) -> str:
    """Return how it stands: the end, or whose answer is awaited."""
    for part, verb in (("undo", "undoing"), ("stop", "calling")):
        for leg in focus.legs.values():
            state, _ = leg.undo if part == "undo" else leg.stop
            if focus.end is None and state in ("running", "compensating"):
                return f"{verb} {wording.title(leg.step.service)}"
    return focus.orch[1]
