"""Sagas from the terminal: start one, or go on with one, and see its journal as it is committed."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError
from rich.console import Console

from playground import observed, worlds
from playground.management import alert_test, chaos, exporting, grid, lint
from playground.management.printing import entry_line, outcome_line
from playground.management.scenarios import scenario_from_options
from sagas import journal
from sagas.clock import cancel_and_wait, spawn
from sagas.entries import Entry, Kind
from sagas.management.ready import need_engine, need_webhook, pace, prepare_databases, workers
from sagas.models import Run, Saga

logger = logging.getLogger(__name__)

OTHERS = {"grid": grid, "chaos": chaos, "lint": lint, "alert-test": alert_test}  # commands in rooms of their own
EXIT_CODES = {"completed": 0, "compensated": 3, "needs-operator": 4, "abandoned": 5, "lost": 5}
INTERRUPTED = 130
LOOK_SECONDS = 0.1
ENDS = "exit 0 completed, 3 compensated, 4 needs-operator, 5 abandoned or lost"


class Command(BaseCommand):
    help = "Sagas in the terminal."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="what", required=True)
        run = commands.add_parser("run", help=f"one run, its journal live; {ENDS}")
        run.add_argument("saga", nargs="?", default=None, help="the saga definition (default: order)")
        run.add_argument("--scenario", metavar="FILE", help="a scenario as JSON; - reads standard input")
        run.add_argument("--fault", action="append", default=[], metavar="STEP[.compensation]:KIND[:TIMES]")
        resume = commands.add_parser("resume", help=f"go on with a run that another process left; {ENDS}")
        resume.add_argument("run", help="the id of the run")
        exporting.add_arguments(commands)
        others = [module.add_to(commands) for module in OTHERS.values()]
        for command in (run, resume, *others):
            command.add_argument("--json", action="store_true", help="one JSON object a line instead of text")

    def handle(self, *, what: str, **options: Any) -> None:
        if what == "export":
            return exporting.handle(self.stdout, **options)
        if what in OTHERS:
            sys.exit(OTHERS[what].handle(options))
        need_webhook()
        need_engine()
        run = self._start(options) if what == "run" else self._find(options["run"])
        reader = Terminal(run.pk, as_json=options["json"])
        reader.show(run.pk, journal.read_all(run.pk))
        asyncio.run(reader.follow(run.engine))
        sys.exit(self._report(run, reader))

    def _start(self, options: dict[str, Any]) -> Run:
        try:
            scenario = scenario_from_options(options["saga"], options["scenario"], options["fault"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        prepare_databases()
        return worlds.start(scenario)

    def _find(self, run_id: str) -> Run:
        prepare_databases()
        run = Run.objects.filter(pk=run_id).first()
        if run is None:
            raise CommandError(f"there is no run {run_id!r} in this SAGA_DATA")
        if run.engine not in ("", settings.SAGA_ENGINE):
            raise CommandError(f"run {run_id} is driven by {run.engine}: set SAGA_ENGINE={run.engine}")
        return run

    def _report(self, run: Run, reader: Terminal) -> int:
        run.refresh_from_db()
        sagas = list(Saga.objects.filter(run=run).order_by("index"))
        for saga in sagas:
            reader.say(outcome_line(saga.order, saga.state, saga.cause))
        if run.state != Run.State.FINISHED:
            reader.say(f"interrupted: go on with manage.py saga resume {run.pk}")
            return INTERRUPTED
        return max(EXIT_CODES[saga.state] for saga in sagas if saga.state in EXIT_CODES)


class Terminal:
    """Prints one run's entries once each until it is finished, and drives it, unless another process does."""

    def __init__(self, run: str, *, as_json: bool) -> None:
        self._run, self._as_json = run, as_json
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._finished = asyncio.Event()
        self._seq = 0

    def say(self, markup: str) -> None:
        """Print a line for people; not where the output is JSON."""
        if not self._as_json:
            self._console.print(markup)

    def show(self, run: str, entries: Sequence[Entry]) -> None:
        """Print committed entries that follow what was printed; others are read from the journal later."""
        fresh = [entry for entry in entries if entry.seq > self._seq]
        if not fresh or fresh[0].seq > self._seq + 1:
            return
        self._seq = fresh[-1].seq
        for entry in fresh:
            if self._as_json:
                self._console.file.write(json.dumps(entry.to_json()) + "\n")
            else:
                self._console.print(entry_line(entry))
        self._console.file.flush()
        if fresh[-1].kind is Kind.RUN_FINISHED:
            self._finished.set()

    async def follow(self, engine: str = "") -> None:
        """Drive the run once its lease is free, see what others drive; return when it is finished, or on Ctrl-C."""
        if self._finished.is_set():
            return
        book = journal.Journal()
        with observed.work(book):
            failed = await self._drive(book, engine)
        if failed:
            raise CommandError(f"the worker died: {failed!r}") from failed

    async def _drive(self, book: journal.Journal, engine: str) -> BaseException | None:
        """Return what the worker died of, or None."""
        book.listen(self.show)
        book.start()
        found = workers(book, pace(), only=self._run, elsewhere=bool(engine))
        working = [spawn(each.run(), "worker") for each in found]
        working.append(spawn(self._look_forever(), "look at the journal"))
        waiting = spawn(self._finished.wait(), "wait for the end")
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._finished.set)
        await asyncio.wait({*working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        failed = next((task.exception() for task in working if task.done()), None)
        await cancel_and_wait(*working, waiting)
        await book.stop()
        return failed

    async def _look_forever(self) -> None:
        """Print what another process has committed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.show(self._run, await journal.aread(self._run, self._seq))
            except DatabaseError as error:
                logger.error("saga.journal-unread: %s", error)
