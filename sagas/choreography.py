"""Mode `choreography`: nobody drives. Services react to each other's events, and an onlooker keeps the journal.

The shop front says `order-placed` for every order of a run. It and the watcher have no
database of their own: what they say stands in the run's journal, which is their outbox. What
the services say stands in theirs. When outboxes and inboxes are empty the run is finished, and
an order that is half done by then is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from sagas import catalog
from sagas.baton import Baton, BatonClock, BatonSchedule
from sagas.clerk import Clerk
from sagas.courier import Courier
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.errands import Desk
from sagas.gate import Gate
from sagas.leases import Lease
from sagas.mail import Mail
from sagas.models import Command
from sagas.observer import first_undone, standing, verdict, witness
from sagas.orchestrator import Ports
from sagas.pausing import pause_after
from sagas.recovery import Loaded, first_entries, late_starts, ledger_rows, missing_effects, recovery_entries
from sagas.relay import Relay
from sagas.schedule import Rendezvous, Schedule
from sagas.services.base import Row, Service
from sagas.services.events import Event
from sagas.state import AT_REST
from sagas.tape import Tape, fold
from sagas.watcher import TIMED_OUT, Watcher

PLACED = "order-placed"


class Driver:
    """Relays one run's events from wherever its journal ends until nothing is under way.

    `is_idle` as of `sagas.orchestrator.Driver`; a relay that waits counts as at work.
    """

    is_idle = False

    def __init__(self, ports: Ports, lease: Lease, loaded: Loaded, definition: SagaDefinition) -> None:
        self._ports, self._lease, self._loaded, self._definition = ports, lease, loaded, definition
        states = fold(loaded.entries, loaded.sagas, witness)
        last = loaded.entries[-1].seq if loaded.entries else 0
        self.tape = Tape(ports.journal, lease, ports.clock, definition, states, last, witness)
        self._sagas = {order: saga for saga, order in loaded.sagas.items()}
        self._effects = [entry for entry in loaded.entries if entry.kind is Kind.EFFECT]
        self._gate = Gate(pause_after(loaded.entries))
        self._clerk = Clerk(definition, self.tape, self._gate, loaded.entries)
        self._has_begun = False
        self._baton = Baton(is_needed=not loaded.plan.latency_ms)
        self._desk = self._make_desk(BatonClock(ports.clock, self._baton))
        self._watcher = Watcher(loaded.plan.watcher_ms, ports.clock, definition.name)
        self._relay = Relay(self._desk, self._baton, self._on_idle, self._watcher.hear)

    def _make_desk(self, clock: BatonClock) -> Desk:
        ports, loaded, definition = self._ports, self._loaded, self._definition
        mail = Mail(ports.subscriptions or catalog.subscriptions(definition.name))
        lock_step = definition.contested.name if definition.contested else ""
        schedule = Schedule()
        if loaded.plan.schedule != "free" and len(loaded.sagas) > 1:
            schedule = BatonSchedule(Rendezvous(self.tape.states, lock_step), self._baton)
        services = cast("dict[str, Service]", ports.services)
        courier = Courier(loaded.plan, definition, services, clock, self._lease.run, self._observe, schedule, mail)
        return Desk(
            plan=loaded.plan,
            sagas=self._sagas,
            mail=mail,
            courier=courier,
            tape=self.tape,
            clock=clock,
            schedule=schedule,
            gate=self._gate,
            baton=self._baton,
            lock_step=lock_step,
        )

    def command(self, commands: Iterable[Command]) -> None:
        """Take commands from the inbox: the relay can be paused, and there is nobody to tell anything else."""
        if self._clerk.take(commands) and self._has_begun:
            self._relay.beside(self._clerk.obey(), "obey")

    async def drive(self) -> None:
        """Return when the run is finished and that is durable.

        Raises LeaseLost, JournalConflict or DatabaseError when the journal refuses an append.
        """
        self._clerk.take(self._loaded.commands)
        entries = self._loaded.entries
        if entries and entries[-1].kind is Kind.RUN_FINISHED:
            await self._clerk.obey(finished=True)
            return
        try:
            await (self._go_on() if entries else self._begin())
            await self._relay.work()
            await self._finish()
        finally:
            await self._relay.close()
            await self._desk.courier.close()

    async def _begin(self) -> None:
        started = first_entries(self._loaded, self._ports.clock.now())
        self._desk.put([replace(entry, lane=Lane.OBSERVER) for entry in started])
        await self._obey()
        await self._open_shop(self._sagas)

    async def _obey(self) -> None:
        self._has_begun = True
        await self._clerk.obey()

    async def _go_on(self) -> None:
        loaded, states = self._loaded, self.tape.states
        for entry in loaded.entries:
            self._desk.mail.add(entry)
        found = recovery_entries(self._definition, states, loaded.entries, await self._ledger_rows(), self._ports.owner)
        self._remember(found)
        self._desk.put([replace(e, lane=Lane.SERVICE) if e.lane is Lane.ORCHESTRATOR else e for e in found])
        started = late_starts(loaded, states, self._ports.clock.now())
        self._desk.put([replace(entry, lane=Lane.OBSERVER) for entry in started])
        await self._obey()
        self._desk.courier.recall(self.tape.states, loaded.entries)
        for event in self._desk.mail.published.values():
            self._watcher.hear(event)
        orders = [order for order, saga in self._sagas.items() if states[saga].phase not in AT_REST]
        await self._relay.resume(orders)
        await self._open_shop(orders)

    async def _open_shop(self, orders: Iterable[str]) -> None:
        """Place the orders, have them watched, and look after those of which nothing is under way already."""
        mail = self._desk.mail
        for order in orders:
            self._relay.publish(Event(name=PLACED, order=order, service="shop", payload=mail.payload(order)), by="shop")
        async with self._baton:
            for order in orders:
                if self._watcher.waits(order):
                    self._relay.beside(self._watch(order), f"watch {order}")
                elif self._relay.is_idle(order):
                    await self._on_idle(order)

    async def _watch(self, order: str) -> None:
        async def call_off(reason: str) -> None:
            step = first_undone(self._definition, self.tape.states[self._sagas[order]])
            because = {"step": step, "op": str(Op.ACTION), "outcome": "deadline", "reason": reason}
            event = Event(name=TIMED_OUT, order=order, service="watcher", payload=mail.payload(order))
            async with self._baton:
                self._relay.publish(event, by="watcher", because=because)
                if self._relay.is_idle(order):
                    await self._on_idle(order)

        mail = self._desk.mail
        await self._watcher.watch(order, lambda: mail.heard_at[order], call_off)

    async def _on_idle(self, order: str) -> None:
        """Say how an order ended of which nothing is under way. Only pages read this."""
        saga = self._sagas[order]
        state = self.tape.states[saga]
        if state.phase in AT_REST or self._watcher.waits(order):
            return
        kind = verdict(self._definition, state)
        detail = {"standing": standing(self._definition, state)} if kind is Kind.SAGA_LOST else {}
        self._desk.put([Entry(kind=kind, lane=Lane.OBSERVER, saga=saga, order=order, detail=detail)])
        await self.tape.commit()
        await self._desk.courier.deliver_held(self.tape.states[saga], ended=True)

    async def _finish(self) -> None:
        await self._desk.courier.quiet()
        for state in list(self.tape.states.values()):
            await self._desk.courier.deliver_held(state, ended=True)
        rows = await self._ledger_rows()
        self._observe(missing_effects(self._definition, self.tape.states, self._effects, rows))
        self._has_begun = False  # what is asked from here on is for whoever claims the finished run
        await self._clerk.obey()
        self._desk.put([Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER)])
        await self.tape.commit("finished")

    def _observe(self, facts: Sequence[Entry]) -> None:
        self._remember(facts)
        self._desk.put(facts)
        if self._loaded.plan.latency_ms:
            self.tape.submit()
        for fact in facts:
            if fact.kind is Kind.LOCK_RELEASED:
                self._relay.nudge(fact.detail["service"])

    def _remember(self, facts: Sequence[Entry]) -> None:
        self._effects += [fact for fact in facts if fact.kind is Kind.EFFECT]

    async def _ledger_rows(self) -> list[Row]:
        return await ledger_rows(self._definition, self._ports.services, self._lease.run)
