"""Sentences for what is said and heard where nobody drives. Pure, and total like `playground.sentences`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from playground import wording
from playground.outcomes import Known
from sagas.entries import Entry, Kind


def _published(entry: Entry, known: Known) -> str:
    detail, event = entry.detail, _event(entry)
    to, because = _names(detail.get("to", ())), dict(detail.get("because") or {})
    goes = f"{event} goes to {to} instead." if to else f"Nobody listens for {event}."
    match detail.get("by"):
        case "watcher":
            return f"The watcher calls the order off: {because.get('reason') or 'it has waited long enough'}."
        case "relay" if because.get("outcome") == "unknown":
            return f"Nobody can tell whether {_answered(entry)} was handled. {goes}"
        case "relay":
            return f"{_answered(entry)} is not handled. {goes}"
        case by:
            who = wording.title(str(by)) if by and by != "shop" else "The shop"
            listen = "listen" if " and " in to else "listens"
            return f"{who} announces {event}. {to or 'Nobody'} {listen} for it."


def _dropped(entry: Entry, known: Known) -> str:
    return f"{_event(entry)} is dropped on its way to {_service(entry, known)}. No one is told."


def _handled(entry: Entry, known: Known) -> str:
    return f"{_service(entry, known)} has handled {_event(entry)}."


def _sent(entry: Entry, known: Known) -> str:
    event, who = _event(entry), _service(entry, known)
    if entry.attempt > 1:
        return f"Attempt {entry.attempt}: {event} is on its way to {who}, with the same key."
    return f"{event} is on its way to {who}."


def _unanswered(entry: Entry, known: Known) -> str:
    event, who = _event(entry), _service(entry, known)
    if known.did:
        return f"{who} did the work, but no one hears that it has handled {event}."
    return f"{who} does not say that it has handled {event}. No one can tell whether it was done."


def _sent_later(entry: Entry, known: Known) -> str:
    wait = wording.span(entry.detail.get("delay_ms", 0))
    return f"{_event(entry)} goes to {_service(entry, known)} again in {wait}."


def _event(entry: Entry) -> str:
    return wording.event_of(entry) or "an event"


def _answered(entry: Entry) -> str:
    """Return the event that this one answers."""
    return str(entry.detail.get("cause", "")).rpartition(":")[2] or "an event"


def _service(entry: Entry, known: Known) -> str:
    name = entry.detail.get("service") or known.service or wording.service_of(entry.step)
    return wording.title(str(name)) if name else "its listener"


def _names(services: Sequence[str]) -> str:
    """Return services in a row: `Inventory`, `Inventory and Orders`, `Inventory, Orders and Payments`."""
    *first, last = [wording.title(service) for service in services] or [""]
    return f"{', '.join(first)} and {last}" if first else last


RULES: Mapping[Kind, Callable[[Entry, Known], str]] = {
    Kind.EVENT_PUBLISHED: _published,
    Kind.EVENT_DROPPED: _dropped,
    Kind.EVENT_HANDLED: _handled,
    Kind.ATTEMPT_STARTED: _sent,
    Kind.ATTEMPT_UNKNOWN: _unanswered,
    Kind.RETRY_SCHEDULED: _sent_later,
}
