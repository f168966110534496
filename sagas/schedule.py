"""Who goes next among the sagas of one run, where that is for somebody to say.

    rendezvous   a race is certain: who looks before it writes waits until all have looked,
                 and nothing is settled or released before all have asked
    free         everyone goes when it can
    a list       one saga at a time goes on by one outward step, in the listed order; then free

An outward step is a call or a settlement; a call that looks before it writes is two. A
driver asks `may_go` before it intends a step, and waits for its `turn` where it may not. A
loop (`sagas.engines.loop`) waits for nothing: it says what is the case and asks again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sagas.entries import Entry, Kind, Lane, Op
from sagas.plan import RunPlan
from sagas.state import AT_REST, SagaState


@dataclass(frozen=True, slots=True)
class Turn:
    """The saga's next outward step has to wait for its turn; decide anew when it comes."""


class Schedule:
    """Free: everyone goes when it can, and nobody waits for anybody."""

    def may_go(self, saga: str) -> bool:
        """Return whether the saga may take an outward step now; a turn is used up by asking."""
        return True

    def ready(self, saga: str) -> None:
        """Take notice that a saga could take an outward step, and may not yet."""

    def looked(self, saga: str) -> None:
        """Take notice that a saga has looked, and would write."""

    def may_write(self, saga: str) -> bool:
        """Return whether a saga that has looked may write now."""
        return True

    def may_let_go(self) -> bool:
        """Return whether a saga may settle or release now what others ask for."""
        return True

    async def turn(self, saga: str) -> None:
        """Return when it is the saga's turn."""

    async def meet(self, saga: str) -> None:
        """Return when a saga that has looked may write."""

    async def let_go(self) -> None:
        """Return when a saga may settle or release what others ask for."""

    def changed(self) -> None:
        """Take notice that the states of the run's sagas are new."""

    def sleeps(self, saga: str) -> None:
        """Take notice that a saga waits for a moment, and will go on by itself."""

    def stops(self, saga: str) -> None:
        """Take notice that a saga cannot go on by itself: it waits in line, or is at rest."""

    def goes_on(self, saga: str) -> None:
        """Take notice that a saga is about to decide what comes next."""

    def recall(self, entries: Iterable[Entry]) -> None:
        """Learn from the journal which moves a former driver has made."""


class Rendezvous(Schedule):
    """Sagas meet twice: between looking and writing, and before anything is settled or released.

    Both gates stay open once they have opened: who comes late finds nobody to wait for.
    `states` is the driver's own mapping, `step` the one that the sagas compete for.
    """

    def __init__(self, states: Mapping[str, SagaState], step: str) -> None:
        self._states, self._step = states, step
        self._looked: set[str] = set()
        self._all_looked, self._all_asked = asyncio.Event(), asyncio.Event()

    def looked(self, saga: str) -> None:
        self._looked.add(saga)
        self.changed()

    def may_write(self, saga: str) -> bool:
        return self._all_looked.is_set()

    def may_let_go(self) -> bool:
        self.changed()
        return self._all_asked.is_set()

    async def meet(self, saga: str) -> None:
        self.looked(saga)
        await self._all_looked.wait()

    async def let_go(self) -> None:
        self.changed()
        await self._all_asked.wait()

    def changed(self) -> None:
        asked = {saga for saga, state in self._states.items() if self._has_asked(state)}
        if len(asked) == len(self._states):
            self._all_asked.set()
        if len(asked | self._looked) == len(self._states):
            self._all_looked.set()

    def _has_asked(self, state: SagaState) -> bool:
        calls = state.step(self._step).action
        return state.phase in AT_REST or (calls.attempts > 0 and not calls.open)


class Stand(StrEnum):
    """What a saga does between two turns."""

    BUSY = "busy"
    READY = "ready"
    ASLEEP = "asleep"
    STOPPED = "stopped"


