"""States and words of the stage that follow from one entry or one phase. Pure.

The states are those of VISUAL.md, section 2: idle running done failed unknown compensating
compensated stuck pending skipped.
"""

from __future__ import annotations

from collections.abc import Mapping

from playground import wording
from playground.sentences import call_name
from sagas.entries import Entry, Kind, Op
from sagas.state import Phase

Face = tuple[str, str]  # a state, and the word beside it

ENDS: Mapping[Kind, str] = {
    Kind.SAGA_COMPLETED: "done",
    Kind.SAGA_COMPENSATED: "compensated",
    Kind.SAGA_NEEDS_OPERATOR: "stuck",
    Kind.SAGA_ABANDONED: "failed",
    Kind.SAGA_LOST: "failed",
}

_END_WORDS: Mapping[Kind, str] = {
    Kind.SAGA_COMPLETED: "completed",
    Kind.SAGA_COMPENSATED: "all undone",
    Kind.SAGA_NEEDS_OPERATOR: "needs a human",
    Kind.SAGA_ABANDONED: "abandoned",
    Kind.SAGA_LOST: "lost",
}

_STATES: Mapping[Kind, str] = {
    **ENDS,
    Kind.SAGA_STARTED: "running",
    Kind.ATTEMPT_FAILED: "failed",
    Kind.ATTEMPT_UNKNOWN: "unknown",
    Kind.LOCK_ACQUIRED: "pending",
    Kind.LOCK_DENIED: "pending",
    Kind.LOCK_RELEASED: "done",
    Kind.STEP_FENCED: "skipped",
    Kind.REPLAYED: "done",
    Kind.COMPENSATION_OWED: "compensating",
    Kind.SETTLEMENT_OWED: "done",
    Kind.SAGA_COMPENSATING: "compensating",
    Kind.OPERATOR_ACTED: "running",
    Kind.ORCHESTRATOR_CRASHED: "failed",
    Kind.ORCHESTRATOR_RECOVERED: "running",
    Kind.EVENT_PUBLISHED: "running",
    Kind.EVENT_DROPPED: "failed",
}

_BECAUSE: Mapping[str, str] = {"failed": "failed", "unknown": "unknown", "deadline": "compensating"}

_TWO_WAY: Mapping[Kind, Face] = {  # an action's state, a compensation's state
    Kind.ATTEMPT_STARTED: ("running", "compensating"),
    Kind.ATTEMPT_SUCCEEDED: ("done", "compensated"),
    Kind.EFFECT: ("done", "compensated"),
    Kind.EVENT_HANDLED: ("done", "compensated"),
}

WAITING: Face = ("idle", "waiting")


def working(*, back: bool) -> Face:
    """Return how it looks while a call is made."""
    return ("compensating", "undoing") if back else ("running", "calling")


def ended(kind: Kind) -> Face:
    """Return how it looks at an end; `kind` is one of ENDS."""
    return (ENDS[kind], _END_WORDS[kind])


def who_knows(phase: Phase, driver: str) -> str:
    """Return who knows how the order stands: the fact that tells the acts apart. `driver`: who does on the way."""
    if phase in (Phase.PENDING, Phase.ABANDONED, Phase.LOST):
        return "no one"
    return "on-call engineer" if phase is Phase.NEEDS_OPERATOR else driver


def of_entry(entry: Entry) -> str:
    """Return the state that a journal line carries."""
    if entry.kind in _TWO_WAY:
        there, back = _TWO_WAY[entry.kind]
        return back if entry.op is Op.COMPENSATION else there
    if because := entry.detail.get("because"):
        return _BECAUSE.get(str(because.get("outcome")), "failed")
    return _STATES.get(entry.kind, "idle")


def what(entry: Entry, name: str, *, many: bool) -> str:
    """Return what a journal line is about, in a few words; `many`: it names its order as well."""
    words = [name or (call_name(entry) if entry.step else "")]
    match entry.kind:
        case Kind.EFFECT:
            kind, amount = str(entry.detail.get("kind")), int(entry.detail.get("amount", 0))
            words = [f"{kind} {wording.signed(str(entry.detail.get('service')), amount)}"]
        case Kind.LOCK_ACQUIRED | Kind.LOCK_DENIED | Kind.LOCK_RELEASED:
            words = [str(entry.detail.get("record"))]
        case Kind.RETRY_SCHEDULED:
            words.append(f"in {wording.span(int(entry.detail.get('delay_ms', 0)))}")
        case Kind.EVENT_PUBLISHED | Kind.EVENT_DROPPED | Kind.EVENT_HANDLED:
            words = [wording.event_of(entry)]
        case Kind.SAGA_STARTED:
            return entry.order
        case _ if entry.attempt > 1:
            words.append(f"attempt {entry.attempt}")
    if many and entry.order not in words:
        words.append(entry.order)
    return ", ".join(word for word in words if word)
