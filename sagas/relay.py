"""The relay: it carries what stands in outboxes to whoever listens, and decides nothing.

Of one order, a service gets events one after the other, in the order in which they were said;
apart from that, everything goes on at once. All that a relay knows is in the journal and in
the outboxes, so another one can go on from there.
Source: Richardson, "Microservices Patterns", chapter 3.3, polling publisher.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from sagas.baton import Baton
from sagas.clock import cancel_and_wait, spawn
from sagas.entries import Kind
from sagas.errands import Desk, Errand
from sagas.mail import delivered, published
from sagas.services.events import Event


class Relay:
    """Carries the events of one run.

    `on_idle(order)` is awaited whenever nothing of an order is under way any more, `hear(event)`
    called for every event that is said.
    """

    def __init__(
        self,
        desk: Desk,
        baton: Baton,
        on_idle: Callable[[str], Awaitable[None]],
        hear: Callable[[Event], None],
    ) -> None:
        self._desk, self._baton, self._on_idle, self._hear = desk, baton, on_idle, hear
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: Counter[str] = Counter()
        self._lines: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._errands: set[Errand] = set()
        self._in_line: set[Errand] = set()
        self._news = asyncio.Event()

    def publish(self, event: Event, *, by: str, because: Mapping[str, Any] | None = None) -> None:
        """Say an event to everyone who listens; one that was said before is passed over."""
        desk = self._desk
        if event.id in desk.mail.published:
            return
        saga, listeners = desk.sagas[event.order], desk.mail.listeners(event.name)
        desk.put([published(saga, event, by=by, to=listeners, because=because)])
        self._hear(event)
        for service in listeners:
            self._send(event, service)

    async def resume(self, orders: Collection[str]) -> None:
        """Go on with these orders where the journal and the outboxes were left."""
        desk = self._desk
        # First all that stands in outboxes: an order must not look idle while one of them is unread.
        said = {service: await desk.courier.said(service) for service in desk.mail.services}
        for event in list(desk.mail.published.values()):
            for service in desk.mail.listeners(event.name):
                if event.order in orders and not desk.mail.is_closed(event, service):
                    self._send(event, service)
        for service, waiting in said.items():
            for event in waiting:
                cause = desk.mail.published.get(event.cause)
                if cause is not None and desk.mail.is_closed(cause, service):
                    self._say(service, [event], by=service, because=desk.mail.because(cause, service))

    def is_idle(self, order: str) -> bool:
        """Return whether nothing of an order is under way."""
        return not self._under_way[order]

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something beside the deliveries; `work` does not return before it is done."""
        self._tasks.add(spawn(work, name))
        self._news.set()

    async def work(self) -> None:
        """Return when nothing is under way any more."""
        while self._tasks:
            if len(self._tasks) == sum(not errand.nudged.is_set() for errand in self._in_line):
                # Everyone waits for a record that nobody is left to give back.
                await self._leave_line()
                return
            self._news.clear()
            news = spawn(self._news.wait(), "news")
            done, _ = await asyncio.wait({news, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            await cancel_and_wait(news)
            self._tasks -= done
            for task in done - {news}:
                task.result()

    def nudge(self, service: str, order: str = "") -> None:
        """Let those who wait in a service's line ask again: all, or one order."""
        for errand in self._errands:
            if errand.service == service and order in ("", errand.event.order):
                errand.nudged.set()

    async def close(self) -> None:
        """Forget what is under way: it stands in the journal and in the outboxes."""
        await cancel_and_wait(*self._tasks)

    def _send(self, event: Event, service: str) -> None:
        """Have an event delivered, unless it gets lost on the way."""
        desk, saga = self._desk, self._desk.sagas[event.order]
        if desk.courier.is_lost(saga, event, service):
            subscription = desk.mail.subscription(event, service)
            desk.put([delivered(Kind.EVENT_DROPPED, saga, event, service, subscription)])
            return
        self._under_way[event.order] += 1
        errand = Errand(self._desk, event, service, self._say)
        self._tasks.add(spawn(self._carry(errand), f"{event.id} to {service}"))

    async def _carry(self, errand: Errand) -> None:
        order, service = errand.event.order, errand.service
        self._errands.add(errand)
        while True:
            async with self._lines[order, service], self._baton:
                # A release while the answer is on its way counts: whoever is told to wait may ask at once.
                errand.nudged.clear()
                if await errand.run():
                    self._errands.discard(errand)
                    self.nudge(service, order)
                    self._under_way[order] -= 1
                    if self.is_idle(order):
                        await self._on_idle(order)
                    return
            self._in_line.add(errand)
            self._news.set()
            await errand.nudged.wait()
            self._in_line.discard(errand)

    async def _leave_line(self) -> None:
        orders = sorted({errand.event.order for errand in self._in_line})
        await cancel_and_wait(*self._tasks)
        self._tasks.clear()
        for order in orders:
            self._under_way[order] = 0
            await self._on_idle(order)

    def _say(self, service: str, events: Sequence[Event], *, by: str, because: Mapping[str, Any] | None) -> None:
        """Publish what stands in an outbox, and mark it as taken once that is durable."""
        for event in events:
            self.publish(event, by=by, because=because)
        if events and self._desk.courier.has_outbox(service):
            self.beside(self._take(service, [event.id for event in events]), f"take from {service}")

    async def _take(self, service: str, events: Sequence[str]) -> None:
        await self._desk.tape.commit()
        await self._desk.courier.take(service, events)
