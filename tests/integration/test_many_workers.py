"""Several workers at one database: no run twice, a fair part for each, and no run of a version that one lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.test import override_settings

from playground.bell import RedisBell
from sagas import leases
from sagas.clock import cancel_and_wait, spawn
from sagas.crew import Crew
from sagas.entries import Kind
from sagas.leases import Lease
from sagas.models import LiveWorker, Run
from sagas.runs import create_run
from sagas.worker import Pace
from tests.engine import finish, leave_alone, read, scenario, working
from tests.waiting import until_async

pytestmark = pytest.mark.usefixtures("engine_databases")

NEWER = ("order", 7)
FAR_MS = 10**9
PATIENCE = 20  # seconds


@pytest.fixture(autouse=True)
def _nobody_else(engine_databases: None) -> Iterator[None]:
    """No test counts the workers of another one."""
    LiveWorker.objects.all().delete()
    leave_alone()
    yield
    LiveWorker.objects.all().delete()


def now() -> int:
    return time.time_ns() // 1_000_000


def crew(owner: str, poll_ms: int = FAR_MS, strand_ms: int = FAR_MS) -> Crew:
    return Crew(owner, lease_ms=1000, poll_ms=poll_ms, strand_ms=strand_ms)


def said(owner: str, driving: int = 0, versions: tuple[tuple[str, int], ...] = ()) -> LiveWorker:
    """Let a worker that is somewhere else have said that it is alive."""
    return LiveWorker.objects.create(owner=owner, until_ms=now() + FAR_MS, driving=driving, versions=versions)


def test_rule_25_workers_that_claim_at_once_share_the_runs_and_none_of_them_waits_for_another(
    race: Callable[..., list[tuple[list[Lease], ...]]],
) -> None:
    runs = {create_run(scenario()).pk for _ in range(24)}

    def claim(owner: str) -> Callable[[int], list[Lease]]:
        return lambda _: leases.claim_due(owner, now(), FAR_MS, limit=8)

    got = [lease for each in race(*map(claim, "abcd"), rounds=3) for batch in each for lease in batch]
    assert sorted(lease.run for lease in got) == sorted(runs)
    assert {lease.epoch for lease in got} == {1}


def test_a_worker_alone_takes_all_that_is_due() -> None:
    alone = crew("a")
    alone.say(now(), 0)
    assert alone.portion(0, 40) == 40
    assert not alone.has_left_some


@pytest.mark.parametrize(
    ("mine", "theirs", "due", "part"),
    [(0, (0,), 10, 5), (0, (0, 0, 0), 10, 3), (5, (0,), 5, 1), (0, (5,), 5, 5), (3, (9, 9), 9, 7), (9, (0, 0), 1, 1)],
)
def test_a_part_is_what_makes_all_of_them_equal_and_never_nothing(
    mine: int, theirs: tuple[int, ...], due: int, part: int
) -> None:
    for n, driving in enumerate(theirs):
        said(f"other-{n}", driving)
    one = crew("one")
    one.say(now(), mine)
    assert one.portion(mine, due) == part
    assert one.has_left_some is (part < due)


def test_what_nobody_has_taken_within_a_poll_is_anyones() -> None:
    said("asleep")
    one = crew("one", poll_ms=0)
    one.say(now(), 0)
    assert (one.portion(0, 10), one.portion(5, 5)) == (5, 5)
    assert not one.has_left_some


def test_what_others_have_taken_is_left_to_them_no_longer() -> None:
    said("beside", driving=0)
    one = crew("one", poll_ms=0)
    one.say(now(), 0)
    assert (one.portion(0, 10), one.has_left_some) == (5, True)
    assert leases.claim_due("one", now(), FAR_MS, limit=8, portion=partial(one.portion, 5)) == []
    assert not one.has_left_some
    assert one.portion(5, 15) == 5, "a fair part again"


def test_who_left_and_who_died_no_longer_counts() -> None:
    one, left = crew("one"), crew("left")
    left.say(now(), 0)
    LiveWorker.objects.create(owner="dead", until_ms=now() - 1)
    LiveWorker.objects.create(owner="long dead", until_ms=now() - FAR_MS)
    one.say(now(), 0)
    assert one.portion(0, 10) == 5
    left.leave()
    one.say(now(), 0)
    assert one.portion(0, 10) == 10
    assert set(LiveWorker.objects.values_list("owner", flat=True)) == {"one", "dead"}


def test_a_worker_is_counted_while_it_works_and_no_longer() -> None:
    async def go() -> list[Any]:
        async with working() as (_, worker, wait):
            await wait([(await asyncio.to_thread(create_run, scenario())).pk])
            row = await asyncio.to_thread(LiveWorker.objects.get)
            return [row.owner == worker.owner, row.driving, ["order", 1] in row.versions]

    assert asyncio.run(go()) == [True, 0, True]
    assert not LiveWorker.objects.exists()


def of_newer() -> Run:
    run = create_run(scenario())
    Run.objects.filter(pk=run.pk).update(version=NEWER[1])
    return run


def test_rule_35_a_worker_leaves_a_version_that_it_lacks_to_the_one_that_has_it() -> None:
    said("newer", versions=(NEWER,))
    theirs, ours = of_newer(), create_run(scenario())
    (done,) = finish(ours)
    assert done.states == ["completed"]
    left = Run.objects.get(pk=theirs.pk)
    assert (left.state, left.last_seq, left.lease_epoch, left.lease_owner) == ("running", 0, 0, "")


def test_rule_35_a_version_that_nobody_was_heard_to_have_is_not_given_up_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs, ours = of_newer(), create_run(scenario())

    async def go() -> None:
        async with working(Pace(poll_ms=20)) as (_, worker, wait):
            await wait([ours.pk])
            await until_async(lambda: not worker.driving)

    asyncio.run(go())
    assert "order 7 is left to others" in caplog.text
    left = Run.objects.get(pk=theirs.pk)
    assert (left.state, left.last_seq, left.lease_owner) == ("running", 0, "")
    said("newer", versions=(NEWER,))
    assert leases.claim_due("newer", now(), 1000, 9, theirs.pk) != [], "whoever has it can claim it at once"


def test_rule_35_a_version_that_no_live_worker_has_had_for_a_while_waits_for_a_person() -> None:
    newer, theirs = said("newer", versions=(NEWER,)), of_newer()

    async def go() -> None:
        async with working(Pace(lease_ms=60, poll_ms=20, strand_ms=300)) as (_, _, wait):
            await wait([(await asyncio.to_thread(create_run, scenario())).pk])
            assert await asyncio.to_thread(lambda: Run.objects.get(pk=theirs.pk).state) == "running"
            await asyncio.to_thread(newer.delete)
            await wait([theirs.pk])

    asyncio.run(go())
    stuck = read(theirs.pk)
    assert stuck.states == ["needs-operator"]
    assert stuck.kinds(Kind.SAGA_NEEDS_OPERATOR)[0].detail["reason"] == "no definition 'order' in version 7"


class Ear:
    """A worker as a bell sees it."""

    def __init__(self, held: str = "", *, is_full: bool = False) -> None:
        self.woken: list[str] = []
        self._held, self._is_full = held, is_full

    def holds(self, run: str) -> bool:
        return run == self._held

    def wants_more(self) -> bool:
        return not self._is_full

    def wake(self, run: str) -> None:
        self.woken.append(run)


def test_a_ring_wakes_one_worker_that_wants_more_and_whoever_holds_the_run(redis_url: str) -> None:
    runs = [f"run-{n}" for n in range(12)]

    async def go() -> tuple[list[list[str]], list[str]]:
        bell, free, holder = RedisBell(), [Ear() for _ in range(3)], Ear("held", is_full=True)
        heeding = [spawn(bell.heed(ear), "heed") for ear in (*free, holder)]
        await until_async(lambda: all(ear.woken for ear in (*free, holder)), lambda: bell.ring("held"))
        for run in runs:
            await asyncio.to_thread(bell.ring, run)
            await until_async(lambda run=run: any(run in ear.woken for ear in free))  # type: ignore[misc]
        await cancel_and_wait(*heeding)
        return [[run for run in ear.woken if run in runs] for ear in free], holder.woken

    with override_settings(REDIS_URL=redis_url):
        shared, holder = asyncio.run(go())
    assert sorted(run for woken in shared for run in woken) == sorted(runs), "each ring woke exactly one"
    assert all(shared), "and not always the same"
    assert set(holder) == {"held"}


def test_a_bell_that_is_away_keeps_nobody_and_is_heard_again(
    valkey_server_factory: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    redis = valkey_server_factory()
    port = redis.port

    async def go() -> None:
        bell, holder = RedisBell(), Ear("held")
        heeding = spawn(bell.heed(holder), "heed")
        await until_async(lambda: bool(holder.woken), lambda: bell.ring("held"))
        await asyncio.to_thread(redis.stop)
        await until_async(lambda: "bell.not-rung" in caplog.text, lambda: bell.ring("held"))
        await asyncio.to_thread(valkey_server_factory, port=port)
        holder.woken.clear()
        await until_async(lambda: bool(holder.woken), lambda: bell.ring("held"))
        await cancel_and_wait(heeding)

    with override_settings(REDIS_URL=f"redis://127.0.0.1:{port}/0"):
        asyncio.run(go())
    said = [record.msg for record in caplog.records if record.name == "playground.bell"]
    assert said.count("bell.not-rung: %s") == 1, "an absence is told once"


def test_a_run_that_another_process_makes_is_driven_before_the_next_poll(redis_url: str) -> None:
    run = create_run(scenario())
    leave_alone()

    async def go() -> None:
        async with working(Pace(poll_ms=FAR_MS)) as (_, _, wait):
            await wait([(await asyncio.to_thread(create_run, scenario())).pk])  # it has looked, and rests
            await asyncio.to_thread(Run.objects.filter(pk=run.pk).update, leased_until=0)
            await asyncio.to_thread(RedisBell().ring, run.pk)  # as another process does: nobody in here calls
            await wait([run.pk])

    with override_settings(REDIS_URL=redis_url, SAGA_BELL="playground.bell.bell"):
        asyncio.run(go())
    assert read(run.pk).states == ["completed"]
