"""The shell that drives one run: it calls, waits and appends; `sagas.decider` thinks.

One driver holds the run's lease and drives each of its sagas as a task of one event loop.
What follows from an entry is done in the world only after that entry is durable. What a
person asks for arrives as a command and becomes an entry. A driver that dies loses nothing:
the next one folds the journal and goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import Error as DatabaseFailed

from sagas.budgets import settle_wait_ms
from sagas.clerk import Clerk
from sagas.clock import Clock, cancel_and_wait, spawn
from sagas.decider import Call, Move, Moves, Park, Rest, Settle, Wait, advance, ask_again, decide, split
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.gate import Gate, Hold, hold
from sagas.leases import Lease
from sagas.models import Command
from sagas.network import Participant, Wire
from sagas.pausing import pause_after
from sagas.recovery import Loaded, first_entries, late_starts, ledger_rows, missing_effects, recovery_entries
from sagas.schedule import Schedule, Turn, schedule_of
from sagas.services.base import Row
from sagas.services.events import Subscriptions
from sagas.state import AT_REST, ENDED, SagaState
from sagas.tape import Appends, NewRows, Tape, fold

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a driver needs of the world around it. `subscriptions` is for a run that nobody drives; empty: the catalog's."""

    journal: Appends
    services: Mapping[str, Participant]
    clock: Clock
    owner: str
    subscriptions: Mapping[str, Subscriptions] = field(default_factory=dict)


