"""`saga alert-test`: a real run that ends `needs-operator`, to prove that its alert reaches a person.

The run is then resolved like any other, as if somebody had refunded the card by hand, so that
nothing is left open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management import CommandError

from playground import worlds
from playground.scenario import Scenario
from sagas import alerts, runs
from sagas.clock import cancel_and_wait, spawn
from sagas.entries import Kind
from sagas.journal import Journal
from sagas.management.ready import need_engine, need_webhook, pace, prepare_databases, workers
from sagas.models import Alert, JournalEntry, Run

LOOK_SECONDS = 0.1
WHO = "alert-test"
STUCK = {
    "latency_ms": 0,
    "faults": [
        {"step": "notify-warehouse", "kind": "decline"},
        {"step": "charge-payment", "on": "compensation", "kind": "decline"},
    ],
}


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Return the parser of this sub-command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "alert-test", help="prove that an alert is raised, journaled and delivered; exit 1 if it is not"
    )
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS", help="default: 60")
    return parser


def handle(options: Mapping[str, Any]) -> int:
    """Raise an alert and follow it; return 1 unless it was raised, journaled and, if a webhook is set, delivered."""
    need_webhook()
    need_engine()
    if options["patience"] <= 0:
        raise CommandError("--patience: must be more than 0")
    prepare_databases()
    run = worlds.start(Scenario.parse(STUCK))
    passed = asyncio.run(_followed(run.pk, alerts.webhook() is not None, options["patience"]))
    for name, outcome in passed.items():
        _say(name, outcome, as_json=options["json"])
    return int(False in passed.values())


async def _followed(run: str, has_webhook: bool, patience: float) -> dict[str, bool | None]:
    """Drive a run until its alert has arrived or patience ends, then close it; return what came true."""
    book = Journal()
    book.start()
    mine = pace(poll_ms=round(LOOK_SECONDS * 1000))
    working = [spawn(each.run(), "worker") for each in workers(book, mine, only=run)]
    try:
        passed = await _until(lambda: _seen(run, has_webhook), patience)
        if passed["raised"]:
            await asyncio.to_thread(_resolve, run)
            closed = await _until(lambda: {"closed again": _is_closed(run)}, patience)
            passed = {**passed, **closed}
    finally:
        await cancel_and_wait(*working)
        await book.stop()
    return passed


async def _until(look: Any, patience: float) -> dict[str, bool | None]:
    """Return what `look` finds once none of it is False, or when patience ends."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while True:
        found: dict[str, bool | None] = await asyncio.to_thread(look)
        if False not in found.values() or loop.time() > end:
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _seen(run: str, has_webhook: bool) -> dict[str, bool | None]:
    alert = Alert.objects.filter(saga__run_id=run).first()
    journaled = JournalEntry.objects.filter(run_id=run, kind=str(Kind.SAGA_NEEDS_OPERATOR)).exists()
    told = alert is not None and alert.notified_at_ms is not None
    finished = Run.objects.get(pk=run).state == Run.State.FINISHED
    return {
        "raised": alert is not None and finished,
        "journaled": journaled,
        "delivered": told if has_webhook else None,
    }


def _resolve(run: str) -> None:
    runs.resolve_saga(f"{run}-1", who=WHO, why="the alert was a test", evidence="the card was a test's")


def _is_closed(run: str) -> bool:
    open_ones = Alert.objects.filter(saga__run_id=run, resolved_at_ms=None)
    return Run.objects.get(pk=run).state == Run.State.FINISHED and not open_ones.exists()


def _say(name: str, outcome: bool | None, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"what": name, "ok": outcome}) + "\n")
        return
    word = "not tried: SAGA_ALERT_WEBHOOK names nobody" if outcome is None else "yes" if outcome else "NO"
    sys.stdout.write(f"{name}: {word}\n")
