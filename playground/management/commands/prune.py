"""Drops old runs with all that they own. Scenarios stay: what was shared is shared for ever.

Of a public site it does all the housekeeping, as `play` does where it works itself: paused runs of long ago go on.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from playground import environment
from playground.housekeeping import drop, resume_old
from sagas.management.ready import prepare_databases
from sagas.pruning import RUNS_PER_BATCH


def seconds(text: str) -> int:
    """Return the seconds of an age such as 30s, 15m, 12h or 7d. Raises ArgumentTypeError for anything else."""
    try:
        return environment.seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = "Drop the runs that finished long ago, with all that they own in every database. Scenarios stay."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--older-than", required=True, type=seconds, metavar="AGE", help="since a run finished: 30s, 15m, 12h, 7d"
        )

    def handle(self, *, older_than: int, **options: Any) -> None:
        prepare_databases()
        before = time.time_ns() // 1_000_000 - older_than * 1000
        count = 0
        for dropped in drop(before, RUNS_PER_BATCH):
            count += dropped
            self.stdout.write(f"{count} runs dropped so far")
        self.stdout.write(f"{count} runs dropped in all" if count else "nothing is that old")
        if settings.SAGA_PUBLIC and (asked := resume_old()):
            self.stdout.write(f"paused runs asked to go on: {asked}")
