"""A worker alone: claims runs and drives them until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.utils.module_loading import import_string

from sagas.clock import cancel_and_wait, spawn
from sagas.engines import chosen
from sagas.journal import Journal
from sagas.management.ready import need_engine, need_webhook, pace, prepare_databases
from sagas.worker import Worker


class Command(BaseCommand):
    help = "Claim runs and drive them. Start as many as you like, on as many machines."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        need_webhook()
        need_engine()
        prepare_databases()
        gc.freeze()  # what is loaded by now stays: the collector need not look at it again and again
        journal = Journal()
        with ExitStack() as around:
            for path in settings.SAGA_AROUND_WORK:
                around.enter_context(import_string(path)(journal))
            asyncio.run(self._work(journal))
        self.stdout.write("stopped")

    async def _work(self, journal: Journal) -> None:
        for path in settings.SAGA_LISTENERS:
            journal.listen(import_string(path))
        journal.start()
        mine = pace()
        worker = Worker(journal, pace=mine)
        working = asyncio.create_task(worker.run(), name="worker")
        elsewhere = chosen.worker(journal, lease_ms=mine.lease_ms, poll_ms=mine.poll_ms)
        beside = [spawn(elsewhere.run(), "engine elsewhere")] if elsewhere else []
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        self.stdout.write(f"working: {worker.owner}")
        self.stdout.flush()
        try:
            await asyncio.wait({working, *beside}, return_when=asyncio.FIRST_COMPLETED)
            for ended in [task for task in (working, *beside) if task.done() and not task.cancelled()]:
                ended.result()
        finally:
            await cancel_and_wait(working, *beside)
            await journal.stop()
