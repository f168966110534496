"""One run as an orchestrator function: it waits, and has the jobs of a `Loop` done by activities.

Back-off, deadlines and time without an answer to a settlement are durable timers. An activity that
failed, or that nobody answers, is scheduled again: a backend need not know that a worker died, and the
one in memory does not. The desk takes the second one for what it is and makes no call twice; how often
a call is made is the step's own budget's to say.

While the run waits for a person its orchestration stays open. After its end, what somebody asks starts
a new one, which begins from the journal.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from durabletask.task import CompletableTask, OrchestrationContext, Task, TimerTask, when_any

from sagas.engines.jobs import Job
from sagas.engines.loop import Loop
from sagas.state import ENDED

ASK, BEGIN, JOB = "ask", "saga_begin", "saga_job"
AGAIN_MS = 500  # before a failed activity is scheduled again
EPOCH = datetime(1970, 1, 1)  # an orchestration's time is UTC and says so nowhere
LOST = "LeaseLost"

Steps = Generator[Task[Any], Any, Any]


@dataclass(slots=True, kw_only=True)
class UnderWay:
    """A job that has been begun: the task that answers it, None while it rests, and when it is begun again."""

    job: Job
    task: CompletableTask[dict[str, Any]] | None
    again_at: int


class Execution:
    """One run of the orchestrator function. `patience_ms` is how long an activity may be silent beyond its plan."""

    def __init__(self, context: OrchestrationContext, run: str, patience_ms: int) -> None:
        self._context, self._run, self._patience_ms = context, run, patience_ms
        self._under_way: list[UnderWay] = []
        self._news = context.wait_for_external_event(ASK)
        self._timer: tuple[int, TimerTask] | None = None

    def drive(self) -> Steps:
        """Return how each saga stands once nothing of the run moves; {} where there was nothing to drive."""
        told = yield from self._begin()
        if told is None or told["over"]:
            return {}
        loop = Loop(told)
        while True:
            for job in loop.think(self._now()):
                self._under_way.append(self._begun(job))
            states = {saga: str(state.phase) for saga, state in loop.states.items()}
            self._context.set_custom_status(states)
            if loop.rests and all(state.phase in ENDED for state in loop.states.values()):
                return states
            yield when_any(self._awaited(loop))
            if not self._hear(loop):
                return {}

    def _begin(self) -> Steps:
        """Return what the loop is told, None where another execution has the run."""
        # The orchestration's id is the run's, and stays so for the next one; this is its alone.
        asked_for = {"run": self._run, "execution": self._context.new_uuid()}
        while True:
            task: CompletableTask[dict[str, Any]] = self._context.call_activity(BEGIN, input=asked_for)
            silence = self._context.create_timer(timedelta(milliseconds=self._patience_ms))
            yield when_any([task, silence])
            if task.is_complete and not task.is_failed:
                silence.cancel()
                return task.get_result()
            if task.is_complete:
                if task.get_exception().details.is_caused_by(LOST):
                    return None
                yield silence

    def _begun(self, job: Job, *, again: bool = False) -> UnderWay:
        task: CompletableTask[dict[str, Any]] = self._context.call_activity(
            JOB, input={"job": job.to_json(), "again": again}
        )
        return UnderWay(job=job, task=task, again_at=self._now() + self._patience_ms + job.longest_ms)

    def _awaited(self, loop: Loop) -> list[Task[Any]]:
        """Return all that may happen next, the earliest moment among it."""
        moments = [each.again_at for each in self._under_way]
        until = min([*moments, *([] if loop.until is None else [loop.until])], default=None)
        if self._timer is not None and (until is None or self._timer[1].is_complete or self._timer[0] > until):
            self._timer[1].cancel()
            self._timer = None
        if until is not None and self._timer is None:
            at = EPOCH + timedelta(milliseconds=max(until, self._now() + 1))
            self._timer = (until, self._context.create_timer(at))
        tasks = [each.task for each in self._under_way if each.task is not None]
        return [*tasks, self._news, *([self._timer[1]] if self._timer is not None else [])]

    def _hear(self, loop: Loop) -> bool:
        """Take whatever has happened; return False where another execution has the run by now."""
        for each in list(self._under_way):
            if each.task is not None and each.task.is_complete:
                if not each.task.is_failed:
                    self._under_way.remove(each)
                    loop.done(each.job, each.task.get_result(), self._now())
                elif each.task.get_exception().details.is_caused_by(LOST):
                    return False
                else:
                    each.task, each.again_at = None, self._now() + AGAIN_MS
            elif self._now() >= each.again_at:
                self._under_way[self._under_way.index(each)] = self._begun(each.job, again=True)
        if self._news.is_complete:
            loop.ask(self._news.get_result())
            self._news = self._context.wait_for_external_event(ASK)
        return True

    def _now(self) -> int:
        return (self._context.current_utc_datetime.replace(tzinfo=None) - EPOCH) // timedelta(milliseconds=1)


def saga_run(context: OrchestrationContext, asked_for: dict[str, Any]) -> Steps:
    """Drive the run `asked_for["run"]`."""
    return (yield from Execution(context, asked_for["run"], asked_for["patience_ms"]).drive())
