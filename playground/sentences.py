"""One plain, exact sentence per journal entry. Pure.

`sentence` needs the entry alone. A fold that knows more (what the service really did, how
many steps are done) passes it as `Known`, and the sentence says it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from playground import hearsay, outcomes, wording
from playground.outcomes import Known
from sagas.entries import Entry, Kind, Lane, Op

NOTHING = Known()


def sentence(entry: Entry, known: Known = NOTHING) -> str:
    """Return what the entry says, in one to three short sentences. Never raises for a sound entry."""
    rule = (hearsay.RULES.get(entry.kind) if entry.lane is Lane.SERVICE else None) or _RULES.get(entry.kind)
    return rule(entry, known) if rule else f"{wording.capital(str(entry.kind).replace('-', ' '))}."


def call_name(entry: Entry) -> str:
    """Return the name of the call as its key has it: a compensation's own, else the step's."""
    tail = entry.key.rpartition(":")[2]
    if entry.op is Op.COMPENSATION:
        return tail if entry.key.count(":") > 1 else f"the undo of {entry.step}"
    return entry.step


def _name(entry: Entry, known: Known) -> str:
    return known.name or call_name(entry) or "the step"


def _title(entry: Entry, known: Known) -> str:
    service = known.service or entry.detail.get("service") or wording.service_of(entry.step)
    return wording.title(str(service)) if service else "The service"


def _started(entry: Entry, known: Known) -> str:
    return f"Order {entry.order} is received."


def _attempt_started(entry: Entry, known: Known) -> str:
    whom, what = _title(entry, known), _name(entry, known)
    if entry.attempt > 1:
        return f"Attempt {entry.attempt}: {whom} is asked for {what} again, with the same key."
    return f"{whom} is asked for {what}."


def _attempt_succeeded(entry: Entry, known: Known) -> str:
    back = entry.op is Op.COMPENSATION
    said = _achieved(entry, known, back)
    if back and known.owed:
        return f"{said} {known.undone} of {known.owed} undone."
    if not back and known.steps:
        return f"{said} {known.done} of {known.steps} done."
    return said


def _achieved(entry: Entry, known: Known, back: bool) -> str:
    answer = entry.detail.get("answer")
    if back and isinstance(answer, Mapping) and answer.get("empty"):
        return f"{_title(entry, known)} never did {entry.step}, so there is nothing to undo there."
    words = wording.STEPS.get(entry.step)
    if words is None:
        return f"{_name(entry, known)} is done."
    text = words.undid if back else words.did
    if "{}" not in text:
        return text
    if not known.amount:
        return f"{_name(entry, known)} is done."
    return text.format(wording.money(known.amount))


def _attempt_failed(entry: Entry, known: Known) -> str:
    status, reason = entry.detail.get("status"), entry.detail.get("reason", "")
    nothing = "This attempt writes nothing." if entry.attempt > 1 else "Nothing is written there."
    if status == 410:
        return f"{_title(entry, known)} turns {_name(entry, known)} away: it has been undone already."
    if entry.detail.get("retryable"):
        return f"{_title(entry, known)} answers {status} to {_name(entry, known)}. {nothing}"
    return f"{_title(entry, known)} refuses {_name(entry, known)}: {reason}. {nothing}"


def _attempt_unknown(entry: Entry, known: Known) -> str:
    who = _title(entry, known)
    if known.orphaned:
        return (
            f"{wording.capital(known.driver)} died before it heard from {who}. "
            f"Whether {_name(entry, known)} was done, it cannot tell."
        )
    if known.did:
        return f"{who} did the work, but its answer is lost. {wording.capital(known.driver)} cannot tell."
    return f"{who} does not answer. Whether {_name(entry, known)} was done, {known.driver} cannot tell."


def _retry_scheduled(entry: Entry, known: Known) -> str:
    wait = wording.span(entry.detail.get("delay_ms", 0))
    who = wording.capital(known.driver)
    return f"{who} waits {wait} before attempt {entry.attempt} of {_name(entry, known)}."


def _lock_acquired(entry: Entry, known: Known) -> str:
    record = entry.detail.get("record")
    return f"{_title(entry, known)} marks {record} PENDING{'' if record == entry.order else f' for {entry.order}'}."


def _lock_denied(entry: Entry, known: Known) -> str:
    record, owner = entry.detail.get("record"), entry.detail.get("owner")
    ends = "waits" if entry.detail.get("waiting") else "is refused"
    return f"{record} is PENDING for {owner}. {entry.order} {ends}."


def _lock_released(entry: Entry, known: Known) -> str:
    return f"{_title(entry, known)} takes the mark off {entry.detail.get('record')}."


def _fenced(entry: Entry, known: Known) -> str:
    return f"A late {_name(entry, known)} reaches {_title(entry, known)}. It has been undone already, so nothing is written."


def _replayed(entry: Entry, known: Known) -> str:
    return f"{_title(entry, known)} has seen this key. It repeats its first answer and writes nothing."


def _compensation_owed(entry: Entry, known: Known) -> str:
    return f"{_name(entry, known)} is owed."


def _settlement_owed(entry: Entry, known: Known) -> str:
    return "Every step is done. From here on nothing is undone."


def _compensating(entry: Entry, known: Known) -> str:
    if not known.steps:
        return "Turning back."
    return (
        f"Turning back. {known.owed} to undo, newest first."
        if known.owed
        else "Turning back. There is nothing to undo."
    )


_ACTS: Mapping[str, str] = {
    "retry": "tells the saga to go on",
    "cancel": "cancels the order",
    "pause": "pauses the run. What is under way ends, and nothing new begins",
    "resume": "lets the run go on",
    "step": "lets the paused run make one move",
}


def _operator_acted(entry: Entry, known: Known) -> str:
    action, who = str(entry.detail.get("action")), entry.detail.get("who") or "A person"
    if action == "resolve":
        evidence = str(entry.detail.get("evidence")).rstrip(". ")
        return f"{who} has done {_name(entry, known)} by hand: {evidence}. The saga goes on."
    if action == "fail":
        return f"{who} waits no longer for {_name(entry, known)}: nobody knows what it did, and it counts as failed."
    if action == "release-lock":
        return f"{who} takes {entry.detail.get('record')} away from {entry.order}, which cannot give it back itself."
    return f"{who} {_ACTS.get(action, f'does {action}')}."


def _crashed(entry: Entry, known: Known) -> str:
    if known.driver not in (wording.ORCHESTRATOR, wording.CALLER):
        return "The relay is down. What was announced waits in the outboxes."
    return f"{wording.capital(known.driver)} is down. What it knew is in the journal."


def _recovered(entry: Entry, known: Known) -> str:
    return "Another worker reads the journal and goes on."


def _effect(entry: Entry, known: Known) -> str:
    service, kind, amount = (entry.detail.get(key) for key in ("service", "kind", "amount"))
    text = wording.ROWS.get((str(service), str(kind)))
    cents = amount if isinstance(amount, int) else 0
    if kind == "release" and not cents:
        return f"{_title(entry, known)} passes {entry.detail.get('record')} on to the next in line."
    if text is None:
        return f"{_title(entry, known)} writes {kind} {wording.signed(str(service), cents)}."
    return text.format(wording.money(abs(cents)))


def _run_finished(entry: Entry, known: Known) -> str:
    return "Nothing moves by itself any more."


_RULES: Mapping[Kind, Callable[[Entry, Known], str]] = {
    Kind.SAGA_STARTED: _started,
    Kind.ATTEMPT_STARTED: _attempt_started,
    Kind.ATTEMPT_SUCCEEDED: _attempt_succeeded,
    Kind.ATTEMPT_FAILED: _attempt_failed,
    Kind.ATTEMPT_UNKNOWN: _attempt_unknown,
    Kind.RETRY_SCHEDULED: _retry_scheduled,
    Kind.LOCK_ACQUIRED: _lock_acquired,
    Kind.LOCK_DENIED: _lock_denied,
    Kind.LOCK_RELEASED: _lock_released,
    Kind.STEP_FENCED: _fenced,
    Kind.REPLAYED: _replayed,
    Kind.COMPENSATION_OWED: _compensation_owed,
    Kind.SETTLEMENT_OWED: _settlement_owed,
    Kind.SAGA_COMPENSATING: _compensating,
    Kind.SAGA_COMPLETED: outcomes.completed,
    Kind.SAGA_COMPENSATED: outcomes.compensated,
    Kind.SAGA_NEEDS_OPERATOR: outcomes.needs_operator,
    Kind.SAGA_ABANDONED: outcomes.abandoned,
    Kind.SAGA_LOST: outcomes.lost,
    Kind.OPERATOR_ACTED: _operator_acted,
    Kind.ORCHESTRATOR_CRASHED: _crashed,
    Kind.ORCHESTRATOR_RECOVERED: _recovered,
    Kind.EFFECT: _effect,
    Kind.RUN_FINISHED: _run_finished,
}
