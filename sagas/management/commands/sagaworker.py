"""A worker alone: claims runs and drives them until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.utils.module_loading import import_string

from sagas.clock import spawn, until_one_ends
from sagas.journal import Journal
from sagas.management.ready import need_engine, need_webhook, pace, prepare_databases, settle_memory, workers


class Command(BaseCommand):
    help = "Claim runs and drive them. Start as many as you like, on as many machines."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        need_webhook()
        need_engine()
        prepare_databases()
        settle_memory()
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
        worker, *elsewhere = workers(journal, pace())
        working = spawn(worker.run(), "worker")
        beside = [spawn(each.run(), "engine elsewhere") for each in elsewhere]
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        self.stdout.write(f"working: {worker.owner}")
        self.stdout.flush()
        try:
            await until_one_ends(working, *beside)
        finally:
            await journal.stop()
