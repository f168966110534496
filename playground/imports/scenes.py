"""How an imported history looks on the stage: the ordinary fold, without what only services could say. Pure.

A history has no books. So whatever the stage says of a ledger is left open here, and what it says of an entry
is said of the answer that was heard, never of what was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playground import wording
from playground.imports.history import History
from playground.imports.scribe import SAGA
from playground.replay.telling import Telling
from playground.replay.trace import Trace
from playground.scene import Fold
from sagas.entries import Entry, Kind, Op
from sagas.plan import RunPlan

NOT_TOLD = "\u2013"  # in the place of a number that a history does not have
PLAN = RunPlan(latency_ms=500)  # a token's way on the wire takes a quarter of a second

ENDS = (Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_NEEDS_OPERATOR)

Frame = dict[str, Any]


def frames(history: History) -> Iterator[Frame]:
    """Yield `{"entry", "scene"}` for each entry of a history, as a run's own scenes are."""
    fold, outcome = Fold(PLAN, history.definition, SAGA), ""
    for entry in history.entries:
        fold.add(entry)
        said = sentence(entry, history)
        outcome = said if entry.kind in ENDS else outcome
        yield {"entry": entry.to_json(), "scene": _open(fold.scene(), said, outcome or said)}


def lines(history: History) -> list[dict[str, Any]]:
    """Return the journal's lines."""
    return [frame["scene"]["entry"] for frame in frames(history)]


def idle(history: History) -> dict[str, Any]:
    """Return the scene before the first entry."""
    scene = Fold(PLAN, history.definition, SAGA).scene()
    return _open(scene, scene["say"], scene["say"])


def trace(history: History, at: int) -> dict[str, Any]:
    """Return where the time went, as the panel of a run has it, at entry `at`."""
    told, bars, moments = Telling(), Trace(history.definition, SAGA), [0]
    began = history.entries[0].at
    for entry in history.entries:
        moments.append(told.tell(entry.at))
        bars.add(entry, moments[-1], max(0, entry.at - began))
    return bars.view(at, moments[at])


def sentence(entry: Entry, history: History) -> str:
    """Return what an entry says, and no more than was heard."""
    step = next((one for one in history.steps if one.name == entry.step), None)
    name = "" if step is None else step.undo if entry.op is Op.COMPENSATION else step.name
    whom, reason = wording.title(step.service) if step else "It", str(entry.detail.get("reason", ""))
    match entry.kind:
        case Kind.SAGA_STARTED:
            return f"{history.title} begins with {entry.order}."
        case Kind.ATTEMPT_STARTED:
            again = f"Attempt {entry.attempt}: " if entry.attempt > 1 else ""
            return f"{again}{whom} is asked for {name}{' again' if again else ''}."
        case Kind.ATTEMPT_SUCCEEDED:
            return f"{name} is answered as done."
        case Kind.ATTEMPT_FAILED:
            return f"{name} is answered with a no: {reason}."
        case Kind.ATTEMPT_UNKNOWN:
            return f"{name} has no answer that says whether it was done: {reason}."
        case Kind.RETRY_SCHEDULED:
            return f"It waits {wording.span(entry.detail.get('delay_ms', 0))} before attempt {entry.attempt} of {name}."
        case Kind.COMPENSATION_OWED:
            return f"{name} is owed."
        case Kind.SAGA_COMPENSATING:
            return "It turns back."
        case Kind.SETTLEMENT_OWED:
            return "Every step is answered. What was held is made final."
        case Kind.LOCK_RELEASED:
            return f"{whom} answers that {name} is final."
        case Kind.SAGA_COMPLETED:
            return "It ends. Every step was answered as done."
        case Kind.SAGA_COMPENSATED:
            undone = any(one.kind is Kind.COMPENSATION_OWED for one in history.entries)
            return f"It ends. {'Every undo was answered as done' if undone else 'No undo was asked for'}."
        case Kind.SAGA_NEEDS_OPERATOR:
            return (
                f"It stops, and cannot go on by itself: {reason}."
                if reason
                else "It stops, and cannot go on by itself."
            )
    return "Nothing moves by itself any more."


def _open(scene: dict[str, Any], said: str, shown: str) -> dict[str, Any]:
    """Return a scene that says nothing of ledgers, and this of its last entry."""
    entry = {**scene["entry"], "say": said} if scene["entry"] else None
    token = {**scene["token"], "tag": "no answer"} if _is_lost(scene["token"]) else scene["token"]
    return {
        **scene,
        "entry": entry,
        "say": shown,
        "token": token,
        "legs": [_leg(leg) for leg in scene["legs"]],
        "facts": {**dict.fromkeys(scene["facts"], NOT_TOLD), "knows": scene["facts"]["knows"]},
        "alert": None,
    }


def _leg(leg: dict[str, Any]) -> dict[str, Any]:
    service = leg["service"]
    heard = {"state": "idle", "word": ""} if service["state"] == "idle" else {}
    return {**leg, "service": {**service, "total": NOT_TOLD, "rows": [], "pending": None, **heard}}


def _is_lost(token: dict[str, Any] | None) -> bool:
    return token is not None and token["lost"] is not None
