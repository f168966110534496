"""The words of choreography: what was said, and what a service does when it hears it.

A service knows the names of events and nothing else: not who says them, not who else
listens, not what comes before or after its own part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sagas.definition import Handler
from sagas.entries import Op
from sagas.tracecontext import event_span, traceparent


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to an order. It happens once, so order and name are its id.

    `service` is in whose outbox it stands; `cause` is the id of the event that it answers.
    `traceparent` is the span in which it was said, "" where that is not known.
    """

    name: str
    order: str
    service: str
    payload: Mapping[str, Any]
    cause: str = ""
    traceparent: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        return event_id(self.order, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a service does when it hears one kind of event, and what it says afterwards.

    `of` is the action that `handler` does, undoes or settles; `op` None is a settlement.
    `says` follows when it is done, `refuses` when it is refused here or on the way here,
    `unanswered` when nobody knows whether it was done. Empty: nothing is said.
    """

    handler: Handler
    of: Handler
    op: Op | None
    says: str = ""
    refuses: str = ""
    unanswered: str = ""

    @property
    def name(self) -> str:
        """The call's name, as its key has it."""
        return dashed(self.handler)

    @property
    def step(self) -> str:
        """The name of the action that this is about."""
        return dashed(self.of)


Subscriptions = Mapping[str, Subscription]


def event_id(order: str, name: str) -> str:
    """Return the id of an event, unique in its world."""
    return f"{order}:{name}"


def in_trace(event: Event, trace: str) -> Event:
    """Return an event with the span in which it was said, as part of a trace."""
    return replace(event, traceparent=traceparent(trace, event_span(trace, event.id)))


def acts(handler: Handler, *, says: str, refuses: str, unanswered: str) -> Subscription:
    """Return a subscription that does this service's part."""
    return Subscription(handler=handler, of=handler, op=Op.ACTION, says=says, refuses=refuses, unanswered=unanswered)


def undoes(handler: Handler, *, of: Handler, says: str) -> Subscription:
    """Return a subscription that undoes this service's part."""
    return Subscription(handler=handler, of=of, op=Op.COMPENSATION, says=says)


def settles(handler: Handler, *, of: Handler) -> Subscription:
    """Return a subscription that makes this service's part final."""
    return Subscription(handler=handler, of=of, op=None)


def dashed(handler: Handler) -> str:
    """Return the name of what a handler does, as steps and keys have it."""
    return str(getattr(handler, "__name__", "")).replace("_", "-")
