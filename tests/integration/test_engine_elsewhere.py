"""Runs on an engine elsewhere, the smallest there is: the same journal, kind by kind, as this project's own worker's."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from django.db import connections

from sagas import catalog, leases, runs
from sagas.engines.jobs import Do, Json, call_from_json
from sagas.entries import Entry, Kind, Lane
from sagas.errors import LeaseLost
from sagas.forks import fork_run
from sagas.journal import read_all
from sagas.models import Command, Run
from sagas.runs import create_run
from sagas.services.base import Call
from sagas.worker import Pace
from tests.clocks import Hasty, Leaping
from tests.engine import Finished, drive, fault, finish, paused, scenario, step_and_cancel, until
from tests.inline import ENGINE, create, desks, drive_inline, execute, told, until_answered
from tests.pauses import pause_violations

pytestmark = pytest.mark.usefixtures("engine_databases")

STEPS = [step.name for step in catalog.ORDER.steps]
ALIKE = {
    "all well": scenario(),
    "the trip": scenario(saga="trip"),
    **{f"{step} declined": scenario(fault(step, "decline")) for step in STEPS},
    "lost reply": scenario(fault("charge-payment", "lost-reply", times=1)),
    "arrives late": scenario(fault("notify-warehouse", "late"), retry={"max_attempts": 1}),
    "timeouts": scenario(fault("book-delivery", "timeout")),
    "twice": scenario(fault("charge-payment", "duplicate")),
    "errors": scenario(fault("create-order", "error", times=2)),
    "stuck": scenario(fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation")),
    "dies before": scenario(fault("charge-payment", "crash-before", times=1)),
    "dies after": scenario(fault("charge-payment", "crash-after", times=1)),
    "dies undoing": scenario(
        fault("book-delivery", "decline"), fault("charge-payment", "crash-after", on="compensation", times=1)
    ),
    "out of stock": scenario(stock=0),
    "deadline": scenario(
        fault("create-order", "error"),
        deadline_ms=2500,
        retry={"max_attempts": 9, "initial_ms": 60_000, "max_ms": 60_000},
    ),
}
DEADLINE = "deadline"
PATIENT = {"timeout_ms": 8000}  # no answer is late by chance, and a silence is slept through by a `Hasty` clock
FAR_MS = 60_000
RACES = {lock: scenario(orders=2, stock=1, lock=lock) for lock in ("fail-fast", "wait", "off", "naive")} | {
    "waits in vain": scenario({**fault("book-delivery", "decline"), "saga": 0}, orders=2, stock=1, lock="wait"),
    "listed": scenario(orders=2, stock=1, lock="off", schedule=[0, 1, 0, 1, 1, 0, 0, 1]),
}


def books(run: str) -> list[tuple[Any, ...]]:
    rows = [row for step in STEPS for row in catalog.SERVICES[catalog.ORDER.step(step).service].ledger(run)]
    return [(row.service, row.n, row.order, row.kind, row.amount, row.key) for row in rows]


@pytest.fixture(scope="module")
def both(engine_databases: None) -> dict[str, tuple[Finished, Finished]]:
    """Every scenario that is not about time on this project's own worker and on the engine elsewhere."""
    scenarios = {name: {**each, **PATIENT} for name, each in (ALIKE | RACES).items() if name != DEADLINE}
    here = drive(*scenarios.values(), clock=Hasty())
    there = drive_inline(*[create(each) for each in scenarios.values()], clock=Hasty())
    return dict(zip(scenarios, zip(here, there, strict=True), strict=True))


@pytest.mark.parametrize("name", [name for name in ALIKE if name != DEADLINE])
def test_both_engines_write_the_same_journal(both: dict[str, tuple[Finished, Finished]], name: str) -> None:
    alike(*both[name])


