"""Inbox and outbox: what a service hears, does and says is one transaction of its own database.

The inbox knows every event that was handled: a second delivery has no second effect, says
nothing new, and gets the answer of the first. The outbox holds what is to be said until the
relay has taken it, so that nothing is said that did not happen, and nothing that happened
goes unsaid. Source: Richardson, "Microservices Patterns", chapter 3.3, transactional outbox;
Helland, "Life beyond Distributed Transactions", 2007.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sagas import tracecontext
from sagas.databases import atomic, mend
from sagas.services import answers, sql
from sagas.services.base import Service
from sagas.services.calls import Answer, Call, Verdict
from sagas.services.events import Event, Subscription, in_trace

HANDLED = (Verdict.OK, Verdict.REFUSED)  # a fence, a place in a line and a conflict leave the event unhandled


def consume(service: Service, subscription: Subscription, event: Event, call: Call, seen: Any = None) -> Answer:
    """Return what came of one delivery of one event. Safe from any thread.

    Inbox row, effect, stored answer and outbox row are one transaction: if any of them
    cannot be written, the exception is the caller's and nothing has happened. `seen` is what
    `Service.look` returned before. With `call.idempotency` off the inbox keeps nothing.
    """
    mend(service.name)
    return service.serve(
        subscription.handler, call, partial(_consume, service, subscription, event, call, seen), event.traceparent
    )


def _consume(service: Service, subscription: Subscription, event: Event, call: Call, seen: Any) -> Answer:
    with atomic(service.name):
        if call.idempotency and (known := _recall(service, call.world, event)):
            return known
        answer = service.carry_out(subscription.handler, call, seen)
        if answer.verdict not in HANDLED:
            return answer
        if call.idempotency:
            _remember(service, call.world, event, answer)
        word = subscription.says if answer.verdict is Verdict.OK else subscription.refuses
        if word and not answer.replayed:
            said = Event(name=word, order=event.order, service=service.name, payload=event.payload, cause=event.id)
            put(service, call.world, said_within(call.traceparent, said), said_by=service.name)
        return answer


def said_within(traceparent: str, event: Event) -> Event:
    """Return an event that carries on the trace of the call by which it came to be said."""
    parent = tracecontext.parse(traceparent)
    return in_trace(event, parent.trace) if parent else event


def put(service: Service, world: str, event: Event, *, said_by: str) -> None:
    """Add an event to a service's outbox; one that is there already is left as it is."""
    row = service.outbox(
        world=world,
        event=event.id,
        name=event.name,
        order=event.order,
        payload=dict(event.payload),
        cause=event.cause,
        said_by=said_by,
        traceparent=event.traceparent,
    )
    service.outbox._default_manager.bulk_create([row], ignore_conflicts=True)


def unpublished(service: Service, world: str, cause: str | None = None) -> list[Event]:
    """Return the events that nobody has taken yet, oldest first; with `cause` only the answers to that event."""
    waiting = service.outbox._default_manager.filter(world=world, published=False).order_by("pk")
    if cause is not None:
        waiting = waiting.filter(cause=cause)
    return [
        Event(
            name=row.name,
            order=row.order,
            service=service.name,
            payload=row.payload,
            cause=row.cause,
            traceparent=row.traceparent,
        )
        for row in waiting
    ]


def mark_published(service: Service, world: str, events: Iterable[str]) -> None:
    """Mark events as taken by the relay, by their ids."""
    service.outbox._default_manager.filter(world=world, event__in=list(events)).update(published=True)


def _recall(service: Service, world: str, event: Event) -> Answer | None:
    found = sql.run(
        service.inbox,
        "SELECT verdict, status, body FROM {table} WHERE world = %s AND event = %s",
        [world, event.id],
    )
    return answers.again(*found[0]) if found else None


def _remember(service: Service, world: str, event: Event, answer: Answer) -> None:
    sql.run(
        service.inbox,
        "INSERT INTO {table} (world, event, verdict, status, body) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [world, event.id, str(answer.verdict), answer.status, answer.body],
    )
