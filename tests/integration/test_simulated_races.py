"""Races of two sagas on virtual time: every order of moves, hundreds of seeds, with a lock and without."""

from __future__ import annotations

from typing import Any

import pytest

from sagas.entries import Kind, Lane
from sagas.simulation import (
    Outcome,
    Simulator,
    Verdict,
    interleavings,
    race,
    shortest_bad,
)
from tests.engine import fault, scenario

RESERVE = "reserve-inventory"
LOCKS = ["fail-fast", "wait"]
NO_LOCK = ["off", "naive"]
LAMP: dict[str, Any] = {"orders": 2, "stock": 1}


@pytest.fixture(scope="module")
def races(engine_databases: None) -> dict[str, list[Outcome]]:
    """Races for one lamp: two hundred with each lock, and without one as many as it takes to lose some."""
    return {lock: race(scenario(**LAMP, lock=lock), range(1, 201 if lock in LOCKS else 51)) for lock in NO_LOCK + LOCKS}


@pytest.mark.parametrize("lock", NO_LOCK)
def test_rule_31_without_a_lock_some_races_oversell(races: dict[str, list[Outcome]], lock: str) -> None:
    verdicts = [outcome.verdict for outcome in races[lock]]
    assert 5 < verdicts.count(Verdict.OVERSOLD) < 45, "a race is lost now and then, and not always"
    for outcome in races[lock]:
        both = outcome.states.count("completed") == 2
        assert (outcome.verdict is Verdict.OVERSOLD) is both
        assert outcome.facts["oversold"] == int(both)
        assert outcome.facts["units_sold"] == outcome.states.count("completed")


@pytest.mark.parametrize("lock", LOCKS)
def test_rule_31_with_a_lock_none_of_two_hundred_races_oversells(races: dict[str, list[Outcome]], lock: str) -> None:
    assert [outcome.seed for outcome in races[lock]] == list(range(1, 201))
    assert {outcome.verdict for outcome in races[lock]} == {Verdict.SOLD}
    assert {tuple(outcome.states) for outcome in races[lock]} == {
        ("completed", "compensated"),
        ("compensated", "completed"),
    }, "and either may win"
    assert {outcome.facts["units_sold"] for outcome in races[lock]} == {1}


@pytest.mark.parametrize("lock", NO_LOCK + LOCKS)
def test_rule_33_every_race_ends_with_money_and_stock_in_agreement(races: dict[str, list[Outcome]], lock: str) -> None:
    for outcome in races[lock]:
        counted = outcome.facts
        assert counted["stock_left"] + counted["units_held"] + counted["units_sold"] == 1 + counted["oversold"]
        assert counted["charged"] - counted["refunded"] == counted["orders_confirmed"] * 4900
        assert counted["pending"] == 0


@pytest.mark.parametrize("lock", NO_LOCK)
def test_rule_31_four_of_the_six_orders_of_moves_oversell_without_a_lock(engine_databases: None, lock: str) -> None:
    found = interleavings(scenario(**LAMP, lock=lock))
    assert [(each.moves, str(each.outcome)) for each in found] == [
        ((0, 0, 1, 1), "sold"),
        ((0, 1, 0, 1), "oversold"),
        ((0, 1, 1, 0), "oversold"),
        ((1, 0, 0, 1), "oversold"),
        ((1, 0, 1, 0), "oversold"),
        ((1, 1, 0, 0), "sold"),
    ]
    assert {each.decided for each in found} == {2}, "once both have looked, or one has written, nothing can help"
    assert shortest_bad(found) == found[1]
    assert [each.facts["oversold"] for each in found] == [0, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("lock", LOCKS)
def test_rule_31_no_order_of_moves_oversells_with_a_lock(engine_databases: None, lock: str) -> None:
    found = interleavings(scenario(**LAMP, lock=lock))
    assert [(each.moves, each.states) for each in found] == [
        ((0, 1), ["completed", "compensated"]),
        ((1, 0), ["compensated", "completed"]),
    ]
    longer = interleavings(scenario(**LAMP, lock=lock), moves=4)
    assert len({each.moves for each in longer}) == 70
    assert {each.outcome for each in longer} == {Verdict.SOLD}
    assert shortest_bad([*found, *longer]) is None


def test_rule_29_no_order_of_moves_loses_a_wake_up(engine_databases: None) -> None:
    told = scenario(fault("create-order", "decline"), **LAMP, lock="wait")
    queued = 0
    with Simulator() as simulator:
        for moves in _orders_of_moves(5):
            run = simulator.run({**told, "schedule": moves}, 1)
            declined = [e for e in run.entries if e.step == "create-order" and e.kind is Kind.ATTEMPT_FAILED]
            owners = [e.order for e in run.entries if e.step == RESERVE and e.kind is Kind.LOCK_ACQUIRED]
            assert len(declined) == 2, "the fault was never met"
            assert run.states == ["compensated", "compensated"], "nobody waits for ever"
            assert sorted(owners) == ["ord-8412", "ord-8413"], "each had the unit once"
            assert (run.facts["stock_left"], run.facts["pending"]) == (1, 0)
            queued += any(e.kind is Kind.LOCK_DENIED for e in run.entries)
    assert queued > 100, "in most of these orders somebody had to wait"


def test_rule_29_eight_sagas_wait_for_one_unit_and_each_gets_its_turn(engine_databases: None) -> None:
    told = scenario(fault("create-order", "decline"), orders=8, stock=1, lock="wait", schedule="free")
    with Simulator() as simulator:
        for seed in range(10):
            run = simulator.run(told, seed)
            assert run.states == ["compensated"] * 8
            holder = ""
            for e in run.entries:
                if e.kind is Kind.LOCK_ACQUIRED and e.step == RESERVE:
                    assert not holder, f"{e.order} and {holder} own one unit"
                    holder = e.order
                elif e.kind is Kind.LOCK_RELEASED and e.step == RESERVE and e.lane is Lane.SERVICE:
                    assert e.order == holder
                    holder = ""


def _orders_of_moves(each: int, done: tuple[int, ...] = ()) -> list[list[int]]:
    """Return all lists with as many moves of each of two sagas."""
    if len(done) == 2 * each:
        return [list(done)]
    can_move = [saga for saga in (0, 1) if done.count(saga) < each]
    return [moves for saga in can_move for moves in _orders_of_moves(each, (*done, saga))]
