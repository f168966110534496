"""A public site keeps itself tidy while it serves."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.utils import timezone

from playground import housekeeping
from playground.models import ApiAnswer
from sagas.entries import Kind
from sagas.models import Command, Run
from sagas.runs import ask_run, create_run
from tests import waiting
from tests.engine import drive, scenario, until, working
from tests.play import Play

pytestmark = pytest.mark.usefixtures("engine_databases")

KEY = "a-key-for-tests-that-is-long-enough-to-please-the-check-of-keys-0123456789"
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Hides the runs of other tests from the broom, as if they had just finished."""
    others = list(Run.objects.filter(finished_at_ms__isnull=False).values_list("pk", "finished_at_ms"))
    Run.objects.filter(pk__in=[pk for pk, _ in others]).update(finished_at_ms=None)
    yield
    for pk, at in others:
        Run.objects.filter(pk=pk).update(finished_at_ms=at)


def test_a_site_drops_its_old_runs_a_few_at_a_time_and_keeps_the_young(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SAGA_KEEP_SECONDS = 7 * 86_400
    monkeypatch.setattr(housekeeping, "RUNS_AT_A_TIME", 2)
    old, young = drive(*[scenario()] * 3), drive(scenario())[0]
    now = time.time_ns() // 1_000_000
    Run.objects.filter(pk__in=[each.run.pk for each in old]).update(finished_at_ms=now - 8 * DAY_MS)
    Run.objects.filter(pk=young.run.pk).update(finished_at_ms=now - 6 * DAY_MS)
    for key, days in (("old", 8), ("young", 6)):
        ApiAnswer.objects.create(key=f"house-{key}", fingerprint="", status=201, content_type="", body=b"")
        ApiAnswer.objects.filter(pk=f"house-{key}").update(created_at=timezone.now() - timedelta(days=days))
    assert asyncio.run(housekeeping.tidy()) == 3
    assert not Run.objects.filter(pk__in=[each.run.pk for each in old]).exists()
    assert Run.objects.filter(pk=young.run.pk).exists()
    assert set(ApiAnswer.objects.filter(pk__startswith="house-").values_list("pk", flat=True)) == {"house-young"}


def test_a_run_that_was_left_paused_a_day_ago_goes_on() -> None:
    paused, forgotten = _two_paused()
    Run.objects.filter(pk=forgotten).update(created_at=timezone.now() - timedelta(hours=25))
    asyncio.run(housekeeping.tidy())
    told = Command.objects.get(run=forgotten, kind="resume")
    assert (told.who, told.why) == ("the house", "paused, and older than 24 hours")
    assert not Command.objects.filter(run=paused, kind="resume").exists()


@pytest.mark.parametrize("public", [True, False])
def test_where_no_web_process_keeps_house_prune_has_old_paused_runs_go_on(settings: Any, public: bool) -> None:
    settings.SAGA_PUBLIC = public
    paused, forgotten = _two_paused()
    Run.objects.filter(pk=forgotten).update(created_at=timezone.now() - timedelta(hours=25))
    said = io.StringIO()
    call_command("prune", "--older-than", "7d", stdout=said)
    assert Command.objects.filter(run=forgotten, kind="resume", who="the house").exists() is public
    assert ("paused runs asked to go on: 1" in said.getvalue()) is public
    assert not Command.objects.filter(run=paused, kind="resume").exists()


def _two_paused() -> list[str]:
    runs = [create_run(scenario()).pk for _ in range(2)]
    for run in runs:
        ask_run(run, "pause", who="a test")

    async def pause() -> None:
        async with working():
            for run in runs:
                await asyncio.to_thread(until, run, lambda entries: any(e.kind is Kind.OPERATOR_ACTED for e in entries))

    asyncio.run(pause())
    assert Run.objects.filter(pk__in=runs, paused=True).count() == 2
    return runs


def test_play_as_a_public_site_prunes_by_itself(live_play: Callable[..., Play]) -> None:
    play = live_play(SAGA_PUBLIC="1", SECRET_KEY=KEY, SAGA_KEEP="0s")
    made = httpx.post(f"{play.url}/api/runs", json={"latency_ms": 0}, timeout=waiting.PATIENCE_SECONDS)
    assert made.status_code == 201
    run = made.json()["id"]

    def answer() -> httpx.Response:
        return httpx.get(f"{play.url}/api/runs/{run}", timeout=waiting.PATIENCE_SECONDS)

    waiting.until(lambda: answer().json()["state"] == "finished", lambda: play.output)
    play.restart()  # a start begins with tidying up
    waiting.until(lambda: answer().status_code == 404, lambda: play.output)
