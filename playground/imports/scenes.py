"""How an imported history looks on the stage: the ordinary fold, without what only services could say. Pure.

A history has no books. So whatever the stage says of a ledger is left open here, and what it says of an entry
is said of the answer that was heard, never of what was done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from playground import wording
from playground.imports.history import MAX_EVENTS, History
from playground.imports.scribe import SAGA
from playground.replay.telling import Telling
from playground.replay.trace import Trace
from playground.scene import Fold
from sagas.entries import Entry, Kind, Op
from sagas.plan import RunPlan

NOT_TOLD = "\u2013"  # in the place of a number that a history does not have
PLAN = RunPlan(latency_ms=500)  # a token's way on the wire takes a quarter of a second

ENDS = (Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_NEEDS_OPERATOR)

OF_A_CALL = (
    *(Kind.ATTEMPT_STARTED, Kind.ATTEMPT_SUCCEEDED, Kind.ATTEMPT_FAILED, Kind.ATTEMPT_UNKNOWN),
    *(Kind.RETRY_SCHEDULED, Kind.LOCK_RELEASED, Kind.COMPENSATION_OWED),
)
OF_A_SAGA: Mapping[Kind, str] = {
    Kind.SAGA_COMPENSATING: "It turns back.",
    Kind.SETTLEMENT_OWED: "From here on what was held is made final.",
    Kind.SAGA_COMPLETED: "It ends, as a success.",
    Kind.RUN_FINISHED: "Nothing more is told.",
}

Frame = dict[str, Any]


def frames(history: History, after: int = 0, limit: int = MAX_EVENTS) -> Iterator[Frame]:
    """Yield `{"entry", "scene"}` for at most `limit` entries after `after`, as a run's own scenes are."""
    for entry, fold, said, shown in _told(history):
        if after < entry.seq <= after + limit:
            yield {"entry": entry.to_json(), "scene": _open(fold.scene(), said, shown)}


def page(history: History, at: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the journal's lines, and the scene after entry `at`."""
    lines: list[dict[str, Any]] = []
    scene: dict[str, Any] = {}
    for entry, fold, said, shown in _told(history):
        lines.append({**(fold.line or {}), "say": said})
        if entry.seq == at:
            scene = _open(fold.scene(), said, shown)
    return lines, scene


def _told(history: History) -> Iterator[tuple[Entry, Fold, str, str]]:
    """Yield each entry, the fold after it, what it says, and what the stage says then: at an end the outcome stays."""
    fold, outcome = Fold(PLAN, history.definition, SAGA), ""
    for entry in history.entries:
        fold.add(entry)
        said = sentence(entry, history)
        outcome = said if entry.kind in ENDS else outcome
        yield entry, fold, said, outcome or said


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
    if step is not None and entry.kind in OF_A_CALL:
        return _of_a_call(entry, wording.title(step.service), step.undo if entry.op is Op.COMPENSATION else step.name)
    reason = entry.detail.get("reason")
    match entry.kind:
        case Kind.SAGA_STARTED:
            return f"{history.title} begins with {entry.order}."
        case Kind.SAGA_COMPENSATED:
            undone = any(one.kind is Kind.COMPENSATION_OWED for one in history.entries)
            return f"It ends. {'Every undo was answered as done' if undone else 'No undo was asked for'}."
        case Kind.SAGA_NEEDS_OPERATOR:
            return f"It stops, and cannot go on by itself{f': {reason}' if reason else ''}."
    return OF_A_SAGA[entry.kind]


def _of_a_call(entry: Entry, whom: str, name: str) -> str:
    reason, number = entry.detail.get("reason", ""), entry.attempt
    match entry.kind:
        case Kind.ATTEMPT_STARTED:
            return f"{f'Attempt {number}: ' if number > 1 else ''}{whom} is asked for {name}."
        case Kind.ATTEMPT_SUCCEEDED:
            return f"{name} is answered as done."
        case Kind.ATTEMPT_FAILED:
            return f"{name} is answered with a no: {reason}."
        case Kind.ATTEMPT_UNKNOWN:
            return f"{name} has no answer that says whether it was done: {reason}."
        case Kind.RETRY_SCHEDULED:
            return f"It waits {wording.span(entry.detail.get('delay_ms', 0))} before attempt {number} of {name}."
        case Kind.LOCK_RELEASED:
            return f"{whom} answers that {name} is final."
    return f"{name} is owed."


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