class Listed(Schedule):
    """One saga moves at a time, in the order of `moves`; when they are used up, all are free.

    A move begins when no saga is busy, and ends when its saga is ready for the next, sleeps,
    or has stopped. A turn waits for a saga that is asleep, which goes on by itself, and is
    skipped for one that has stopped. `halved` is the step whose action is two moves.
    """

    def __init__(self, moves: Iterable[str], states: Mapping[str, SagaState], halved: str = "") -> None:
        self._moves, self._halved = deque(moves), halved
        self._stands = {s: Stand.STOPPED if state.phase in AT_REST else Stand.BUSY for s, state in states.items()}
        self._turns = {saga: asyncio.Event() for saga in states}
        self._is_free = not self._moves

    def may_go(self, saga: str) -> bool:
        mine = self._turns[saga].is_set()
        self._turns[saga].clear()
        return mine or self._is_free

    def ready(self, saga: str) -> None:
        if not self._is_free:
            self._now(saga, Stand.READY)

    def looked(self, saga: str) -> None:
        self.ready(saga)

    def may_write(self, saga: str) -> bool:
        return self.may_go(saga)

    async def turn(self, saga: str) -> None:
        if not self._is_free:
            self.ready(saga)
            await self._turns[saga].wait()

    async def meet(self, saga: str) -> None:
        await self.turn(saga)
        self._turns[saga].clear()

    def sleeps(self, saga: str) -> None:
        self._now(saga, Stand.ASLEEP)

    def stops(self, saga: str) -> None:
        self._now(saga, Stand.STOPPED)

    def goes_on(self, saga: str) -> None:
        # A saga that is ready already has been told, and waits for its turn.
        if self._stands[saga] is not Stand.READY:
            self._stands[saga] = Stand.BUSY

    def recall(self, entries: Iterable[Entry]) -> None:
        for saga in _moves_made(entries, self._halved):
            while self._moves and self._moves.popleft() != saga:
                pass

    def _now(self, saga: str, stand: Stand) -> None:
        self._stands[saga] = stand
        self._turns[saga].clear()
        self._go_on()

    def _go_on(self) -> None:
        while self._moves and Stand.BUSY not in self._stands.values():
            if self._stands[self._moves[0]] is Stand.ASLEEP:
                return
            saga = self._moves.popleft()
            if self._stands[saga] is Stand.READY:
                self._let(saga)
        if not self._moves and Stand.BUSY not in self._stands.values():
            self._is_free = True
            for saga in [saga for saga, stand in self._stands.items() if stand is Stand.READY]:
                self._let(saga)

    def _let(self, saga: str) -> None:
        self._stands[saga] = Stand.BUSY
        self._turns[saga].set()


def schedule_of(plan: RunPlan, states: Mapping[str, SagaState], step: str, *, looks_first: bool) -> Schedule:
    """Return the schedule of a run.

    `states` must be the mapping that the driver goes on to change; `step` is what its sagas
    compete for, and `looks_first` whether that takes two outward steps.
    """
    if plan.schedule == "free" or len(states) < 2:
        return Schedule()
    if isinstance(plan.schedule, str):
        return Rendezvous(states, step)
    sagas = list(states)
    return Listed((sagas[index] for index in plan.schedule), states, step if looks_first else "")


def _moves_made(entries: Iterable[Entry], halved: str) -> Iterable[str]:
    """Yield the saga of each outward step that a journal tells of, in order.

    `halved` is the step whose action looks first; its second half shows in what its service reported.
    """
    reported: set[tuple[str, int]] = set()
    for e in entries:
        settled = e.kind is Kind.LOCK_RELEASED and e.lane is Lane.ORCHESTRATOR
        if e.kind is Kind.ATTEMPT_STARTED or settled:
            yield e.saga
        elif e.lane is Lane.SERVICE and e.step == halved and e.op is Op.ACTION and (e.saga, e.attempt) not in reported:
            reported.add((e.saga, e.attempt))
            yield e.saga
