"""What a public site does for itself: old runs go, and nobody keeps a run paused for good.

It works a little at a time, in a thread, so that neither the event loop nor the journal waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connections
from django.utils import timezone

from playground import imported, onedb
from playground.models import ApiAnswer
from playground.services import worlds
from sagas.errors import CommandRefused, RunUnknown
from sagas.models import Run
from sagas.pausing import RESUME
from sagas.pruning import prune
from sagas.runs import ask_run

logger = logging.getLogger(__name__)

ROUND_SECONDS = 600.0
RUNS_AT_A_TIME = 20
REST_SECONDS = 0.2  # between two handfuls of runs, for whoever wants to write meanwhile
PAUSED_HOURS = 24  # that a run may be old and paused
PAUSED_AT_A_TIME = 100
HOUSE = "the house"


async def keep_house() -> None:
    """Tidy up now and then, until cancelled. What fails is tried again the next time."""
    while True:
        try:
            await tidy()
        except Exception:
            logger.exception("house.not-tidied")
        await asyncio.sleep(ROUND_SECONDS)


async def tidy() -> int:
    """Drop what is older than `SAGA_KEEP` and let old paused runs go on; return how many runs were dropped."""
    before = time.time_ns() // 1_000_000 - settings.SAGA_KEEP_SECONDS * 1000
    dropping, dropped = drop(before), 0
    while count := await asyncio.to_thread(_in_thread, dropping):
        dropped += count
        await asyncio.sleep(REST_SECONDS)
    await asyncio.to_thread(_resume_in_thread)
    if dropped:
        logger.info("house.pruned", extra={"runs": dropped})
    return dropped


def drop(finished_before_ms: int, batch: int = RUNS_AT_A_TIME) -> Iterator[int]:
    """Drop the runs that finished before a moment and the API's answers of that age; yield how many runs went."""
    yield from prune(
        finished_before_ms, time.time_ns() // 1_000_000, also=[onedb.forget, worlds.forget_calls], batch=batch
    )
    worlds.drop(finished_before_ms)
    imported.drop(finished_before_ms)
    ApiAnswer.objects.filter(created_at__lt=datetime.fromtimestamp(finished_before_ms / 1000, UTC)).delete()


def resume_old() -> int:
    """Ask runs that are old and paused, a hundred at the most, to go on; return how many were asked."""
    old = timezone.now() - timedelta(hours=PAUSED_HOURS)
    paused = Run.objects.filter(state=Run.State.RUNNING, paused=True, pruning=False, created_at__lt=old)
    return sum([_resume(run) for run in paused.values_list("pk", flat=True)[:PAUSED_AT_A_TIME]])


def _in_thread(dropping: Iterator[int]) -> int:
    try:
        return next(dropping, 0)
    finally:
        connections.close_all()


def _resume_in_thread() -> None:
    try:
        resume_old()
    finally:
        connections.close_all()


def _resume(run: str) -> bool:
    try:
        ask_run(run, RESUME, who=HOUSE, why=f"paused, and older than {PAUSED_HOURS} hours")
    except (CommandRefused, RunUnknown) as error:
        logger.info("house.not-resumed", extra={"run": run, "why": str(error)})
        return False
    return True
