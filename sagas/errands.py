"""One delivery of one event to one service: tried, tried again, and what follows when it is over.

Each attempt is committed before it is made, within the run's budgets. A refusal that is
spent comes back as the subscriber's own failure event, from the outbox of the service whose
event could not be handled; an outcome that nobody knows as an event to the very service that
may have acted. What a service said is taken once it has acknowledged the event that made it
say so: of an acknowledgement that was lost, nobody has heard. A compensation that is spent
is not heard of again, and the order stands where it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from sagas.baton import Baton
from sagas.budgets import settle_wait_ms
from sagas.clock import Clock
from sagas.courier import Courier
from sagas.decider import delay_ms
from sagas.definition import Retry
from sagas.entries import Entry, Kind, Op
from sagas.gate import Gate
from sagas.mail import Fate, Mail, delivered
from sagas.plan import RunPlan
from sagas.schedule import Schedule
from sagas.services.events import Event
from sagas.tape import Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a relay works with. `sagas` maps orders to sagas, `lock_step` is what the orders compete for.

    Who waits for `clock`, `schedule` or `gate` lays the `baton` down meanwhile.
    """

    plan: RunPlan
    sagas: Mapping[str, str]
    mail: Mail
    courier: Courier
    tape: Tape
    clock: Clock
    schedule: Schedule
    gate: Gate
    baton: Baton
    lock_step: str

    def put(self, entries: Sequence[Entry]) -> None:
        """Place entries in the journal and learn from them."""
        now = self.clock.now()
        self.tape.put(entries)
        for entry in entries:
            self.mail.add(entry.placed(0, now))
        self.schedule.changed()

    async def may_deliver(self, who: Hashable) -> None:
        """Return when a delivery may begin: at once, unless the run is paused."""
        if self.gate.is_shut:
            async with self.baton.laid_down():
                await self.gate.passed(who)


class Errand:
    """One delivery. `say(service, events, by=…, because=…)` publishes what stands in a service's outbox."""

    def __init__(self, desk: Desk, event: Event, service: str, say: Callable[..., None]) -> None:
        self._desk, self.event, self.service, self._say = desk, event, service, say
        self._subscription = desk.mail.subscription(event, service)
        self._saga = desk.sagas[event.order]
        self.nudged = asyncio.Event()  # set when there is a reason to ask again

    async def run(self) -> bool:
        """Return True when the delivery is over, False when it waits in line for a lock."""
        if self._subscription.op is None:
            await self._settle()
            return True
        mail, plan = self._desk.mail, self._desk.plan
        retry = plan.retry if self._subscription.op is Op.ACTION else plan.compensation_retry
        while (fate := mail.fate(self.event, self.service, retry)) is None:
            await self._back_off(retry)
            await self._attempt()
            if mail.calls(self.event, self.service).parked:
                return False
        if fate is Fate.ANSWERED:
            await self._handled(mail.verdict(self.event, self.service))
        else:
            await self._return(self._subscription.refuses if fate is Fate.REFUSED else self._subscription.unanswered)
        return True

    async def _attempt(self) -> None:
        desk, op = self._desk, self._subscription.op
        await desk.may_deliver(self)
        parcel = desk.courier.parcel(self.event, self.service, self._upcoming())
        desk.put([self._entry(Kind.ATTEMPT_STARTED, parcel.key)])
        await desk.tape.commit()
        state = desk.tape.states[self._saga]
        # Who has not asked has nothing that the others wait to see held.
        if op is Op.COMPENSATION and parcel.step == desk.lock_step and state.step(parcel.step).action.attempts:
            await desk.schedule.let_go()
        desk.put([await desk.courier.attempt(state, parcel)])
        if op is Op.COMPENSATION and desk.mail.calls(self.event, self.service).ok:
            await desk.tape.commit()
            await desk.courier.deliver_held(desk.tape.states[self._saga], ended=False)

    async def _back_off(self, retry: Retry) -> None:
        desk, calls = self._desk, self._desk.mail.calls(self.event, self.service)
        if not calls.failures or calls.parked:
            return
        if calls.due_at is None:
            upcoming, now, seed = self._upcoming(), desk.clock.now(), desk.plan.seed
            step, op = self._subscription.step, self._subscription.op or Op.ACTION
            delay = delay_ms(retry, calls.failures, seed, self.event.order, step, op, upcoming)
            key = desk.courier.parcel(self.event, self.service, upcoming).key
            desk.put([self._entry(Kind.RETRY_SCHEDULED, key, delay_ms=delay, due_at=now + delay)])
            desk.tape.submit()
        due = desk.mail.calls(self.event, self.service).due_at or 0
        if (wait := due - desk.clock.now()) > 0:
            await desk.clock.sleep(wait)

    async def _settle(self) -> None:
        """Tell the service until it answers: what it hears is true, so there is nothing to refuse or to undo."""
        desk = self._desk
        await desk.tape.commit()
        await desk.schedule.let_go()
        parcel = desk.courier.parcel(self.event, self.service, 0)
        await desk.may_deliver(self)
        for unanswered in count():
            answer = await desk.courier.tell(desk.tape.states[self._saga], parcel)
            if answer is not None:
                await self._handled(str(answer.verdict))
                return
            await desk.clock.sleep(settle_wait_ms(unanswered))
            await desk.may_deliver(self)

    async def _handled(self, verdict: str) -> None:
        """The service is done with the event: take what it said."""
        desk, event = self._desk, self.event
        said = await desk.courier.said(self.service, event.id) if verdict in ("ok", "refused") else []
        desk.put([delivered(Kind.EVENT_HANDLED, self._saga, event, self.service, self._subscription, verdict=verdict)])
        self._say(self.service, said, by=self.service, because=desk.mail.because(event, self.service))

    async def _return(self, name: str) -> None:
        """The budget is spent: the event goes back as another one, unless there is nobody to tell."""
        if not name:
            return
        desk, event = self._desk, self.event
        letter = Event(name=name, order=event.order, service=event.service, payload=event.payload, cause=event.id)
        said = [letter]
        if desk.courier.has_outbox(event.service):
            await desk.courier.send_back(letter)
            said = await desk.courier.said(event.service, event.id)
        self._say(event.service, said, by="relay", because=desk.mail.because(event, self.service))

    def _upcoming(self) -> int:
        calls = self._desk.tape.states[self._saga].calls(self._subscription.step, self._subscription.op or Op.ACTION)
        return calls.attempts + 1

    def _entry(self, kind: Kind, key: str, **detail: Any) -> Entry:
        entry = delivered(kind, self._saga, self.event, self.service, self._subscription, **detail)
        return replace(entry, attempt=self._upcoming(), key=key)
