"""The saga as a Temporal workflow: forward step by step; if that fails, back, newest first.

An attempt ends in one of three ways. `ok` and a refusal are answers. No answer is the third: nobody knows
whether the call took effect, and that stays so when a later attempt of the same step is refused. What
may have taken effect is undone. So each attempt is an activity that Temporal itself does not repeat: with
a retry policy the workflow would hear of the last attempt only, and could not tell.

What undoes lines up on the lines that end in `# undo`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from playground.temporal_project.activities import call_service
    from playground.temporal_project.saga import COMPENSATION_RETRY, DEADLINE_MS, RETRY, STEPS, TIMEOUT_MS
    from playground.temporal_project.shapes import Answer, Request, Retry, Step

ONCE = RetryPolicy(maximum_attempts=1)
LINE_MS = 200  # after which whoever waits in line asks again
FINAL = ("Refused", "RefusedForGood")  # asking again changes nothing
DEFINITE = (*FINAL, "ServiceError")  # answers: this attempt did nothing
AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))


class TurnBack(Exception):
    """The saga cannot go on, and nothing forbids to go back."""


@workflow.defn
class Saga:
    """One order. Its id should be the order's, so that no order is driven twice."""

    def __init__(self) -> None:
        self._order, self._state = "", "running"
        self._maybe: set[str] = set()  # undo: the steps that have taken effect, or may have
        self._attempts: dict[tuple[str, str], int] = {}
        self._past_return = self._cancelled = False
        self._answer = ""
        self._deadline: float | None = None

    @workflow.query
    def state(self) -> str:
        """Return running, compensating, needs-operator, completed or compensated."""
        return self._state

    @workflow.signal
    def cancel(self) -> None:
        """Ask the saga to turn back; nothing happens after the point of no return, or on the way back."""
        self._cancelled = True

    @workflow.signal
    def retry(self) -> None:
        """Give the call that a saga is stuck at a new budget."""
        self._answer = "retry"

    @workflow.signal
    def resolve(self) -> None:
        """Say that the call which a saga is stuck at was done by hand."""
        self._answer = "resolve"

    @workflow.run
    async def run(self, order: str) -> str:
        """Return completed or compensated."""
        self._order = order
        if DEADLINE_MS is not None:
            self._deadline = workflow.time() + DEADLINE_MS / 1000
        try:
            for step in STEPS:
                await self._forward(step)
        except TurnBack:
            await self._back()  # undo
            self._state = "compensated"  # undo
            return self._state
        for step in STEPS:
            if step.settlement is not None:
                await self._settle(step)
        self._state = "completed"
        return self._state

    async def _forward(self, step: Step) -> None:
        self._past_return = self._past_return or step.kind == "retriable"
        while not await self._pursue(step, "action", RETRY):
            if self._may_turn(step):
                raise TurnBack
            # There is no way back, or nobody knows whether there is: a person has to find out.
            if await self._ask_a_person("running"):
                break
        self._maybe.add(step.name)  # undo
        self._past_return = self._past_return or step.kind == "pivot"

    async def _back(self) -> None:
        """Undo what may have taken effect, newest first; a cancel or a deadline does not interrupt this."""
        self._state = "compensating"  # undo
        for step in reversed(STEPS):  # undo
            if step.name not in self._maybe:  # undo
                continue
            while not await self._pursue(step, "compensation", COMPENSATION_RETRY):  # undo
                # Its own budget is spent. It is never given up: a person decides.
                if await self._ask_a_person("compensating"):  # undo
                    break

    async def _pursue(self, step: Step, op: str, budget: Retry) -> bool:
        """Return whether the call was answered ok within its budget. Raises TurnBack where an action has to stop."""
        failures = 0
        while failures < budget.max_attempts:
            if op == "action" and self._must_turn(step):
                raise TurnBack
            kind = await self._attempt(step, op)
            if kind == "ok":
                return True
            if kind == "queued":
                await self._pause(LINE_MS, step, op)
                continue
            failures += 1
            if kind in FINAL and not self._is_undecided(step):
                return False
            if failures < budget.max_attempts:
                await self._pause(budget.delay_ms(failures, workflow.random().random()), step, op)
        return False

    async def _attempt(self, step: Step, op: str) -> str:
        """Return how one attempt ended, and remember whether it may have taken effect."""
        try:
            kind = (await self._call(step, op)).verdict
        except ActivityError as error:
            kind = error.cause.type or "" if isinstance(error.cause, ApplicationError) else "silence"
        if op == "action":
            if kind == "RefusedForGood":
                self._maybe.discard(step.name)  # undo: it never had an effect, and never will
            elif kind not in DEFINITE:
                self._maybe.add(step.name)  # undo: it may have one; a place in line is owed back as well
        return kind

    async def _call(self, step: Step, op: str) -> Answer:
        number = self._attempts.get((step.name, op), 0) + 1
        self._attempts[step.name, op] = number
        name = step.name
        if op == "compensation" and step.undo is not None:
            name = step.undo[0]  # undo: a key of its own, and the same one for each attempt
        request = Request(self._order, step.name, op, number, f"saga:{self._order}:{name}")
        return await workflow.execute_activity(
            call_service, request, start_to_close_timeout=timedelta(milliseconds=TIMEOUT_MS), retry_policy=ONCE
        )

    async def _settle(self, step: Step) -> None:
        """Tell a service that the order is final, until it answers."""
        key = f"saga:{self._order}:settle-{step.service}"
        await workflow.execute_activity(
            call_service,
            Request(self._order, step.name, "settlement", 1, key),
            start_to_close_timeout=timedelta(milliseconds=TIMEOUT_MS),
            retry_policy=AGAIN,
        )

    def _must_turn(self, step: Step) -> bool:
        is_late = self._deadline is not None and workflow.time() >= self._deadline
        return self._may_turn(step) and (self._cancelled or is_late)

    def _may_turn(self, step: Step) -> bool:
        return not self._past_return and not self._is_undecided(step)

    def _is_undecided(self, step: Step) -> bool:
        """Return whether nobody knows if the point of no return was passed."""
        return step.kind == "pivot" and step.name in self._maybe

    async def _pause(self, ms: int, step: Step, op: str) -> None:
        """Wait; on the way forward a cancel or the deadline ends that, where there is a way back."""
        seconds, may_turn = ms / 1000, op == "action" and self._may_turn(step)
        if may_turn and self._deadline is not None:
            seconds = min(seconds, max(0.001, self._deadline - workflow.time()))
        with suppress(asyncio.TimeoutError):
            await workflow.wait_condition(lambda: self._cancelled and may_turn, timeout=seconds)

    async def _ask_a_person(self, meanwhile: str) -> bool:
        """Wait for a signal; return whether the call counts as done."""
        self._state, self._answer = "needs-operator", ""
        await workflow.wait_condition(lambda: bool(self._answer))
        self._state = meanwhile
        return self._answer == "resolve"
