"""The desk of a process, as Temporal activities. While one is at work, Temporal hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import ApplicationErrorCategory as ErrorCategory

from sagas.clock import cancel_and_wait, spawn
from sagas.engines.desk import Desk
from sagas.engines.temporal.workflow import BEGIN, JOB
from sagas.errors import SagaError, WorkDied


class Activities:
    """`all` is what a Temporal worker is to be given."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def all(self) -> list[Any]:
        return [self.begin, self.job]

    @activity.defn(name=BEGIN)
    async def begin(self, run: str, execution: str) -> dict[str, Any]:
        """See `Desk.begin`."""
        async with _heard():
            return await self._desk.begin(run, execution)

    @activity.defn(name=JOB)
    async def job(self, job: dict[str, Any]) -> dict[str, Any]:
        """See `Desk.do`; an activity that Temporal repeats is one whose worker died over it."""
        async with _heard():
            return await self._desk.do(job, again=activity.info().attempt > 1)


@asynccontextmanager
async def _heard() -> AsyncIterator[None]:
    """Tell Temporal that this worker lives, three times in the time after which it would be taken for dead."""
    beating = spawn(_beat(), "heartbeat")
    try:
        yield
    except SagaError as error:
        # What the plan of a run wants is no news to whoever reads logs.
        planned = ErrorCategory.BENIGN if isinstance(error, WorkDied) else ErrorCategory.UNSPECIFIED
        raise ApplicationError(str(error), type=type(error).__name__, category=planned) from None
    finally:
        await cancel_and_wait(beating)


async def _beat() -> None:
    patience = activity.info().heartbeat_timeout
    while patience is not None:
        activity.heartbeat()
        await asyncio.sleep(patience.total_seconds() / 3)
