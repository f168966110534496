"""Runs that are paused, stepped, resumed and cancelled while a real worker drives them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagas import catalog
from sagas.entries import Entry, Kind, Op
from sagas.errors import CommandRefused
from sagas.language import sentence_violations
from sagas.models import Command, Run, Saga
from sagas.orchestrator import Driver
from sagas.runs import ask_run, create_run
from sagas.worker import Pace
from tests.engine import Finished, fault, finish, has_acted, leave_alone, paused, read, scenario, until, working
from tests.pauses import moves, pause_violations
from tests.waiting import until_async

pytestmark = pytest.mark.usefixtures("engine_databases")

OUTCOMES = (Kind.ATTEMPT_SUCCEEDED, Kind.ATTEMPT_FAILED, Kind.ATTEMPT_UNKNOWN)
PATIENT = {"timeout_ms": 5000}


def paused_run(*faults: Any, **fields: Any) -> Run:
    """Return a run that was asked to pause before anybody drove it."""
    return paused(create_run(scenario(*faults, **{**PATIENT, **fields})))


def step_by_step(run: Run, count: int) -> list[Entry]:
    """Take steps until there were `count` moves, and see after each that it is the only new one; return the journal."""
    entries = until(run.pk, has_acted("pause"))
    for n in range(len(moves(entries)) + 1, count + 1):
        ask_run(run.pk, "step", who="ada")
        entries = until(run.pk, lambda entries, n=n: len(moves(entries)) >= n and not is_open(entries))
        assert len(moves(entries)) == n
    return entries


def is_open(entries: list[Entry]) -> bool:
    started = sum(e.kind is Kind.ATTEMPT_STARTED for e in entries)
    queued = sum(e.kind is Kind.LOCK_DENIED and bool(e.detail["waiting"]) for e in entries)
    return started > sum(e.kind in OUTCOMES for e in entries) + queued


def checked(done: Finished) -> Finished:
    """Return a run that kept the rules of a pause and the language of a saga."""
    assert pause_violations(done.entries) == []
    if done.run.scenario.get("mode", "orchestration") == "orchestration":
        assert sentence_violations(done.entries, catalog.ORDER) == []
    assert not done.run.paused, "the end of a run ends its pause"
    return done


def test_a_paused_run_moves_step_by_step_and_then_goes_on() -> None:
    run = paused_run(fault("notify-warehouse", "decline"))

    def look() -> None:
        entries = step_by_step(run, 5)
        words = [(e.step, e.op) for e in moves(entries)]
        assert words[-2:] == [("notify-warehouse", Op.ACTION), ("charge-payment", Op.COMPENSATION)]
        row = Run.objects.get(pk=run.pk)
        assert (row.paused, row.state) == (True, "running")
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert checked(done).states == ["compensated"]
    acted = done.kinds(Kind.OPERATOR_ACTED)
    assert [e.detail["action"] for e in acted] == ["pause", *["step"] * 5, "resume"]
    assert dict(acted[0].detail) == {"action": "pause", "who": "ada", "why": "to look closely", "saw": 0}
    assert acted[1].detail["saw"] > 0
    assert {e.saga for e in acted} == {""}


def test_settlements_are_steps_of_their_own() -> None:
    run = paused_run()
    (done,) = finish(run, before=lambda: step_by_step(run, 7))
    assert [e.kind for e in moves(checked(done).entries)] == [Kind.ATTEMPT_STARTED] * 5 + [Kind.LOCK_RELEASED] * 2
    assert done.states == ["completed"]


def test_a_pause_in_the_middle_lets_what_is_under_way_end() -> None:
    run = create_run(scenario(latency_ms=200, timeout_ms=20_000))

    def interrupt() -> None:
        until(run.pk, lambda entries: moves(entries))
        ask_run(run.pk, "pause", who="ada")
        until(run.pk, lambda entries: has_acted("pause")(entries) and not is_open(entries))
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=interrupt)
    assert checked(done).states == ["completed"]


ONE_GETS_IT, BOTH_DO = ["compensated", "completed"], ["completed", "completed"]


@pytest.mark.parametrize(
    ("lock", "schedule", "ends"),
    [
        ("fail-fast", "rendezvous", ONE_GETS_IT),
        ("fail-fast", "free", ONE_GETS_IT),
        ("fail-fast", [0, 0, 1, 1, 0], ONE_GETS_IT),
        ("wait", "rendezvous", ONE_GETS_IT),
        ("wait", [1, 0, 0], ONE_GETS_IT),
        ("off", "rendezvous", BOTH_DO),
        ("off", [0, 1, 0, 1], BOTH_DO),
        ("off", [0, 0, 1, 1], ONE_GETS_IT),
    ],
)
def test_two_sagas_of_a_paused_run_take_turns_and_end_as_ever(lock: str, schedule: Any, ends: list[str]) -> None:
    run = paused_run(orders=2, stock=1, lock=lock, schedule=schedule)

    def look() -> None:
        until(run.pk, has_acted("pause"))
        for n in range(1, 4):
            ask_run(run.pk, "step", who="ada")
            until(run.pk, lambda entries, n=n: len(moves(entries)) >= n or has_acted("step", n)(entries))
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert sorted(checked(done).states) == ends


@pytest.mark.parametrize("mode", ["none", "choreography"])
def test_other_modes_can_be_paused_and_stepped(mode: str) -> None:
    run = paused_run(fault("notify-warehouse", "decline"), mode=mode)

    def look() -> None:
        step_by_step(run, 3)
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert checked(done).states == ["abandoned" if mode == "none" else "compensated"]


def test_a_driver_that_dies_in_a_step_leaves_the_run_paused() -> None:
    run = paused_run(fault("create-order", "crash-before", times=1))

    def look() -> None:
        entries = step_by_step(run, 2)
        death = [Kind.ORCHESTRATOR_CRASHED, Kind.ORCHESTRATOR_RECOVERED, Kind.ATTEMPT_UNKNOWN]
        assert [e.kind for e in entries if e.kind in death] == death
        assert Run.objects.get(pk=run.pk).paused
        step_by_step(run, 3)
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert checked(done).states == ["completed"]


async def test_a_step_that_was_not_taken_yet_is_owed_by_the_next_worker() -> None:
    slow = {"max_attempts": 3, "initial_ms": 1500, "max_ms": 1500}
    run = await asyncio.to_thread(lambda: paused_run(fault("reserve-inventory", "error", times=1), retry=slow))

    def in_the_back_off() -> None:
        step_by_step(run, 1)
        ask_run(run.pk, "step", who="ada")
        entries = until(run.pk, has_acted("step", 2))
        assert len(moves(entries)) == 1, "the next attempt is not due yet"

    async with working():
        await asyncio.to_thread(in_the_back_off)
    async with working() as (_, _, wait):
        entries = await asyncio.to_thread(until, run.pk, lambda entries: len(moves(entries)) == 2)
        assert Kind.ORCHESTRATOR_RECOVERED in [e.kind for e in entries]
        await asyncio.to_thread(lambda: ask_run(run.pk, "resume", who="ada"))
        await wait([run.pk])
    assert checked(await asyncio.to_thread(read, run.pk)).states == ["completed"]


async def test_a_paused_run_costs_no_thought_and_can_be_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    run = await asyncio.to_thread(paused_run)
    await asyncio.to_thread(leave_alone, but=run.pk)
    thoughts = 0
    rule = Driver.rule

    def counted(*args: Any) -> Any:
        nonlocal thoughts
        thoughts += 1
        return rule(*args)

    monkeypatch.setattr(Driver, "rule", staticmethod(counted))
    async with working(Pace(poll_ms=10)) as (_, worker, _):

        async def five_rounds() -> None:
            beats = worker.beats
            await until_async(lambda: worker.beats >= beats + 5)

        await asyncio.to_thread(until, run.pk, has_acted("pause"))
        await until_async(lambda: thoughts)  # the one that leads to the gate
        await five_rounds()
        before = thoughts
        await five_rounds()
        assert (thoughts, worker.driving) == (before, 1)
    async with working() as (_, _, wait):
        await asyncio.to_thread(step_by_step, run, 1)
        await asyncio.to_thread(lambda: ask_run(run.pk, "resume", who="ada"))
        await wait([run.pk])
    assert checked(await asyncio.to_thread(read, run.pk)).states == ["completed"]


def test_a_deadline_passes_during_a_pause_and_undoes_nothing_before_the_run_goes_on() -> None:
    run = paused_run(deadline_ms=1500)

    def look() -> None:
        step_by_step(run, 1)
        entries = until(run.pk, lambda entries: entries[-1].kind is Kind.COMPENSATION_OWED)
        assert len(moves(entries)) == 1
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert checked(done).states == ["compensated"]
    assert done.sagas[0].cause["outcome"] == "deadline"


def test_a_cancel_of_a_paused_run_is_obeyed_when_it_goes_on_and_only_once() -> None:
    run = paused_run()

    def look() -> None:
        step_by_step(run, 2)
        ask_run(run.pk, "cancel", who="bob", why="changed their mind")
        until(run.pk, lambda entries: entries[-1].kind is Kind.COMPENSATION_OWED)
        with pytest.raises(CommandRefused, match="no saga is in a state"):
            ask_run(run.pk, "cancel", who="bob")
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert checked(done).states == ["compensated"]
    (cancel,) = [e for e in done.kinds(Kind.OPERATOR_ACTED) if e.detail["action"] == "cancel"]
    assert (cancel.saga, cancel.detail["who"]) == (f"{run.pk}-1", "bob")
    assert done.sagas[0].cause["outcome"] == "cancelled"


def test_rule_23_a_cancel_that_comes_too_late_is_refused_with_a_reason() -> None:
    run = paused_run()

    def look() -> None:
        step_by_step(run, 6)
        with pytest.raises(CommandRefused):
            ask_run(run.pk, "cancel", who="bob")
        Command.objects.create(run=run, kind="cancel", who="bob")  # asked in the moment before it was too late
        ask_run(run.pk, "resume", who="ada")

    (done,) = finish(run, before=look)
    assert checked(done).states == ["completed"]
    late = Command.objects.get(run=run, kind="cancel")
    assert (late.handled_seq, late.refusal) == (0, "no saga is in a state in which this makes sense")


def test_what_makes_no_sense_is_refused_at_once() -> None:
    run, nobody = create_run(scenario(**PATIENT)), create_run(scenario(mode="choreography", **PATIENT))

    def refused(kind: str, of: Run = run) -> str:
        with pytest.raises(CommandRefused) as error:
            ask_run(of.pk, kind, who="ada")
        return str(error.value)

    assert refused("step") == "cannot step: the run is not paused"
    assert refused("resume") == "cannot resume: the run is not paused"
    assert refused("explode").startswith("cannot explode: a run can be asked to pause")
    assert refused("cancel", nobody) == "cannot cancel: nobody drives this run, so there is nobody to tell"
    ask_run(run.pk, "pause", who="ada")
    assert refused("pause") == "cannot pause: the run is paused already"
    ask_run(run.pk, "resume", who="ada")
    finish(run, nobody)
    for kind in ("pause", "resume", "step", "cancel"):
        assert refused(kind) == f"cannot {kind}: the state is 'finished'"


def test_a_command_for_a_run_that_has_just_ended_changes_nothing() -> None:
    run, nobody = create_run(scenario(**PATIENT)), create_run(scenario(mode="choreography", **PATIENT))
    ended = finish(run, nobody)
    late = [Command.objects.create(run=each, kind="pause", who="ada") for each in (run, nobody)]

    def handled() -> bool:
        return not Command.objects.filter(pk__in=[each.pk for each in late], handled_seq=None).exists()

    async def go() -> None:
        async with working():
            await asyncio.to_thread(until, run.pk, lambda _: handled())

    asyncio.run(go())
    for before in ended:
        assert read(before.run.pk).entries == before.entries
    assert {Command.objects.get(pk=each.pk).refusal for each in late} == {"the run is finished"}
    assert Saga.objects.filter(run__in=[run, nobody], state="completed").count() == 2
