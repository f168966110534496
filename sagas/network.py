"""The unreliable wire between a driver and the services: one call under a fault plan.

The only room that knows what a fault is. To the driver a fault is an answer, or none; to a
service it is a message that arrives once, twice, too late or never. Each attempt meets the
first listed fault of its step and direction that has hits left; which one that is follows
from the attempt's number alone, so that a restart changes nothing.

What a service did is reported to `observe` whether or not its answer arrives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import Error as DatabaseFailed

from sagas import secondhand, tracecontext
from sagas.clock import Clock, cancel_and_wait, spawn
from sagas.decider import Call as Attempt
from sagas.decider import key_of
from sagas.definition import Handler, SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.plan import Fault, RunPlan
from sagas.reports import facts_of, failed, outcome_of, settled, settlement_call, unheard
from sagas.schedule import Schedule
from sagas.services.base import Answer, Call, Row, Verdict
from sagas.state import SagaState

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

# What a journal says of a message that need not have arrived, where the service lane has it.
UNDER_WAY = (
    Kind.ATTEMPT_STARTED,
    Kind.ATTEMPT_SUCCEEDED,
    Kind.ATTEMPT_FAILED,
    Kind.ATTEMPT_UNKNOWN,
    Kind.RETRY_SCHEDULED,
    Kind.EVENT_HANDLED,
)
NEVER_DELIVERED = ("decline", "error")  # the wire answers in the service's place
NO_LOOK = ("crash-before", "timeout", "late")  # nothing is sent before the fault, or nothing comes back


class Participant(Protocol):
    """What a driver and its wire need of a service: see `sagas.services.base.Service`."""

    @property
    def executor(self) -> Executor | None:
        """Where it works; None for one that never blocks, which is called on the event loop."""
        ...

    def looks_first(self, handler: Handler, lock: str) -> bool: ...

    def look(self, handler: Handler, call: Call) -> Any: ...

    def deliver(self, handler: Handler, call: Call, seen: Any = None) -> Answer: ...

    def ledger(self, world: str, after: int = 0) -> list[Row]: ...


async def at_work(executor: Executor | None, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a participant does with its executor, or without one then and there."""
    if executor is None:
        return work(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(executor, partial(work, *args, **kwargs))


class DriverDied(BaseException):
    """The process that drives the run is gone at this point; nothing after it happens."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that has been sent and has not arrived yet."""

    state: SagaState
    attempt: Attempt


class Wire:
    """The wire of one run. `observe` takes service-lane entries as they become true.

    `schedule` says when a call that has looked may write; without one, at once.
    """

    def __init__(
        self,
        plan: RunPlan,
        definition: SagaDefinition,
        services: Mapping[str, Participant],
        clock: Clock,
        world: str,
        observe: Callable[[list[Entry]], None],
        schedule: Schedule | None = None,
    ) -> None:
        self._plan, self._definition, self._services = plan, definition, services
        self._clock, self._world, self._observe = clock, world, observe
        self._trace = tracecontext.trace_id(world)
        self._schedule = schedule or Schedule()
        self._held: list[Held] = []
        self._sent_late: set[tuple[str, str, Op, int]] = set()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def attempt(self, state: SagaState, attempt: Attempt, seen: Any = None) -> Entry:
        """Make one attempt; return the entry that says how it ended for the driver.

        `seen` is what `look` returned for it. Raises DriverDied where the plan says so.
        """
        fault = self._fault(state, attempt)
        if fault == "crash-before":
            raise DriverDied
        if fault in ("timeout", "late"):
            if fault == "late":
                self._hold(state, attempt)
            await self._clock.sleep(attempt.timeout_ms)
            return self._silence(state, attempt)
        try:
            seen = await self._look(state, attempt, fault) if seen is None else seen
        except Exception as error:
            return self._broken(state, attempt, error)
        arrived, answer = await self._in_time(state, attempt, fault, seen)
        if not arrived:
            return self._silence(state, attempt)
        if fault == "crash-after":
            raise DriverDied
        if answer is not None:
            return answer
        await self._clock.sleep(attempt.timeout_ms - self._plan.latency_ms)
        return self._silence(state, attempt)

    @staticmethod
    def _silence(state: SagaState, attempt: Attempt) -> Entry:
        return unheard(state, attempt, f"no answer within {attempt.timeout_ms} ms")

    async def _in_time(self, state: SagaState, attempt: Attempt, fault: str, seen: Any) -> tuple[bool, Entry | None]:
        """Return whether a journey ended before the caller lost patience, and with what; it goes on in either case."""
        if not self._plan.latency_ms and self._services[self._definition.step(attempt.step).service].executor is None:
            return True, await self._journey(state, attempt, fault, seen)
        # Whom a saga met on the way is the schedule's doing: no timeout counts that time.
        patience = attempt.timeout_ms - (0 if seen is None else self._plan.latency_ms // 2)
        journey = spawn(self._journey(state, attempt, fault, seen), f"{self._world}:{attempt.key}")
        self._under_way.add(journey)
        journey.add_done_callback(self._under_way.discard)
        arrived = await self._clock.first(journey, max(0, patience))
        return arrived, journey.result() if arrived else None

    async def look(self, state: SagaState, attempt: Attempt) -> Any:
        """Return what the first half of an attempt sees, for `attempt`; None where it has none, or meets a fault before."""
        fault = self._fault(state, attempt)
        return None if fault in NO_LOOK else secondhand.decided(await self._glance(state, attempt, fault))

    async def settle(self, state: SagaState, step: str, key: str) -> Entry | None:
        """Tell a step's service that its saga completes; return `lock-released`, or None for no answer."""
        found, call = self._definition.step(step), settlement_call(step, key)
        assert found.settlement is not None
        await self._travel(self._plan.latency_ms // 2)
        try:
            answer = await self._hand_over(state, call, found.settlement, None)
        except Exception:
            logger.exception("wire.settlement-failed", extra=self._where(state, call))
            return None
        if answer.verdict is not Verdict.OK:
            logger.error("wire.settlement-refused: %s", answer.reason, extra=self._where(state, call))
            return None
        facts = facts_of(state, call, found.service, answer)
        record = next((row.record for row in answer.rows if row.record), state.order)
        self._observe([fact for fact in facts if fact.kind is Kind.EFFECT])
        await self._travel(self._plan.latency_ms // 2)
        return settled(state, step, key, found.service, record)

    async def take_away(self, state: SagaState, record: str) -> tuple[list[Entry], str]:
        """Have a record taken from a saga by the service where it is, past every fault; return the facts, or why it is not."""
        key = key_of(state.order, f"take-{record}")
        for step in self._definition.steps:
            if step.taking is None:
                continue
            service, taking = self._services[step.service], settlement_call(step.name, key)
            call = self._call(state, taking, None)
            call = replace(call, body={**call.body, "record": record})
            answer = await at_work(service.executor, service.deliver, step.taking, call)
            if answer.verdict is Verdict.OK:
                return facts_of(state, taking, step.service, answer), ""
        return [], f"{state.order} does not hold {record}"

    async def deliver_held(self, state: SagaState, *, ended: bool) -> None:
        """Let held messages of a saga arrive: those whose compensation has committed, at its end all.

        A message whose compensation is still owed stays on its way.
        """
        if not self._held:
            return
        for held in [h for h in self._held if h.state.saga == state.saga]:
            step = state.step(held.attempt.step)
            undone = step.compensation.ok
            if (undone and held.attempt.op is Op.ACTION) or (ended and (undone or not step.owed)):
                self._held.remove(held)
                await self._deliver(held.state, held.attempt)

    @property
    def is_quiet(self) -> bool:
        """Whether no message is on its way, and none is held."""
        return not self._under_way and not self._held

    async def quiet(self) -> None:
        """Wait until no message is under way any more."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def close(self) -> None:
        """Forget what is under way: the driver is gone and hears of nothing."""
        await cancel_and_wait(*self._under_way)

    def recall(self, states: Mapping[str, SagaState], entries: Sequence[Entry]) -> None:
        """Learn from the journal which messages others left on their way; those known are passed over."""
        arrived = {
            (e.saga, e.step, e.op, e.attempt) for e in entries if e.lane is Lane.SERVICE and e.kind not in UNDER_WAY
        }
        for e in entries:
            if e.kind is not Kind.ATTEMPT_STARTED or e.op is None or (e.saga, e.step, e.op, e.attempt) in arrived:
                continue
            state, again = states[e.saga], self._again(e)
            if self._fault(state, again) == "late" and not state.calls(e.step, e.op).open:
                self._hold(state, again)

    def _hold(self, state: SagaState, attempt: Attempt) -> None:
        """Keep a message on its way, unless it is or was held before."""
        if (it := (state.saga, attempt.step, attempt.op, attempt.attempt)) not in self._sent_late:
            self._sent_late.add(it)
            self._held.append(Held(state, attempt))

    def _fault(self, state: SagaState, attempt: Attempt) -> str:
        if not self._plan.faults:
            return ""
        return fault_of(self._plan.faults, attempt.step, attempt.op, attempt.attempt, index_of(state.saga))

    def _again(self, started: Entry) -> Attempt:
        """Return the attempt of an `attempt-started`, to be delivered once more."""
        assert started.op is not None
        return Attempt(
            step=started.step, op=started.op, attempt=started.attempt, key=started.key, action_key="", timeout_ms=0
        )

    async def _look(self, state: SagaState, attempt: Attempt, fault: str) -> Any:
        """Return what the service saw, once the saga may write by it; None for a call that does not look first."""
        seen = await self._glance(state, attempt, fault)
        if seen is not None:
            await self._schedule.meet(state.saga)
        return secondhand.decided(seen)

    async def _glance(self, state: SagaState, attempt: Attempt, fault: str) -> Any:
        service, handler = self._services[self._definition.step(attempt.step).service], self._handler(attempt)
        if fault in NEVER_DELIVERED or not service.looks_first(handler, self._plan.lock):
            return None
        await self._travel(self._plan.latency_ms // 2)
        call = self._call(state, attempt, attempt.op)
        return await at_work(service.executor, service.look, handler, call)

    async def _journey(self, state: SagaState, attempt: Attempt, fault: str, seen: Any) -> Entry | None:
        """Return the driver's entry, or None when the answer is lost on the way back."""
        there = self._plan.latency_ms // 2
        back = self._plan.latency_ms - there
        if fault in NEVER_DELIVERED:
            await self._travel(there + back)
            if fault == "decline":
                return failed(state, attempt, "declined", 409)
            return failed(state, attempt, "the service answered 500", 500, retryable=True)
        if seen is None:
            await self._travel(there)
        answer = await self._deliver(state, attempt, seen, reported=fault != "crash-after")
        if fault == "duplicate":
            await self._deliver(state, attempt)
        await self._travel(back)
        return None if fault == "lost-reply" else answer

    async def _deliver(self, state: SagaState, attempt: Attempt, seen: Any = None, *, reported: bool = True) -> Entry:
        service = self._definition.step(attempt.step).service
        try:
            answer = await self._hand_over(state, attempt, self._handler(attempt), attempt.op, seen)
        except Exception as error:
            return self._broken(state, attempt, error)
        if reported:
            self._observe(facts_of(state, attempt, service, answer))
        return outcome_of(state, attempt, service, answer)

    def _broken(self, state: SagaState, attempt: Attempt, error: Exception) -> Entry:
        why = None if isinstance(error, DatabaseFailed) else error  # a traceback says nothing of a full disk
        logger.error("wire.service-failed: %s", error, exc_info=why, extra=self._where(state, attempt))
        service = self._definition.step(attempt.step).service
        return unheard(state, attempt, f"{service} broke: {type(error).__name__}: {error}")

    def _where(self, state: SagaState, attempt: Attempt) -> dict[str, Any]:
        """Return what a line of the log says of a call; a settlement has no direction and no number."""
        where = {"run": self._world, "saga": state.saga, "step": attempt.step, "key": attempt.key}
        return {**where, "op": str(attempt.op), "attempt": attempt.attempt} if attempt.attempt else where

    def _handler(self, attempt: Attempt) -> Handler:
        step = self._definition.step(attempt.step)
        handler = step.action if attempt.op is Op.ACTION else step.compensation
        assert handler is not None
        return handler

    async def _hand_over(
        self, state: SagaState, attempt: Attempt, handler: Handler, op: Op | None, seen: Any = None
    ) -> Answer:
        service = self._services[self._definition.step(attempt.step).service]
        call = self._call(state, attempt, op)
        return await at_work(service.executor, service.deliver, handler, call, seen)

    def _call(self, state: SagaState, attempt: Attempt, op: Op | None) -> Call:
        return Call(
            world=self._world,
            order=state.order,
            key=attempt.key,
            action_key=key_of(state.order, attempt.step),
            op=op,
            body=state.payload,
            idempotency=self._plan.idempotency,
            lock=self._plan.lock,
            at=self._clock.now(),
            traceparent=tracecontext.traceparent(self._trace, self._span(state.saga, attempt)),
        )

    def _span(self, saga: str, attempt: Attempt) -> str:
        """Return the span that a call is part of; a settlement is no attempt, and part of its saga's."""
        if not attempt.attempt:
            return tracecontext.saga_span(self._trace, saga)
        return tracecontext.attempt_span(self._trace, saga, attempt.step, attempt.op, attempt.attempt)

    async def _travel(self, ms: int) -> None:
        if ms:
            await self._clock.sleep(ms)


def index_of(saga: str) -> int:
    """Return the index, from 0, of a saga `<run>-<n>`; 0 for an id of another form."""
    tail = saga.rpartition("-")[2]
    return int(tail) - 1 if tail.isdigit() else 0


def fault_of(faults: Sequence[Fault], step: str, op: Op, attempt: int, saga: int = 0) -> str:
    """Return the kind of fault that meets this attempt (1, 2, …) of this saga (0, 1, …), or "" for none."""
    return _nth([f for f in faults if _is_for(f, step, op, saga) and f.kind != "drop-event"], attempt)


def drops(faults: Sequence[Fault], step: str, op: Op, event: int, saga: int = 0) -> bool:
    """Return whether an event (1, 2, … of those that would start this step in this direction) never arrives."""
    return bool(_nth([f for f in faults if _is_for(f, step, op, saga) and f.kind == "drop-event"], event))


def _is_for(fault: Fault, step: str, op: Op, saga: int) -> bool:
    return (fault.step, fault.op) == (step, op) and fault.saga in (None, saga)


def _nth(faults: Sequence[Fault], n: int) -> str:
    """Return the kind of the first fault that has a hit left for the n-th thing that these faults are for."""
    used = 0
    for fault in faults:
        if fault.times is None or n <= used + fault.times:
            return fault.kind
        used += fault.times
    return ""
