"""The desk of a process, as activity functions: they run on threads of the SDK's, the desk on its event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from durabletask.task import ActivityContext

from sagas.engines.desk import Desk
from sagas.errors import LeaseLost, WorkDied

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Activities:
    """The two activities of a process; `loop` is the one that the desk is used on."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._desk, self._loop = desk, loop
        self._under_way: set[Future[Any]] = set()

    def close(self) -> None:
        """Give up what is under way: its orchestrations schedule it again, elsewhere or later."""
        for work in list(self._under_way):
            work.cancel()

    def saga_begin(self, context: ActivityContext, asked_for: dict[str, Any]) -> dict[str, Any]:
        """See `Desk.begin`."""
        return self._on_loop(self._desk.begin(asked_for["run"], asked_for["execution"]))

    def saga_job(self, context: ActivityContext, asked_for: dict[str, Any]) -> dict[str, Any]:
        """See `Desk.do`."""
        return self._on_loop(self._desk.do(asked_for["job"], again=asked_for["again"]))

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._under_way.add(future)
        try:
            return future.result()
        except (LeaseLost, WorkDied, CancelledError):
            raise  # of these the orchestration makes what there is to be made
        except Exception:
            logger.exception("durable.job-failed")
            raise
        finally:
            self._under_way.discard(future)
