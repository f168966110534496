"""Who moves next: a race that is certain, one that is free, and a list that a reader makes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

import pytest

from sagas.entries import Entry, Kind, Lane, Op
from sagas.schedule import Listed, Rendezvous
from sagas.simulation import Simulator, simulate
from sagas.state import Phase, SagaState
from tests.engine import drive, fault, scenario

RESERVE = "reserve-inventory"
PATIENT: dict[str, Any] = {"orders": 2, "stock": 1, "timeout_ms": 5000}
CHOSEN = [
    ("fail-fast", [0, 1], 0),
    ("fail-fast", [1, 0], 1),
    ("wait", [0, 1], 0),
    ("wait", [1, 0], 1),
    ("off", [0, 0, 1, 1], 0),
    ("off", [1, 1, 0, 0], 1),
    ("naive", [0, 0, 1, 1], 0),
    ("naive", [1, 1, 0, 0], 1),
]
BOTH = [[0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0]]


def moves(entries: Iterable[Entry], *, halves: bool = False) -> list[int]:
    """Return the saga index of each outward step: an intent, a settlement.

    With `halves`, what a service reports of a reservation shows that its second half was made.
    """
    made: list[int] = []
    acted: set[tuple[str, int]] = set()
    for e in entries:
        is_step = e.kind is Kind.ATTEMPT_STARTED or (e.kind is Kind.LOCK_RELEASED and e.lane is Lane.ORCHESTRATOR)
        is_half = halves and e.lane is Lane.SERVICE and (e.step, e.op) == (RESERVE, Op.ACTION)
        is_half = is_half and (e.saga, e.attempt) not in acted
        if is_step or is_half:
            made.append(int(e.saga.rpartition("-")[2]) - 1)
        if is_half:
            acted.add((e.saga, e.attempt))
    return made


def line(entries: Iterable[Entry]) -> list[tuple[object, ...]]:
    """Return what a journal says without its times, and without what its run is called."""
    return [(e.saga.rpartition("-")[2], e.lane, e.kind, e.step, e.op, e.attempt, e.key) for e in entries]


def test_a_list_gives_the_unit_to_whom_it_names_first(engine_databases: None) -> None:
    done = drive(*(scenario(lock=lock, schedule=listed, **PATIENT) for lock, listed, _ in CHOSEN))
    for run, (lock, listed, winner) in zip(done, CHOSEN, strict=True):
        assert [state == "completed" for state in run.states] == [n == winner for n in (0, 1)], (lock, listed)
        assert run.facts()["oversold"] == 0


@pytest.mark.parametrize("lock", ["off", "naive"])
def test_rule_31_a_list_makes_both_look_before_either_writes(engine_databases: None, lock: str) -> None:
    for run in drive(*(scenario(lock=lock, schedule=listed, **PATIENT) for listed in BOTH)):
        assert run.states == ["completed", "completed"]
        assert run.facts()["oversold"] == 1


def test_the_same_list_gives_the_same_journal_twice_and_in_the_simulator(engine_databases: None) -> None:
    told = scenario(
        fault("charge-payment", "decline"), lock="wait", schedule=[1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0], **PATIENT
    )
    first, second = drive(told, told)
    assert first.kinds(Kind.ATTEMPT_FAILED, step="charge-payment"), "the fault was never met"
    assert line(first.entries) == line(second.entries) == line(simulate(told, 7).entries)


def test_one_saga_moves_at_a_time_by_one_step_in_the_listed_order(engine_databases: None) -> None:
    dice = random.Random(31)
    with Simulator() as simulator:
        for seed in range(20):
            listed = dice.sample([0, 1] * 7, 14)
            run = simulator.run(scenario(schedule=listed, orders=2, latency_ms=10, timeout_ms=100), seed)
            assert run.states == ["completed", "completed"]
            assert moves(run.entries) == listed, "five calls and two settlements each, as listed"


def test_a_move_ends_before_the_next_one_begins(engine_databases: None) -> None:
    listed = [0, 1] * 7
    run = simulate(scenario(schedule=listed, orders=2, latency_ms=10, timeout_ms=100), 1)
    busy = ""
    for e in run.entries:
        if e.kind is Kind.ATTEMPT_STARTED:
            assert not busy, f"{e.saga} moves while {busy} does"
            busy = e.saga
        elif e.kind is Kind.ATTEMPT_SUCCEEDED:
            busy = ""


def test_without_a_lock_to_look_and_to_write_are_two_moves(engine_databases: None) -> None:
    for listed in ([0, 1, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]):
        run = simulate(scenario(schedule=listed, lock="off", orders=2, stock=1), 1)
        ends = [e for e in run.entries if e.step == RESERVE and e.kind in (Kind.ATTEMPT_STARTED, Kind.EFFECT)][:4]
        assert [(str(e.kind), int(e.saga[-1]) - 1) for e in ends] == [
            ("attempt-started", listed[0]),
            ("attempt-started", listed[1]),
            ("effect", listed[2]),
            ("effect", listed[3]),
        ]


def test_a_turn_is_skipped_for_a_saga_that_cannot_move(engine_databases: None) -> None:
    waits_in_line = [0, 1, 1, 1, 1, 0, 0, 0, 0]
    run = simulate(scenario(schedule=waits_in_line, lock="wait", orders=2, stock=1), 1)
    assert moves(run.entries)[:6] == [0, 1, 0, 0, 0, 0], "who waits in line does not move"
    at_rest = [1, 0, 0, 0, 0, 1, 1, 1, 1]
    run = simulate(scenario(schedule=at_rest, lock="fail-fast", orders=2, stock=1), 1)
    assert moves(run.entries)[:6] == [1, 0, 1, 1, 1, 1], "who has been refused does not move"


def test_a_turn_waits_for_a_saga_that_is_only_asleep(engine_databases: None) -> None:
    told = {**scenario(fault(RESERVE, "error", times=1)), "retry": {"initial_ms": 60_000, "max_ms": 60_000}}
    run = simulate({**told, "schedule": [0, 0, 0, 1, 0, 1], "orders": 2}, 1)
    assert len([e for e in run.entries if e.kind is Kind.RETRY_SCHEDULED]) == 2, "the fault was never met"
    assert moves(run.entries)[:6] == [0, 0, 0, 1, 0, 1]


def test_what_follows_a_list_is_free(engine_databases: None) -> None:
    with Simulator() as simulator:
        ends = {tuple(moves(simulator.run(scenario(schedule=[1], orders=2), n).entries)) for n in range(12)}
    assert {end[0] for end in ends} == {1}
    assert len(ends) > 1, "the seed decides what the list does not"


@pytest.mark.parametrize("kind", ["crash-before", "crash-after"])
@pytest.mark.parametrize("lock", ["wait", "off"])
@pytest.mark.parametrize("step", [RESERVE, "charge-payment"])
def test_a_driver_that_takes_over_goes_on_with_the_list(
    engine_databases: None, kind: str, lock: str, step: str
) -> None:
    dice = random.Random(38)
    with Simulator() as simulator:
        for seed in range(8):
            listed = [dice.randrange(2) for _ in range(40)]
            told = scenario(fault(step, kind, times=1), schedule=listed, lock=lock, orders=2, stock=2)
            run = simulator.run(told, seed)
            assert [e for e in run.entries if e.kind is Kind.ORCHESTRATOR_CRASHED], "the fault was never met"
            assert run.states == ["completed", "completed"]
            first_end = next(n for n, e in enumerate(run.entries) if e.kind is Kind.SAGA_COMPLETED)
            made = moves(run.entries[:first_end], halves=lock == "off")
            assert made == listed[: len(made)]
            assert len(made) > 10


def test_a_waiting_saga_gets_the_unit_when_the_first_is_compensated(engine_databases: None) -> None:
    told = scenario(fault("create-order", "decline"), lock="wait", **PATIENT)
    for winner, run in enumerate(drive(*({**told, "schedule": [n, 1 - n]} for n in (0, 1)))):
        assert run.states == ["compensated", "compensated"]
        assert len(run.kinds(Kind.ATTEMPT_FAILED, step="create-order")) == 2, "the fault was never met"
        (queued,) = run.kinds(Kind.LOCK_DENIED)
        got = run.kinds(Kind.LOCK_ACQUIRED, step=RESERVE)
        (gave_back, _) = run.kinds(Kind.LOCK_RELEASED, step=RESERVE, lane=Lane.SERVICE)
        sagas = [saga.pk for saga in run.sagas]
        assert [e.saga for e in got] == [sagas[winner], sagas[1 - winner]]
        assert queued.saga == sagas[1 - winner]
        assert got[0].seq < queued.seq < gave_back.seq < got[1].seq
        assert (run.facts()["stock_left"], run.facts()["pending"]) == (1, 0)


def test_a_list_goes_on_past_a_saga_that_left_the_line_before_the_release(engine_databases: None) -> None:
    told = scenario(lock="wait", orders=3, stock=1, deadline_ms=70, latency_ms=20, timeout_ms=100)
    run = simulate({**told, "schedule": [0, 1, 2, 0, 1, 0, 0, 2, 2]}, 1)
    queued = [e.saga for e in run.entries if e.kind is Kind.LOCK_DENIED]
    gone = next(e.seq for e in run.entries if e.kind is Kind.SAGA_COMPENSATED)
    released = next(e.seq for e in run.entries if e.kind is Kind.LOCK_RELEASED and e.step == RESERVE)
    assert len(queued) == 2
    assert gone < released, "the deadline turned it back in time"
    assert run.states == ["compensated"] * 3


def test_at_a_rendezvous_nothing_is_let_go_before_all_have_asked(engine_databases: None) -> None:
    with Simulator() as simulator:
        for lock in ("fail-fast", "wait", "off", "naive"):
            for turn in ([], [fault("create-order", "decline")]):
                told = scenario(*turn, lock=lock, orders=3, stock=1)
                for seed in range(5):
                    entries = simulator.run(told, seed).entries
                    asked = [e.seq for e in entries if e.step == RESERVE and e.attempt == 1 and _is_outcome(e)]
                    let_go = [
                        e.seq for e in entries if e.kind is Kind.EFFECT and e.detail["kind"] in ("sell", "release")
                    ]
                    assert len(asked) == 3
                    assert max(asked) < min(let_go)


@pytest.mark.parametrize("lock", ["off", "naive"])
def test_rule_31_at_a_rendezvous_the_race_is_certain(engine_databases: None, lock: str) -> None:
    with Simulator() as simulator:
        runs = [simulator.run(scenario(lock=lock, orders=3, stock=2), seed) for seed in range(20)]
    assert [run.facts["oversold"] for run in runs] == [1] * 20


def test_a_meeting_uses_up_no_timeout(engine_databases: None) -> None:
    # Eight sagas meet; the one service thread serves them one by one, and none may be late by that.
    run = simulate(scenario(lock="off", orders=8, stock=8, latency_ms=40, timeout_ms=40), 3)
    assert run.states == ["completed"] * 8
    assert not [e for e in run.entries if e.kind is Kind.ATTEMPT_UNKNOWN]


async def test_a_saga_that_has_ended_is_not_waited_for() -> None:
    states = {"a": SagaState(saga="a", phase=Phase.RUNNING), "b": SagaState(saga="b", phase=Phase.RUNNING)}
    gates = Rendezvous(states, RESERVE)
    waiting = asyncio.create_task(gates.meet("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    states["b"] = SagaState(saga="b", phase=Phase.NEEDS_OPERATOR)
    gates.changed()
    await asyncio.wait_for(waiting, 5)


async def test_a_list_waits_for_nobody_who_will_not_come() -> None:
    states = {name: SagaState(saga=name, phase=Phase.RUNNING) for name in ("a", "b")}
    states["c"] = SagaState(saga="c", phase=Phase.COMPENSATED)
    turns = Listed(["c", "b", "a"], states)
    assert [turns.may_go(saga) for saga in states] == [False, False, False]
    ben = asyncio.create_task(turns.turn("b"))
    await asyncio.sleep(0)
    assert not ben.done(), "the other one is still busy"
    ana = asyncio.create_task(turns.turn("a"))
    await asyncio.wait_for(ben, 5)
    assert not ana.done()
    assert [turns.may_go("b"), turns.may_go("b")] == [True, False], "a turn is for one step"
    turns.stops("b")
    await asyncio.wait_for(ana, 5)


def _is_outcome(e: Entry) -> bool:
    kinds = (Kind.ATTEMPT_SUCCEEDED, Kind.ATTEMPT_FAILED, Kind.LOCK_DENIED)
    return e.lane is Lane.ORCHESTRATOR and e.op is Op.ACTION and e.kind in kinds
