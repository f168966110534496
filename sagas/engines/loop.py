"""The loop of a run on an engine elsewhere: it folds entries, decides, and says what is to be done next. Pure.

It is `sagas.orchestrator` turned inside out: where that one waits, this one returns. The same entries
and answers in the same order give the same jobs, so an engine may run it again from its history.

How an engine uses it, whatever its code looks like; times are milliseconds since the epoch:

    told = <call> desk.begin(run, execution)        once; `execution` names this run of the engine's code
    if told["over"]: return
    loop = Loop(told)
    while not loop.rests:
        for job in loop.think(now):                  now: the engine's own, that replays
            <start the call> desk.do(job.to_json())
        <wait for the first of: a call's answer, something asked, the moment loop.until>
        loop.done(job, answer, now)                  for each call that has been answered
        loop.ask(command)                            for each thing asked; repeats are passed over

A call is repeated until it answers, and needs no other retry: what fails in a service is an answer,
and how often it is tried again is the decider's to say. A loop that rests may be asked something and
goes on; or the engine's code ends there, and begins anew with `desk.begin` when somebody asks.
`desk.begin` and `desk.do` raise `LeaseLost` for an execution whose run another one holds: it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from sagas.budgets import settle_wait_ms
from sagas.decider import Call, Move, Park, Rest, Settle, Wait, advance, ask_again, split
from sagas.engines.counter import Counter
from sagas.engines.jobs import Do, Job, Json, call_to_json
from sagas.engines.places import Place
from sagas.engines.told import asked_from_json, told_from_json
from sagas.entries import Entry, Kind, Lane, Op, entry_from_json
from sagas.gate import Gate, Hold, hold
from sagas.operators import FAIL
from sagas.pausing import pause_after
from sagas.schedule import Turn, schedule_of
from sagas.state import AT_REST, SagaState, evolve


class Loop:
    """One run, from wherever its journal ends until nothing of it moves by itself."""

    def __init__(self, told: Json) -> None:
        run = told_from_json(told)
        self._run, self._definition = run, run.definition
        self.states = {saga: SagaState(saga=saga, order=order) for saga, order in run.sagas.items()}
        for entry in run.entries:
            self._fold(entry)
        self._gate = Gate(pause_after(run.entries))
        self._lock_step = self._definition.contested.name if self._definition.contested else ""
        self._schedule = schedule_of(run.plan, self.states, self._lock_step, looks_first=run.looks_first)
        self._schedule.recall(run.entries)
        self._places = {saga: Place() for saga in self.states}
        self._released = {saga for saga, state in self.states.items() if state.is_parked}
        self._jobs: dict[str, Job] = {}
        self._new: list[Job] = []
        self._numbers = count(1)
        self._since = run.entries[-1].seq if run.entries else 0
        self._unwritten: list[Entry] = []
        self._put_count = self._durable_count = 0
        self._has_ended = bool(run.entries) and run.entries[-1].kind is Kind.RUN_FINISHED
        self._is_swept = False
        self._counter = Counter(self._definition, self.states, self._gate, run.entries)
        for asked in run.asked:
            self._counter.take(asked)

    @property
    def rests(self) -> bool:
        """Whether the run is finished, that is durable, and nothing is under way or asked."""
        busy = self._jobs or self._unwritten or self._counter.is_asked or self._counter.handled
        return self._has_ended and not busy and not self._can_move()

    @property
    def until(self) -> int | None:
        """When to think again although nothing has happened, or None."""
        times = [place.until for place in self._places.values() if place.until is not None and not place.job]
        return min(times, default=None)

    def ask(self, command: Json) -> None:
        """Take what a person asks: the fields of `Asked`. Raises TypeError when it is no such value."""
        self._counter.take(asked_from_json(command))

    def think(self, now: int) -> list[Job]:
        """Return the jobs to begin now."""
        self._new = []
        calm = 0
        while calm < 2:  # a saga that stops may give another one its turn, so one calm round is not enough
            before = (self._put_count, len(self._new))
            self._obey()
            for saga in self.states:
                self._go(saga, now)
            calm = calm + 1 if before == (self._put_count, len(self._new)) else 0
        self._write_or_end()
        return self._new

    def done(self, job: Job, answer: Json, now: int) -> None:
        """Take the answer to a job of `think`. Raises KeyError for a job that is not under way."""
        del self._jobs[job.id]
        self._learn(answer)
        place = self._places.get(job.saga)
        if place is not None and place.job != job.id:
            return  # nobody waits for this answer any more
        if place is not None:
            place.job = ""
        match job.do:
            case Do.APPEND:
                self._durable_count = job.what["count"]
            case Do.LOOK if place is not None and answer["seen"] is not None:
                place.seen = answer["seen"]
                self._schedule.looked(job.saga)
            case Do.LOOK if place is not None:
                place.seen = {}
            case Do.ATTEMPT if place is not None:
                place.seen = None
                self._put([entry_from_json(answer["heard"])])
            case Do.SETTLE if place is not None:
                self._settled(job, place, answer["heard"], now)
            case Do.TAKE_AWAY:
                self._counter.taken_away(str(answer["refusal"]), self._index())
            case Do.SWEEP:
                self._is_swept = True

    def _go(self, saga: str, now: int) -> None:
        place = self._places[saga]
        place.until = None
        if place.job or (self.states[saga].phase in AT_REST and place.move is None):
            return
        if now < place.again_at:
            place.until = place.again_at
            return
        if place.move is None:
            place.move = self._decide(saga, now)
        if place.mark > self._durable_count:
            return
        move, place.move = place.move, None
        match move:
            case Call():
                self._call(saga, place, move)
            case Settle():
                self._settle(saga, place, move)
            case Turn():
                self._schedule.ready(saga)
            case Wait() | Hold() | Park():
                place.until = move.until

    def _decide(self, saga: str, now: int) -> Move | Turn | Hold | None:
        """Return a saga's next move. The facts that lead to it are put, the intent only when it is its turn."""
        state = self.states[saga]
        facts, move = split(ask_again(self._definition, state)) if saga in self._released else ([], None)
        if move is None:
            _, facts, move = advance(self._definition, state, now)
        match move:
            case Call() | Settle():
                self._schedule.goes_on(saga)
                if (stop := self._stop(state, now)) is not None:
                    self._put(fact for fact in facts if fact.kind is not Kind.ATTEMPT_STARTED)
                    return stop
            case Wait():
                self._schedule.sleeps(saga)
            case Park() | Rest() | None:
                self._schedule.stops(saga)
        if not isinstance(move, Call | Settle):
            self._gate.leave(saga)
        self._released.discard(saga)
        self._put(facts)
        return move

    def _stop(self, state: SagaState, now: int) -> Turn | Hold | None:
        """Return what keeps a saga from its next outward move, or None. Whoever is at the gate has had its turn."""
        if not self._gate.waits(state.saga) and not self._schedule.may_go(state.saga):
            return Turn()
        if self._gate.may_pass(state.saga):
            return None
        return hold(state, now)

    def _call(self, saga: str, place: Place, call: Call) -> None:
        contested = call.step == self._lock_step
        if contested and call.op is Op.COMPENSATION and not self._schedule.may_let_go():
            place.move = call
            return
        what: dict[str, Any] = {"saga": saga, "call": call_to_json(call)}
        if contested and call.op is Op.ACTION and self._run.looks_first and place.seen != {}:
            place.move = call
            if place.seen is None:
                self._begin(Do.LOOK, what, place)
                return
            if not self._schedule.may_write(saga):
                return
            place.move = None
        self._begin(Do.ATTEMPT, {**what, "seen": place.seen or None}, place)

    def _settle(self, saga: str, place: Place, move: Settle) -> None:
        if not self._schedule.may_let_go():
            place.move = move
            return
        self._begin(Do.SETTLE, {"saga": saga, "step": move.step, "key": move.key}, place)

    def _settled(self, job: Job, place: Place, heard: Json | None, now: int) -> None:
        if heard is None:
            place.again_at = now + settle_wait_ms(place.unanswered)
            place.unanswered += 1
            return
        place.unanswered = 0
        self._put([entry_from_json(heard)])
        self._let_go(job.what["step"])

    def _obey(self) -> None:
        while (command := self._counter.next()) is not None:
            facts, saga_record = self._counter.obey(command, has_ended=self._has_ended)
            self._put(facts)
            if saga_record is None:
                self._counter.handle(command, self._index())
                continue
            saga, record = saga_record
            self._counter.wait_for(command, self._put_count, {"of": saga, "record": record})
        if (what := self._counter.to_take_away(self._durable_count)) is not None:
            self._begin(Do.TAKE_AWAY, what)

    def _write_or_end(self) -> None:
        if any(job.do is Do.APPEND for job in self._jobs.values()):
            return
        idle = not (self._jobs or self._unwritten or self._counter.is_asked or self._can_move())
        if idle and not self._has_ended:
            if not self._is_swept:
                self._begin(Do.SWEEP, {})
                return
            self._put([Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER)])
        if self._unwritten or self._counter.handled:
            entries = [entry.to_json() for entry in self._unwritten]
            handled = [list(each) for each in self._counter.handled]
            self._begin(Do.APPEND, {"entries": entries, "handled": handled, "count": self._put_count})
            self._unwritten, self._counter.handled = [], []

    def _can_move(self) -> bool:
        return any(self._moves(saga, state) for saga, state in self.states.items())

    def _moves(self, saga: str, state: SagaState) -> bool:
        """Return whether a saga goes on by itself; it does not while it waits in line without a deadline."""
        if state.phase in AT_REST:
            return False
        place = self._places[saga]
        return place.move is not None or place.until is not None or saga in self._released or not state.is_parked

    def _begin(self, do: Do, what: Json, place: Place | None = None) -> None:
        number = f"{self._run.epoch}:{next(self._numbers)}"
        job = Job(id=number, do=do, run=self._run.run, epoch=self._run.epoch, since=self._since, what=what)
        self._jobs[job.id] = job
        self._new.append(job)
        if place is not None:
            place.job = job.id

    def _put(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._unwritten.append(entry)
            self._put_count += 1
            self._has_ended = entry.kind is Kind.RUN_FINISHED
            self._is_swept = self._is_swept and self._has_ended
            if entry.saga in self._places:
                self._places[entry.saga].mark = self._put_count
                if entry.kind is Kind.OPERATOR_ACTED and entry.detail["action"] == FAIL:
                    self._places[entry.saga].abandon()
            self._fold(entry)
        self._schedule.changed()

    def _fold(self, entry: Entry) -> None:
        if entry.saga in self.states:
            self.states[entry.saga] = evolve(self.states[entry.saga], entry)

    def _index(self) -> int:
        return len(self._unwritten) - 1

    def _learn(self, answer: Json) -> None:
        for seq, step in answer["released"]:
            if seq > self._since:
                self._let_go(step)
        self._since = max(self._since, answer["seq"])

    def _let_go(self, step: str) -> None:
        """A record is free: whoever is in line asks again, and whoever is told to wait by an answer under way."""
        for saga, state in self.states.items():
            calls = state.step(step).action
            if state.phase not in AT_REST and (calls.parked or calls.open):
                self._released.add(saga)
                if calls.parked:
                    self._schedule.goes_on(saga)
