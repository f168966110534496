"""The worker inside the web process, as `manage.py play` runs it.

Journal, worker and sockets share one event loop. What is committed goes to the sockets
through the channel layer, exactly as it does when workers are elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

from django.conf import settings

from playground import live, observed
from playground.housekeeping import keep_house
from sagas import catalog
from sagas.clock import cancel_and_wait, spawn, until_one_ends
from sagas.journal import Journal
from sagas.management.ready import workers
from sagas.worker import Pace

STOP_SECONDS = 4.0  # a stop that takes longer is cut short: the next start recovers


class Embedded:
    """A journal and a worker of this process. `start` and `stop` on the server's event loop."""

    def __init__(self, pace: Pace) -> None:
        self._journal = Journal()
        self._journal.listen(live.publish)
        self.worker, *self._elsewhere = workers(self._journal, pace)
        self._task: asyncio.Task[None] | None = None
        self._around = ExitStack()

    def start(self, loop: asyncio.AbstractEventLoop, on_death: Callable[[BaseException], None]) -> None:
        """Begin to work as soon as the loop runs; `on_death(error)` is called if the worker ends by an error."""
        self._around.enter_context(observed.work(self._journal))
        self._task = loop.create_task(self._work(), name="worker")

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()):
                on_death(error)

        self._task.add_done_callback(ended)

    async def _work(self) -> None:
        self._journal.start()
        beside = [spawn(keep_house(), "keep house")] if settings.SAGA_PUBLIC else []
        try:
            await until_one_ends(*(spawn(each.run(), "worker") for each in (self.worker, *self._elsewhere)))
        finally:
            await cancel_and_wait(*beside)

    async def stop(self) -> None:
        """Give every lease back, write what is waiting, end the services' threads."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await cancel_and_wait(self._task)
                await self._journal.stop()
        finally:
            await asyncio.to_thread(self._around.close)
        for service in catalog.SERVICES.values():
            await asyncio.to_thread(service.close)


current: Embedded | None = None