def test_both_engines_keep_a_deadline() -> None:
    """Nothing of it is a race: it is a minute away until the attempt has failed, and over from then on."""
    given = {**ALIKE[DEADLINE], **PATIENT, "deadline_ms": FAR_MS}
    ours, theirs = create_run(given), create(given)
    clocks = Leaping(), Leaping()

    def pass_by(run: Run, clock: Leaping) -> None:
        until(run.pk, lambda entries: any(e.kind is Kind.RETRY_SCHEDULED for e in entries))
        clock.leap(FAR_MS)

    pace = Pace(lease_ms=10 * FAR_MS)
    (here,) = finish(ours, before=partial(pass_by, ours, clocks[0]), clock=clocks[0], pace=pace)
    (there,) = drive_inline(theirs, before=partial(pass_by, theirs, clocks[1]), clock=clocks[1])
    alike(here, there)
    assert (here.states, here.sagas[0].cause["outcome"]) == (["compensated"], "deadline")


def alike(here: Finished, there: Finished) -> None:
    assert told(there.entries) == told(here.entries)
    assert there.states == here.states
    assert there.facts() == here.facts()
    assert [_step_rows(saga) for saga in there.sagas] == [_step_rows(saga) for saga in here.sagas]


def _step_rows(saga: Any) -> list[Any]:
    return list(saga.steps.order_by("index").values_list("name", "state", "attempts", "compensation_state"))


@pytest.mark.parametrize("name", RACES)
def test_races_end_the_same(both: dict[str, tuple[Finished, Finished]], name: str) -> None:
    here, there = both[name]
    assert sorted(there.states) == sorted(here.states)
    assert there.facts() == here.facts()
    assert sorted(map(str, _anonymous(there))) == sorted(map(str, _anonymous(here)))


def _anonymous(finished: Finished) -> list[tuple[str, str]]:
    return [(str(e.kind), e.step) for e in finished.entries if e.kind in (Kind.EFFECT, Kind.LOCK_DENIED)]


def test_own_workers_leave_such_a_run_alone(settings: Any) -> None:
    settings.SAGA_ENGINE = ENGINE
    elsewhere = runs.create_run(scenario())
    nobody_drives = runs.create_run(scenario(mode="choreography"))
    assert (elsewhere.engine, nobody_drives.engine) == (ENGINE, "")
    finish(nobody_drives)
    assert leases.claim_due("somebody", 2**61, 1, 10, only=elsewhere.pk) == []
    assert drive_inline(elsewhere)[0].states == ["completed"]


