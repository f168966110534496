"""Where an event goes missing, nobody knows; and what it takes until somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from playground import facts
from sagas import catalog
from sagas.entries import Entry, Kind, Lane, Op
from sagas.models import Command
from sagas.runs import create_run
from sagas.services import boxes
from sagas.services.events import Subscriptions
from tests.engine import SILENCE_MS, Finished, drive, fault, read, scenario, working
from tests.waiting import until

STEPS = [step.name for step in catalog.ORDER.steps]
SERVICES = [step.service for step in catalog.ORDER.steps]
DONE = {
    "inventory": ["hold"],
    "orders": ["open"],
    "payments": ["charge"],
    "warehouse": ["pick"],
    "delivery": ["book"],
}
UNDONE = {"inventory": "release", "orders": "cancel", "payments": "refund", "warehouse": "recall"}
SETTLED = {"inventory": "sell", "orders": "confirm"}
FOUR = "notify-warehouse"


def free(*faults: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return scenario(*faults, **{"mode": "choreography", **fields})


def kinds(done: Finished) -> dict[str, list[str]]:
    """Return the kinds of the rows that each service wrote."""
    return {name: [row.kind for row in s.ledger(done.run.pk)] for name in SERVICES for s in [catalog.SERVICES[name]]}


def lane_of_nobody(done: Finished) -> list[Entry]:
    return [entry for entry in done.entries if entry.lane is Lane.ORCHESTRATOR]


def after_the_end(done: Finished) -> list[Kind]:
    (end,) = done.kinds(Kind.SAGA_LOST)
    return [entry.kind for entry in done.entries if entry.seq > end.seq]


def drive_with(tables: Mapping[str, Subscriptions], value: Mapping[str, Any]) -> Finished:
    """Run a scenario in which these are the subscriptions."""
    run = create_run(value)

    async def go() -> None:
        async with working(subscriptions=tables) as (_, _, wait):
            await wait([run.pk])

    asyncio.run(go())
    return read(run.pk)


@pytest.mark.parametrize("number", range(5))
def test_a_dropped_event_loses_the_order_where_it_stands(engine_databases: None, number: int) -> None:
    (done,) = drive(free(fault(STEPS[number], "drop-event")))
    assert done.states == ["lost"]
    assert kinds(done) == {name: DONE[name] if n < number else [] for n, name in enumerate(SERVICES)}
    (dropped,) = done.kinds(Kind.EVENT_DROPPED)
    assert (dropped.step, dropped.op, dropped.lane) == (STEPS[number], Op.ACTION, Lane.SERVICE)
    assert done.kinds(Kind.SAGA_LOST)[0].detail["standing"] == STEPS[:number]
    assert lane_of_nobody(done) == []
    assert after_the_end(done) == [Kind.RUN_FINISHED]
    assert facts.read(done.run).facts(4900, at_rest=True)["consistent"] is (number == 0)


@pytest.mark.parametrize("number", range(4))
def test_a_dropped_undo_loses_what_came_before_it(engine_databases: None, number: int) -> None:
    refused = fault("book-delivery", "decline")
    (done,) = drive(free(refused, fault(STEPS[number], "drop-event", on="compensation")))
    assert done.states == ["lost"]
    expected = {name: [*DONE[name], *([UNDONE[name]] if n > number else [])] for n, name in enumerate(SERVICES[:4])}
    assert kinds(done) == {**expected, "delivery": []}
    assert done.kinds(Kind.SAGA_LOST)[0].detail["standing"] == STEPS[: number + 1]
    assert done.sagas[0].cause["step"] == "book-delivery"
    assert after_the_end(done) == [Kind.RUN_FINISHED]


HEARD = [(service, event) for service, table in catalog.SUBSCRIPTIONS.items() for event in table]
FAILING = {
    "inventory-unanswered": [fault(STEPS[0], "lost-reply")],
    "order-unanswered": [fault(STEPS[1], "lost-reply")],
    "payment-unanswered": [fault(STEPS[2], "lost-reply")],
    "pick-unanswered": [fault(STEPS[3], "lost-reply")],
    "delivery-unanswered": [fault(STEPS[4], "lost-reply")],
    "order-refused": [fault(STEPS[1], "decline")],
    "payment-refused": [fault(STEPS[2], "decline")],
    "pick-refused": [fault(STEPS[3], "decline")],
    "delivery-refused": [fault(STEPS[4], "decline")],
    "order-cancelled": [fault(STEPS[4], "lost-reply")],
    "payment-refunded": [fault(STEPS[4], "lost-reply")],
    "pick-recalled": [fault(STEPS[4], "lost-reply")],
    "delivery-cancelled": [fault(STEPS[4], "lost-reply")],
    "order-timed-out": [fault(STEPS[4], "drop-event"), fault(STEPS[3], "drop-event", on="compensation", times=1)],
}


@pytest.mark.parametrize(("service", "event"), [(s, e) for s, e in HEARD if e != "order-timed-out"])
def test_without_one_subscription_the_order_is_lost(engine_databases: None, service: str, event: str) -> None:
    table = {name: does for name, does in catalog.SUBSCRIPTIONS[service].items() if name != event}
    done = drive_with({**catalog.SUBSCRIPTIONS, service: table}, free(*FAILING.get(event, [])))
    assert done.states == ["lost"]
    assert [
        e for e in done.kinds(Kind.EVENT_HANDLED) if e.detail["event"] == event and e.detail["service"] == service
    ] == []
    assert after_the_end(done) == [Kind.RUN_FINISHED]


@pytest.mark.parametrize("number", range(5))
def test_a_watcher_finds_the_silent_order_and_everything_is_undone(engine_databases: None, number: int) -> None:
    (done,) = drive(free(fault(STEPS[number], "drop-event"), watcher_ms=80))
    assert done.states == ["compensated"]
    expected = {name: [*DONE[name], UNDONE[name]] if n < number else [] for n, name in enumerate(SERVICES)}
    assert kinds(done) == expected
    (called_off,) = [e for e in done.kinds(Kind.EVENT_PUBLISHED) if e.detail["by"] == "watcher"]
    assert (called_off.lane, called_off.detail["event"]) == (Lane.SERVICE, "order-timed-out")
    assert done.sagas[0].cause["outcome"] == "deadline"
    assert lane_of_nobody(done) == []
    assert facts.read(done.run).facts(4900, at_rest=True)["consistent"]


@pytest.mark.parametrize("patience", [1, 40, 150, 400, 450, 10_000])
def test_an_impatient_watcher_calls_an_order_off_in_the_middle_and_nothing_is_undone_twice(
    engine_databases: None, patience: int
) -> None:
    slow = free(
        fault("charge-payment", "lost-reply", times=1),
        latency_ms=20,
        timeout_ms=SILENCE_MS,
        watcher_ms=patience,
        orders=3,
    )
    (done,) = drive(slow)
    assert set(done.states) <= {"completed", "compensated"}
    if patience <= SILENCE_MS:
        assert "compensated" in done.states
    if patience == 10_000:
        assert done.states == ["completed"] * 3
    books = facts.read(done.run).facts(4900, at_rest=True)
    assert books["violations"] == []
    assert books["charged"] - books["refunded"] == 4900 * done.states.count("completed")


def test_a_watcher_leaves_an_order_alone_that_is_at_an_end(engine_databases: None) -> None:
    done, refused = drive(free(watcher_ms=60_000), free(fault(FOUR, "decline"), watcher_ms=60_000))
    assert (done.states, refused.states) == (["completed"], ["compensated"])
    assert [
        e for each in (done, refused) for e in each.kinds(Kind.EVENT_PUBLISHED) if e.detail["by"] == "watcher"
    ] == []


def test_a_watcher_cannot_help_where_the_undo_itself_never_works(engine_databases: None) -> None:
    broken = fault("charge-payment", "error", on="compensation")
    (done,) = drive(free(fault(FOUR, "decline"), broken, watcher_ms=50))
    assert done.states == ["lost"]
    assert done.kinds(Kind.SAGA_LOST)[0].detail["standing"] == ["charge-payment"]
    assert kinds(done)["orders"] == ["open", "cancel"]


def test_who_waits_behind_a_lost_order_is_lost_too(engine_databases: None) -> None:
    (done,) = drive(free(fault(FOUR, "drop-event"), orders=2, stock=1, lock="wait"))
    assert done.states == ["lost", "lost"]
    assert kinds(done)["inventory"] == ["hold"]


def test_what_is_said_is_taken_from_every_outbox_once(engine_databases: None) -> None:
    (done,) = drive(free(fault(FOUR, "decline"), orders=3))
    said = [entry.key for entry in done.kinds(Kind.EVENT_PUBLISHED)]
    assert len(said) == len(set(said))
    for service in catalog.SERVICES.values():
        assert boxes.unpublished(service, done.run.pk) == []


def test_without_latency_the_order_of_everything_is_the_same_each_time(engine_databases: None) -> None:
    value = free(
        fault("create-order", "error", times=1),
        fault(FOUR, "decline"),
        orders=4,
        retry={"initial_ms": 0},
        timeout_ms=9000,
    )
    stories = [
        [
            (e.lane, e.kind, e.order, e.step, e.op, e.attempt, e.key, e.detail.get("event"), e.detail.get("n"))
            for e in done.entries
        ]
        for each in range(5)
        for done in drive(value)
    ]
    assert stories[1:] == stories[:1] * 4


def test_nobody_can_be_told_to_cancel(engine_databases: None) -> None:
    (done,) = drive(free())
    saga = done.sagas[0].pk
    asked = Command.objects.create(run=done.run, saga=saga, kind="cancel", who="ada")

    async def go() -> None:
        async with working():
            await asyncio.to_thread(until, Command.objects.filter(pk=asked.pk).exclude(handled_seq=None).exists)

    asyncio.run(go())
    asked.refresh_from_db()
    assert (asked.handled_seq, asked.refusal) == (0, "nobody drives this run, so there is nobody to tell")
    assert read(done.run.pk).entries == done.entries
