"""Runs without a saga: five calls in a row, and nobody who takes anything back."""

from __future__ import annotations

import asyncio

import pytest

from playground import facts
from sagas import catalog
from sagas.entries import Kind, Lane, Op
from sagas.projection import project
from sagas.runs import create_run
from sagas.tape import fold
from tests.engine import Finished, drive, fault, read, scenario, working

STEPS = [step.name for step in catalog.ORDER.steps]
SERVICES = [step.service for step in catalog.ORDER.steps]
DONE = {"inventory": "hold", "orders": "open", "payments": "charge", "warehouse": "pick", "delivery": "book"}
# What a call that is not done leaves behind: whether its service did the work all the same.
KINDS = {"decline": False, "error": False, "timeout": False, "lost-reply": True, "late": True}
AFTER_A_SAGA = {Kind.ATTEMPT_STARTED, Kind.RETRY_SCHEDULED, Kind.COMPENSATION_OWED, Kind.SAGA_COMPENSATING}
FOUR = "notify-warehouse"


def unguarded(*faults: dict[str, object], **fields: object) -> dict[str, object]:
    return scenario(*faults, **{"mode": "none", **fields})


def kinds(done: Finished) -> dict[str, list[str]]:
    return {name: [row.kind for row in s.ledger(done.run.pk)] for name in SERVICES for s in [catalog.SERVICES[name]]}


def test_without_faults_an_unguarded_order_completes_and_settles(engine_databases: None) -> None:
    (done,) = drive(unguarded())
    (guided,) = drive(scenario())
    assert done.states == ["completed"]
    assert kinds(done) == kinds(guided)
    assert [(e.lane, e.kind, e.step) for e in done.entries] == [(e.lane, e.kind, e.step) for e in guided.entries]
    assert facts.read(done.run).facts(4900, at_rest=True)["consistent"]


def test_at_step_four_the_charge_stands_and_nothing_ships(engine_databases: None) -> None:
    (done,) = drive(unguarded(fault(FOUR, "error")))
    assert done.states == ["abandoned"]
    assert done.sagas[0].cause == {
        "step": FOUR,
        "op": "action",
        "outcome": "failed",
        "reason": "the service answered 500",
    }
    counted = facts.read(done.run).facts(4900, at_rest=True)
    assert (counted["charged"], counted["refunded"], counted["units_held"], counted["units_sold"]) == (4900, 0, 1, 0)
    assert (counted["picks_active"], counted["slots_booked"], counted["pending"]) == (0, 0, 2)
    assert counted["consistent"] is False
    words = [(s.state, s.attempts, s.compensation_state) for s in done.sagas[0].steps.order_by("index")]
    done_step = ("done", 1, "skipped")
    assert words == [done_step, done_step, done_step, ("failed", 1, "skipped"), ("skipped", 0, "skipped")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(5))
def test_the_first_call_that_is_not_done_ends_the_order_where_it_stands(
    engine_databases: None, number: int, kind: str
) -> None:
    (done,) = drive(unguarded(fault(STEPS[number], kind)))
    assert done.states == ["abandoned"]
    reached = number + KINDS[kind]
    assert kinds(done) == {name: [DONE[name]] if n < reached else [] for n, name in enumerate(SERVICES)}
    (end,) = done.kinds(Kind.SAGA_ABANDONED, lane=Lane.ORCHESTRATOR)
    assert end.detail["cause"]["step"] == STEPS[number]
    assert [e.step for e in done.kinds(Kind.ATTEMPT_STARTED)] == STEPS[: number + 1]
    assert AFTER_A_SAGA & {e.kind for e in done.entries if e.seq > end.seq} == set()
    assert done.entries[-1].kind is Kind.RUN_FINISHED


def test_a_second_delivery_is_no_failure(engine_databases: None) -> None:
    (done,) = drive(unguarded(fault("charge-payment", "duplicate")))
    assert done.states == ["completed"]
    assert len(done.kinds(Kind.REPLAYED)) == 1


def test_rule_07_state_is_the_fold_of_the_journal(engine_databases: None) -> None:
    (done,) = drive(unguarded(fault(FOUR, "lost-reply"), orders=3))
    states = fold(done.entries, {saga.pk: saga.order for saga in done.sagas})
    for saga in done.sagas:
        row = project(catalog.ORDER, states[saga.pk])
        assert (row.state, row.cause) == (saga.state, saga.cause)
        assert [word.state for _, word in row.steps] == [s.state for s in saga.steps.order_by("index")]


def test_eight_orders_go_side_by_side_and_the_shelf_is_not_oversold(engine_databases: None) -> None:
    (done,) = drive(unguarded(orders=8, stock=3, timeout_ms=4000))
    assert sorted(done.states) == ["abandoned"] * 5 + ["completed"] * 3
    counted = facts.read(done.run).facts(4900, at_rest=True)
    assert (counted["units_sold"], counted["oversold"], counted["charges"]) == (3, 0, 3)
    assert counted["consistent"], "whoever got no lamp had nothing to undo"


@pytest.mark.parametrize(("faults", "ends"), [((), ["abandoned", "completed"]), ((FOUR,), ["abandoned"] * 2)])
def test_who_waits_behind_an_abandoned_order_is_abandoned_too(
    engine_databases: None, faults: tuple[str, ...], ends: list[str]
) -> None:
    (done,) = drive(unguarded(*(fault(step, "decline") for step in faults), orders=2, stock=1, lock="wait"))
    assert sorted(done.states) == ends
    assert done.entries[-1].kind is Kind.RUN_FINISHED
    assert done.run.state == "finished"


def test_rule_06_an_open_call_is_unknown_after_a_crash_and_the_order_ends_there(engine_databases: None) -> None:
    run = create_run(unguarded(fault("charge-payment", "timeout"), timeout_ms=60_000))

    async def die_in_the_third_call() -> None:
        async with working() as (book, _, _):
            reached = asyncio.Event()
            book.listen(lambda _, entries: reached.set() if entries[-1].step == "charge-payment" else None)
            await asyncio.wait_for(reached.wait(), 20)

    async def go_on() -> None:
        async with working() as (_, _, wait):
            await wait([run.pk])

    asyncio.run(die_in_the_third_call())
    asyncio.run(go_on())
    done = read(run.pk)
    assert done.states == ["abandoned"]
    assert len(done.kinds(Kind.ORCHESTRATOR_RECOVERED)) == 1
    (unknown,) = done.kinds(Kind.ATTEMPT_UNKNOWN)
    assert (unknown.step, unknown.op, unknown.attempt) == ("charge-payment", Op.ACTION, 1)
    assert done.sagas[0].cause["outcome"] == "unknown"


def test_a_deadline_ends_an_unguarded_order_too(engine_databases: None) -> None:
    (done,) = drive(unguarded(latency_ms=30, deadline_ms=40))
    assert (done.states, done.sagas[0].cause["outcome"]) == (["abandoned"], "deadline")