def test_people_retry_what_is_stuck() -> None:
    run = create(
        scenario(fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation", times=3))
    )
    (stuck,) = drive_inline(run)
    assert stuck.states == ["needs-operator"]
    runs.retry_saga(stuck.sagas[0].pk, who="ada", why="the bank is back")
    (mended,) = drive_inline(run)
    assert mended.states == ["compensated"]
    acted = next(e for e in mended.entries if e.kind is Kind.OPERATOR_ACTED)
    assert Command.objects.get(run=run).handled_seq == acted.seq


def test_people_take_a_lock_away_and_the_next_in_line_gets_it() -> None:
    first = {"saga": 0}
    run = create(
        scenario(
            {**fault("create-order", "decline"), **first},
            {**fault("reserve-inventory", "error", on="compensation"), **first},
            orders=2,
            stock=1,
            lock="wait",
            schedule=[0, 1, 0],
        )
    )
    (stuck,) = drive_inline(run)
    assert stuck.states == ["needs-operator", "running"]
    runs.release_lock(stuck.sagas[0].pk, "unit-1", who="ada", why="the other one wants it")
    (freed,) = drive_inline(run)
    assert freed.states == ["needs-operator", "completed"]
    runs.resolve_saga(stuck.sagas[0].pk, who="ada", why="it is free", evidence="seen")
    assert drive_inline(run)[0].states == ["compensated", "completed"]


def test_people_pause_and_step_and_cancel() -> None:
    run = paused(create(scenario()))
    (cancelled,) = drive_inline(run, before=partial(step_and_cancel, run))
    assert cancelled.states == ["compensated"]
    assert [e.detail["action"] for e in cancelled.kinds(Kind.OPERATOR_ACTED)] == ["pause", "step", "cancel", "resume"]
    assert pause_violations(cancelled.entries) == []


def test_a_fork_goes_on_from_its_moment() -> None:
    (whole,) = drive_inline(create(scenario(fault("book-delivery", "decline"))))
    turn = whole.kinds(Kind.SAGA_COMPENSATING)[0].seq
    fork = fork_run(whole.run, turn - 2, scenario())
    Run.objects.filter(pk=fork.pk).update(engine=ENGINE)
    (other,) = drive_inline(fork)
    assert other.states == ["completed"]
    assert other.kinds(Kind.ORCHESTRATOR_RECOVERED)


def test_a_job_that_comes_twice_is_harmless() -> None:
    """The answer of every job is lost once, and the job comes again, to another process."""
    given = scenario(fault("book-delivery", "decline"))
    (once,) = drive_inline(create(given))
    run = create(given)

    async def go() -> None:
        async with desks(2) as (one, other):

            async def twice(job: Json) -> dict[str, Any]:
                await until_answered(one, job)
                return await until_answered(other, job)

            await execute(one, run.pk, call=twice)

    asyncio.run(go())
    again = Finished(Run.objects.get(pk=run.pk), list(run.sagas.order_by("index")), read_all(run.pk))
    assert again.states == once.states
    assert [_entry_of(e) for e in again.entries if e.lane is not Lane.SERVICE] == [
        _entry_of(e) for e in once.entries if e.lane is not Lane.SERVICE
    ]
    assert [row[2:] for row in books(run.pk)] == [row[2:] for row in books(once.run.pk)]
    assert again.kinds(Kind.REPLAYED)


def _entry_of(entry: Entry) -> tuple[Any, ...]:
    return str(entry.kind), entry.order, entry.step, entry.op, entry.attempt


@pytest.mark.parametrize("is_served", [False, True])
def test_whoever_repeats_an_attempt_says_that_nobody_knows(is_served: bool) -> None:
    """A process dies over a call, before or after the service has served it; another one gets the job again."""
    run = create(scenario())
    died: list[Json] = []

    async def go() -> None:
        async with desks(2) as (one, other):

            async def dies_once(job: Json) -> dict[str, Any]:
                if job["do"] != Do.ATTEMPT or job["what"]["call"]["step"] != "charge-payment" or died:
                    return await one.do(job)
                died.append(job)
                if is_served:
                    await asyncio.to_thread(_serve, run, job)
                return await other.do(job, again=True)

            await execute(one, run.pk, call=dies_once)

    asyncio.run(go())
    assert died
    finished = Finished(Run.objects.get(pk=run.pk), list(run.sagas.all()), read_all(run.pk))
    assert finished.states == ["completed"]
    at = finished.kinds(Kind.ATTEMPT_UNKNOWN, step="charge-payment")[0].seq
    before = [str(e.kind) for e in finished.entries if e.seq < at][-2:]
    assert before == (
        ["orchestrator-recovered", "effect"] if is_served else ["attempt-started", "orchestrator-recovered"]
    )
    assert len(finished.kinds(Kind.EFFECT, step="charge-payment")) == 1


def _serve(run: Run, job: Json) -> None:
    order, call = run.sagas.get().order, call_from_json(job["what"]["call"])
    body = {"order": order, **run.payload}
    step = catalog.ORDER.step(call.step)
    asked = Call(world=run.pk, order=order, key=call.key, action_key=call.action_key, op=call.op, body=body)
    catalog.SERVICES[step.service].deliver(step.action, asked)
    connections[step.service].close()


def test_rule_26_an_execution_whose_run_another_one_has_writes_nothing() -> None:
    run = create(scenario())

    async def go() -> None:
        async with desks(2) as (old, new):
            before = await old.begin(run.pk, "old")
            assert (await old.begin(run.pk, "old"))["epoch"] == before["epoch"]
            await new.begin(run.pk, "new")
            written = read_all_in_thread(run.pk)
            job = {"id": "1:1", "do": "append", "run": run.pk, "epoch": before["epoch"], "since": 0}
            end = Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER).to_json()
            with pytest.raises(LeaseLost):
                await old.do({**job, "what": {"entries": [end], "handled": [], "count": 1}})
            assert await written == await read_all_in_thread(run.pk)

    asyncio.run(go())


def read_all_in_thread(run: str) -> Any:
    return asyncio.ensure_future(asyncio.to_thread(read_all, run))


def test_a_run_without_its_definition_waits_for_a_person() -> None:
    run = create(scenario())
    Run.objects.filter(pk=run.pk).update(version=99)
    (stranded,) = drive_inline(run)
    assert stranded.states == ["needs-operator"]
    assert stranded.run.state == "finished"
