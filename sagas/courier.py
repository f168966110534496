"""The wire between a relay and the services: the same faults, with events for calls.

A delivery of an event is an attempt like any other; what a service does with it is
`sagas.services.boxes.consume`. Here are also the ways to the outboxes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

from sagas.clock import Clock
from sagas.decider import Call as Attempt
from sagas.decider import key_of
from sagas.definition import Handler, SagaDefinition
from sagas.entries import Entry, Lane, Op
from sagas.mail import Mail
from sagas.network import Wire, at_work, drops, index_of
from sagas.plan import RunPlan
from sagas.reports import facts_of, outcome_of
from sagas.schedule import Schedule
from sagas.services import boxes
from sagas.services.base import Answer, Call, Service, Verdict
from sagas.services.events import Event, Subscription, event_id, in_trace
from sagas.state import SagaState

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel(Attempt):
    """One attempt to deliver an event to a service. A settlement has the number 0."""

    event: Event
    service: str
    subscription: Subscription


class Courier(Wire):
    """The wire of one run in which nobody drives. `mail` says what became of it so far."""

    def __init__(
        self,
        plan: RunPlan,
        definition: SagaDefinition,
        services: Mapping[str, Service],
        clock: Clock,
        world: str,
        observe: Callable[[list[Entry]], None],
        schedule: Schedule,
        mail: Mail,
    ) -> None:
        super().__init__(plan, definition, services, clock, world, observe, schedule)
        self._boxes, self._mail = services, mail

    def parcel(self, event: Event, service: str, attempt: int) -> Parcel:
        """Return the attempt of this number at a delivery."""
        subscription = self._mail.subscription(event, service)
        if subscription.op is None:
            key = key_of(event.order, f"settle-{service}")
        else:
            key = key_of(event.order, subscription.name, self._plan.key_scope)
        return Parcel(
            step=subscription.step,
            op=subscription.op or Op.ACTION,
            attempt=attempt,
            key=key,
            action_key=key_of(event.order, subscription.step),
            timeout_ms=self._plan.timeout_ms,
            event=event,
            service=service,
            subscription=subscription,
        )

    def is_lost(self, saga: str, event: Event, service: str) -> bool:
        """Return whether a published event that nobody has tried to deliver yet gets lost on its way to a service."""
        subscription = self._mail.subscription(event, service)
        if subscription.op is None or self._mail.calls(event, service).attempts:
            return False
        number = self._mail.nth(event, service)
        return drops(self._plan.faults, subscription.step, subscription.op, number, index_of(saga))

    async def attempt(self, state: SagaState, attempt: Attempt, seen: Any = None) -> Entry:
        """Make one attempt; return the entry that says how it ended, as far as anybody heard."""
        assert isinstance(attempt, Parcel)
        outcome = await super().attempt(state, attempt, seen)
        detail = {**outcome.detail, "event": attempt.event.name, "service": attempt.service}
        return replace(outcome, lane=Lane.SERVICE, detail=detail)

    async def tell(self, state: SagaState, parcel: Parcel) -> Answer | None:
        """Return what a service says to a settlement, or None for no answer: it has to be told again."""
        await self._travel(self._plan.latency_ms // 2)
        try:
            answer = await self._consume(state, parcel)
        except Exception:
            logger.exception("wire.settlement-failed", extra=self._where(state, parcel))
            return None
        self._observe(facts_of(state, parcel, parcel.service, answer))
        await self._travel(self._plan.latency_ms // 2)
        return None if answer.verdict is Verdict.CONFLICT else answer

    def has_outbox(self, service: str) -> bool:
        """Return whether this is a service; the shop front and the watcher have no database of their own."""
        return service in self._boxes

    async def said(self, service: str, cause: str | None = None) -> list[Event]:
        """Return what waits in a service's outbox; with `cause` only the answers to that event."""
        return await self._visit(service, boxes.unpublished, self._boxes[service], self._world, cause)

    async def send_back(self, event: Event) -> None:
        """Put an event into the outbox of the service whose own event came to nothing."""
        service = self._boxes[event.service]
        await self._visit(service.name, boxes.put, service, self._world, self._in_trace(event), said_by="relay")

    def _in_trace(self, event: Event) -> Event:
        """Return an event with the span in which it was said: the shop front and a journal do not tell of it."""
        return event if event.traceparent else in_trace(event, self._trace)

    async def take(self, service: str, events: Iterable[str]) -> None:
        """Mark events as taken from a service's outbox."""
        await self._visit(service, boxes.mark_published, self._boxes[service], self._world, list(events))

    async def _deliver(self, state: SagaState, attempt: Attempt, seen: Any = None, *, reported: bool = True) -> Entry:
        assert isinstance(attempt, Parcel)
        try:
            answer = await self._consume(state, attempt, seen)
        except Exception as error:
            return self._broken(state, attempt, error)
        if reported:
            self._observe(facts_of(state, attempt, attempt.service, answer))
        outcome = outcome_of(state, attempt, attempt.service, answer)
        return replace(outcome, detail={**outcome.detail, "verdict": str(answer.verdict)})

    async def _consume(self, state: SagaState, parcel: Parcel, seen: Any = None) -> Answer:
        service, event = self._boxes[parcel.service], self._in_trace(parcel.event)
        call: Call = replace(self._call(state, parcel, parcel.subscription.op), body=event.payload)
        return await self._visit(service.name, boxes.consume, service, parcel.subscription, event, call, seen)

    async def _visit(self, service: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await at_work(self._boxes[service].executor, work, *args, **kwargs)

    def _handler(self, attempt: Attempt) -> Handler:
        assert isinstance(attempt, Parcel)
        return attempt.subscription.handler

    def _again(self, started: Entry) -> Attempt:
        event = self._mail.published[event_id(started.order, started.detail["event"])]
        return self.parcel(event, started.detail["service"], started.attempt)
