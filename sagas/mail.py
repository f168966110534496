"""The mail of one run: what its journal says of events and their deliveries. Pure.

A relay that takes over a run knows from here what was said, who has handled it, and how often
each delivery was tried. Budgets are per delivery, numbers of attempts per step and direction.

What `detail` holds:

    event-published   event, service (in whose outbox), by, to, cause, and `because` where it
                      tells of a failure: step, op, outcome, reason
    event-dropped     event, service (which never hears of it)
    event-handled     event, service, verdict; `op` None is a settlement
    attempt-*         event, service; an answer of the service itself has a verdict
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sagas.definition import Retry
from sagas.entries import Entry, Kind, Lane, Op
from sagas.services.events import Event, Subscription, Subscriptions, event_id
from sagas.state import Calls, SagaState, evolve

Address = tuple[str, str]  # an event's id, and the service that it goes to

ANSWERS = ("ok", "refused", "fenced")  # verdicts with which a service is done with an event


class Fate(StrEnum):
    """How a delivery ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class Mail:
    """A fold of the entries of one run. `subscriptions` says who listens to what."""

    def __init__(self, subscriptions: Mapping[str, Subscriptions]) -> None:
        self.published: dict[str, Event] = {}
        self.heard_at: dict[str, int] = {}  # by order, the moment of its last event, in milliseconds
        self._subscriptions = subscriptions
        self._payloads: dict[str, Mapping[str, Any]] = {}
        self._closed: set[Address] = set()
        self._calls: dict[Address, SagaState] = {}
        self._verdicts: dict[Address, str] = {}
        self._open: dict[tuple[str, str, Op | None, int], Address] = {}

    def add(self, entry: Entry) -> None:
        """Take the next entry of the journal."""
        match entry.kind:
            case Kind.SAGA_STARTED:
                self._payloads[entry.order] = entry.detail["payload"]
            case Kind.EVENT_PUBLISHED:
                self._publish(entry)
            case Kind.EVENT_DROPPED | Kind.EVENT_HANDLED:
                self._closed.add(_address(entry))
            case Kind.ATTEMPT_STARTED | Kind.RETRY_SCHEDULED:
                self._open[_call(entry)] = _address(entry)
                self._fold(_address(entry), entry)
            case Kind.ATTEMPT_SUCCEEDED | Kind.ATTEMPT_FAILED | Kind.ATTEMPT_UNKNOWN:
                self._hear(entry)
            case Kind.LOCK_DENIED if entry.detail["waiting"]:
                self._hear(entry)

    @property
    def services(self) -> list[str]:
        """The services that listen to anything."""
        return list(self._subscriptions)

    def listeners(self, name: str) -> list[str]:
        """Return the services that listen to an event of this name."""
        return [service for service, table in self._subscriptions.items() if name in table]

    def subscription(self, event: Event, service: str) -> Subscription:
        """Return what a service does when it hears this event."""
        return self._subscriptions[service][event.name]

    def payload(self, order: str) -> Mapping[str, Any]:
        """Return what an order is about."""
        return self._payloads[order]

    def is_closed(self, event: Event, service: str) -> bool:
        """Return whether a service has handled an event, or will never hear of it."""
        return (event.id, service) in self._closed

    def calls(self, event: Event, service: str) -> Calls:
        """Return what is known of the attempts at one delivery."""
        subscription = self.subscription(event, service)
        state = self._calls.get((event.id, service), _NEW)
        return state.calls(subscription.step, subscription.op or Op.ACTION)

    def fate(self, event: Event, service: str, retry: Retry) -> Fate | None:
        """Return how a delivery ended, or None while it may be tried again. Unknown is sticky."""
        calls = self.calls(event, service)
        answered = self.verdict(event, service) in ANSWERS
        if calls.ok or (calls.refused and answered and not calls.unknown):
            return Fate.ANSWERED
        if calls.refused or calls.failures >= retry.max_attempts:
            return Fate.UNANSWERED if calls.unknown else Fate.REFUSED
        return None

    def verdict(self, event: Event, service: str) -> str:
        """Return what the service said at the last attempt, or "" for nothing that was heard."""
        return self._verdicts.get((event.id, service), "")

    def because(self, event: Event, service: str) -> dict[str, Any] | None:
        """Return why a delivery failed, as the cause of a saga; None for one that did not, or that undoes."""
        subscription, calls = self.subscription(event, service), self.calls(event, service)
        if subscription.op is not Op.ACTION or calls.ok or not calls.failures:
            return None
        outcome = "unknown" if calls.unknown else "failed"
        return {"step": subscription.step, "op": str(Op.ACTION), "outcome": outcome, "reason": calls.reason}

    def nth(self, event: Event, service: str) -> int:
        """Return the how many-th event this is of those that were to start the same step in the same direction."""
        meant = self.subscription(event, service)
        names = [e.name for e in self.published.values() if e.order == event.order]
        table = self._subscriptions[service]
        alike = [n for n in names if n in table and (table[n].step, table[n].op) == (meant.step, meant.op)]
        return alike.index(event.name) + 1

    def _publish(self, entry: Entry) -> None:
        detail, order = entry.detail, entry.order
        event = Event(
            name=detail["event"],
            order=order,
            service=detail["service"],
            payload=self._payloads[order],
            cause=detail["cause"],
        )
        self.published[event.id] = event
        self.heard_at[order] = entry.at

    def _hear(self, entry: Entry) -> None:
        address = self._open[_call(entry)]
        self._verdicts[address] = entry.detail.get("verdict", "")
        self._fold(address, entry)

    def _fold(self, address: Address, entry: Entry) -> None:
        self._calls[address] = evolve(self._calls.get(address, _NEW), replace(entry, lane=Lane.OBSERVER))


_NEW = SagaState()


def published(
    saga: str, event: Event, *, by: str, to: Sequence[str], because: Mapping[str, Any] | None = None
) -> Entry:
    """Return the entry of an event that the relay has taken."""
    detail: dict[str, Any] = {
        "event": event.name,
        "service": event.service,
        "by": by,
        "to": list(to),
        "cause": event.cause,
    }
    if because is not None:
        detail["because"] = dict(because)
    return Entry(
        kind=Kind.EVENT_PUBLISHED, lane=Lane.SERVICE, saga=saga, order=event.order, key=event.id, detail=detail
    )


def delivered(kind: Kind, saga: str, event: Event, service: str, subscription: Subscription, **detail: Any) -> Entry:
    """Return the entry of how an event came to a subscriber, or did not."""
    return Entry(
        kind=kind,
        lane=Lane.SERVICE,
        saga=saga,
        order=event.order,
        step=subscription.step,
        op=subscription.op,
        key=event.id,
        detail={"event": event.name, "service": service, **detail},
    )


def _address(entry: Entry) -> Address:
    return event_id(entry.order, entry.detail["event"]), entry.detail["service"]


def _call(entry: Entry) -> tuple[str, str, Op | None, int]:
    return entry.saga, entry.step, entry.op, entry.attempt
