"""One run as a Temporal workflow: it waits, and has the jobs of a `Loop` done by activities.

Back-off, deadlines and time without an answer to a settlement are Temporal's timers. An activity is
tried again when its worker died, or could not reach a database, and for as long as that lasts: what
goes wrong in a service is an answer, and a step's own budget says how often it is called again.

While the run waits for a person its workflow stays open, for a day. After that, as after any end, what
somebody asks starts a new execution, which begins from the journal.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from sagas.engines.jobs import Job
    from sagas.engines.loop import Loop
    from sagas.state import ENDED

NAME, ASK, BEGIN, JOB = "saga-run", "ask", "saga-begin", "saga-job"
OPEN_FOR_PEOPLE = timedelta(days=1)
PATIENCE = timedelta(minutes=1)  # beyond what an attempt may take by its plan
AGAIN = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
    non_retryable_error_types=["LeaseLost"],
)


@workflow.defn(name=NAME)
class SagaRun:
    """The workflow of one run; its id is the run's with a prefix. It returns how each saga ended."""

    def __init__(self) -> None:
        self._loop: Loop | None = None
        self._asked: list[dict[str, Any]] = []
        self._answered: list[tuple[Job, dict[str, Any]]] = []
        self._failed: list[BaseException] = []
        self._calls: set[asyncio.Task[None]] = set()

    @workflow.signal(name=ASK)
    def ask(self, command: dict[str, Any]) -> None:
        """Take what a person asks, as `Loop.ask` does."""
        self._asked.append(command)

    @workflow.query
    def states(self) -> dict[str, str]:
        """Return the state of each saga."""
        return {saga: str(state.phase) for saga, state in self._loop.states.items()} if self._loop else {}

    @workflow.run
    async def run(self, run: str, heartbeat_ms: int) -> dict[str, str]:
        """Drive a run until nothing of it moves; a worker that is silent for `heartbeat_ms` is dead."""
        self._heartbeat = timedelta(milliseconds=heartbeat_ms)
        told = await self._activity(BEGIN, [run, workflow.info().run_id], PATIENCE)
        if told["over"]:
            return {}
        self._loop = loop = Loop(told)
        while not loop.rests or await self._is_asked(loop):
            await self._go_on(loop)
        return self.states()

    async def _go_on(self, loop: Loop) -> None:
        """Begin what is to be done now, and wait for news."""
        while self._asked:
            loop.ask(self._asked.pop(0))
        now = _now()
        for job in loop.think(now):
            call = asyncio.create_task(self._do(job))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        if not loop.rests:
            left = None if loop.until is None else timedelta(milliseconds=max(1, loop.until - now))
            await self._news(left)
        if self._failed:
            raise self._failed[0]
        while self._answered:
            job, answer = self._answered.pop(0)
            loop.done(job, answer, _now())

    async def _is_asked(self, loop: Loop) -> bool:
        """Return whether somebody asks something of a run at rest, before its workflow has been open for too long."""
        waits = any(state.phase not in ENDED for state in loop.states.values())
        if waits and not self._asked:
            await self._news(OPEN_FOR_PEOPLE)
        return bool(self._asked)

    async def _news(self, within: timedelta | None) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: bool(self._asked or self._answered or self._failed), timeout=within)

    async def _do(self, job: Job) -> None:
        try:
            answer = await self._activity(
                JOB, [job.to_json()], PATIENCE + timedelta(milliseconds=job.longest_ms), _said(job)
            )
        except Exception as error:
            self._failed.append(error)
        else:
            self._answered.append((job, answer))

    async def _activity(self, name: str, args: list[Any], patience: timedelta, summary: str = "") -> dict[str, Any]:
        return dict(
            await workflow.execute_activity(
                name,
                args=args,
                result_type=dict[str, Any],
                start_to_close_timeout=patience,
                heartbeat_timeout=self._heartbeat,
                retry_policy=AGAIN,
                summary=summary or None,
            )
        )


def _now() -> int:
    return workflow.time_ns() // 1_000_000


def _said(job: Job) -> str:
    """Return what a person sees of a job in Temporal's own pages."""
    call = job.what.get("call")
    if call is not None:
        return f"{job.do} {call['step']} {call['op']} {call['attempt']} of {job.saga}"
    return f"{job.do} {job.what.get('step', '')} {job.saga}".rstrip()