class Driver:
    """Drives one run from wherever its journal ends until nothing can move by itself."""

    def __init__(self, ports: Ports, lease: Lease, loaded: Loaded, definition: SagaDefinition) -> None:
        self._ports, self._lease, self._loaded, self._definition = ports, lease, loaded, definition
        self._clock = ports.clock
        states = fold(loaded.entries, loaded.sagas)
        last = loaded.entries[-1].seq if loaded.entries else 0
        self.tape = Tape(ports.journal, lease, ports.clock, definition, states, last)
        self._lock_step = definition.contested.name if definition.contested else ""
        self._schedule = self._make_schedule()
        self._wire = Wire(
            loaded.plan, definition, ports.services, ports.clock, lease.run, self._observe, self._schedule
        )
        self._effects = [entry for entry in loaded.entries if entry.kind is Kind.EFFECT]
        self._gate = Gate(pause_after(loaded.entries))
        self._clerk = Clerk(
            definition,
            self.tape,
            self._gate,
            loaded.entries,
            nudge=self._nudge,
            abandon=self._abandon,
            take_away=self._take_away,
        )
        self._clerk.take(loaded.commands)
        self._intended: dict[str, Move | Turn | Hold | None] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._nudges = {saga: asyncio.Event() for saga in loaded.sagas}
        self._parked: set[str] = set()
        self._released: set[str] = set()
        self._asleep: set[str] = set()

    def _make_schedule(self) -> Schedule:
        loaded, looks_first = self._loaded, False
        if self._lock_step:
            step = self._definition.step(self._lock_step)
            looks_first = self._ports.services[step.service].looks_first(step.action, loaded.plan.lock)
        return schedule_of(loaded.plan, self.tape.states, self._lock_step, looks_first=looks_first)

    async def begin(self, rows: NewRows) -> None:
        """Store a run that is not stored yet, with its first entries and what each saga intends first, as one append.

        Return when that is durable; `drive` goes on from there. Raises what `Tape.commit` raises.
        """
        self.tape.put(first_entries(self._loaded, self._clock.now()))
        self._intended = {saga: self._decide(saga) for saga in self.tape.states}
        await self.tape.commit(rows=rows)

    def command(self, commands: Iterable[Command]) -> None:
        """Take commands from the inbox; those already taken are passed over."""
        if self._clerk.take(commands):
            self._news.set()

    @property
    def is_idle(self) -> bool:
        """Whether all that is under way waits for a time, a lock or a person: such a run costs no thought."""
        return bool(self._tasks) and self._tasks.keys() <= self._asleep

    async def drive(self) -> None:
        """Return when the run is finished and that is durable.

        Raises LeaseLost, JournalConflict or DatabaseError when the journal refuses an
        append, and DriverDied where the wire's plan ends this driver.
        """
        try:
            await self._begin()
            while not await self._finish():
                await self._clerk.obey(finished=self._was_finished())
                self._set_going()
                await self._wait_for_news()
        finally:
            await cancel_and_wait(*self._tasks.values())
            await self._wire.close()

    async def _begin(self) -> None:
        loaded, states, found = self._loaded, self.tape.states, list[Entry]()
        if not loaded.entries and not self._intended:
            self.tape.put(first_entries(loaded, self._clock.now()))
        elif loaded.entries and loaded.entries[-1].kind is not Kind.RUN_FINISHED:
            rows = await self._rows()
            found = recovery_entries(self._definition, states, loaded.entries, rows, self._ports.owner)
            found += late_starts(loaded, states, self._clock.now())
            self._remember(found)
            self.tape.put(found)
        self._wire.recall(self.tape.states, loaded.entries)
        self._schedule.recall([*loaded.entries, *found])
        self._released = {saga for saga, state in states.items() if state.is_parked}

    def _set_going(self) -> None:
        for saga, state in self.tape.states.items():
            if state.phase not in AT_REST and saga not in self._tasks:
                self._tasks[saga] = spawn(self._drive_saga(saga), f"saga {saga}")
                self._tasks[saga].add_done_callback(lambda _: self._news.set())

    async def _wait_for_news(self) -> None:
        if self._clerk.is_asked or not self._tasks:
            return
        await self._news.wait()
        self._news.clear()
        for saga in [saga for saga, task in self._tasks.items() if task.done()]:
            self._tasks.pop(saga).result()

    async def _finish(self) -> bool:
        """Return True once `run-finished` is durable; False while anything can still move."""
        if self._can_move():
            return False
        await self._wire.quiet()
        for state in list(self.tape.states.values()):
            await self._wire.deliver_held(state, ended=state.phase in AT_REST)
        self._observe(missing_effects(self._definition, self.tape.states, self._effects, await self._rows()))
        if self._can_move():
            return False
        if not self._was_finished():
            self.tape.put([Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER)])
        await self.tape.commit("finished")
        return True

    def _ends_quietly(self) -> bool:
        """Whether nothing is left but to look once more and to finish the run: one commit has both ends then."""
        at_rest = all(state.phase in AT_REST for state in self.tape.states.values())
        return at_rest and self._wire.is_quiet and not self._clerk.is_asked

    def _can_move(self) -> bool:
        waiting = self._parked - self._released
        return self._clerk.is_asked or any(
            state.phase not in AT_REST and saga not in waiting for saga, state in self.tape.states.items()
        )

    def _was_finished(self) -> bool:
        """True when the journal ended with `run-finished` and nothing was put since."""
        entries = self._loaded.entries
        return bool(entries) and entries[-1].kind is Kind.RUN_FINISHED and self.tape.last_seq == entries[-1].seq

    async def _drive_saga(self, saga: str) -> None:
        self._schedule.goes_on(saga)
        while True:
            move = self._intended.pop(saga, None) or self._decide(saga)
            if isinstance(move, Rest) and self._ends_quietly():
                self._schedule.stops(saga)
                return
            await self.tape.commit()
            state = self.tape.states[saga]
            await self._wire.deliver_held(state, ended=state.phase in ENDED)
            match move:
                case Call():
                    if move.op is Op.COMPENSATION and move.step == self._lock_step:
                        await self._schedule.let_go()
                    self._hear(await self._wire.attempt(state, move))
                case Settle():
                    await self._schedule.let_go()
                    await self._settle(state, move)
                case Turn():
                    await self._schedule.turn(saga)
                case Wait():
                    self._schedule.sleeps(saga)
                    await self._sleep_until(saga, move.until)
                case Hold():
                    await self._nudged(saga, move.until)
                case Park():
                    await self._park(saga, move.until)
                case Rest() | None:
                    await self.tape.commit()
                    self._schedule.stops(saga)
                    return

    def _decide(self, saga: str) -> Move | Turn | Hold | None:
        """Return the saga's next move. The facts that lead to it are put, the intent only when it is its turn."""
        state = self.tape.states[saga]
        facts, move = split(ask_again(self._definition, state)) if saga in self._released else ([], None)
        after = None
        if move is None:
            after, facts, move = advance(self._definition, state, self._clock.now(), self.rule)
        if not isinstance(move, Call | Settle):
            self._gate.leave(saga)
        elif (stop := self._stop(state)) is not None:
            self.tape.put(fact for fact in facts if fact.kind is not Kind.ATTEMPT_STARTED)
            self._schedule.changed()
            return stop
        self._released.discard(saga)
        self.tape.put(facts, after)
        self._schedule.changed()
        return move

    def _stop(self, state: SagaState) -> Turn | Hold | None:
        """Return what keeps a saga from its next outward move, or None. Whoever is at the gate has had its turn."""
        if not self._gate.waits(state.saga) and not self._schedule.may_go(state.saga):
            return Turn()
        if self._gate.may_pass(state.saga, self._nudges[state.saga]):
            return None
        return hold(state, self._clock.now())

    @staticmethod
    def rule(definition: SagaDefinition, state: SagaState, now: int) -> Moves:
        """Return what comes next: what this driver drives by."""
        return decide(definition, state, now)

    def _hear(self, outcome: Entry) -> None:
        self.tape.put([outcome])
        self._schedule.changed()

    def _observe(self, facts: list[Entry]) -> None:
        if not facts:
            return
        self._remember(facts)
        self.tape.put(facts)
        if self._loaded.plan.latency_ms:
            self.tape.submit()
        for fact in facts:
            if fact.kind is Kind.LOCK_RELEASED:
                self._wake_parked(fact.step)

    def _remember(self, facts: Sequence[Entry]) -> None:
        self._effects += [fact for fact in facts if fact.kind is Kind.EFFECT]

    async def _settle(self, state: SagaState, move: Settle) -> None:
        for n in range(10**9):
            told = await self._wire.settle(state, move.step, move.key)
            if told is not None:
                self._hear(told)
                self._wake_parked(move.step)
                return
            await self._clock.sleep(settle_wait_ms(n))
            await self._gate.passed(state.saga)

    async def _park(self, saga: str, until: int | None) -> None:
        if saga in self._released:
            return
        self._schedule.stops(saga)
        if until is None:
            self._parked.add(saga)
            self._news.set()
        await self._nudged(saga, until)
        self._parked.discard(saga)

    async def _nudged(self, saga: str, until: int | None) -> None:
        """Return when a saga is nudged, or when its time has come."""
        if until is not None:
            await self._sleep_until(saga, until)
            return
        self._asleep.add(saga)
        await self._nudges[saga].wait()
        self._woken(saga)

    async def _sleep_until(self, saga: str, until: int) -> None:
        self._asleep.add(saga)
        nudged = spawn(self._nudges[saga].wait(), f"nudge {saga}")
        try:
            await self._clock.first(nudged, max(0, until - self._clock.now()))
        finally:
            await cancel_and_wait(nudged)
        self._woken(saga)

    def _woken(self, saga: str) -> None:
        self._asleep.discard(saga)
        self._nudges[saga].clear()
        self._schedule.goes_on(saga)

    def _nudge(self, saga: str) -> None:
        self._nudges[saga].set()

    def _abandon(self, saga: str) -> None:
        """Wait no longer for the answer of a saga's attempt. What is under way goes on, and nobody hears of it."""
        self._intended.pop(saga, None)
        if (task := self._tasks.pop(saga, None)) is not None:  # else nobody has begun to wait
            task.cancel()

    def _wake_parked(self, step: str) -> None:
        for saga, state in self.tape.states.items():
            calls = state.step(step).action
            if state.phase in AT_REST or not (calls.parked or calls.open):
                continue
            # A release while the answer is on its way counts: whoever is told to wait then asks at once.
            self._released.add(saga)
            if calls.parked:
                self._schedule.goes_on(saga)
                self._nudges[saga].set()

    async def _rows(self) -> list[Row]:
        """Return what the services wrote. What was heard before is kept where one of them cannot be asked."""
        try:
            return await ledger_rows(self._definition, self._ports.services, self._lease.run)
        except DatabaseFailed:
            await self.tape.commit()
            raise

    async def _take_away(self, state: SagaState, record: str) -> str:
        """Have a service take a record from a saga; return why it did not, or ""."""
        facts, refusal = await self._wire.take_away(state, record)
        if not refusal:
            self._observe(facts)
        return refusal
