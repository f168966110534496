"""What a service does with an event: once, all of it or nothing, and without knowing anybody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from sagas import catalog, watcher
from sagas.choreography import PLACED
from sagas.databases import SERVICES
from sagas.definition import StepKind
from sagas.entries import Op
from sagas.services import boxes
from sagas.services.base import Answer, Verdict
from sagas.services.events import Event, Subscription
from tests.integration.conftest import UNDOABLE, Desk, Shop

ROOT = Path(__file__).resolve().parents[2]
ORDER = "ord-8412"
HEARD = {**catalog.TRIP_SUBSCRIPTIONS, **catalog.SUBSCRIPTIONS}  # Payments hears both sagas: here the order's part
FIRST = {service: next(iter(table)) for service, table in HEARD.items()}  # what starts its part
UNDO = "order-timed-out"


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


def hear(desk: Desk, name: str, **changes: Any) -> Answer:
    """Deliver an event to a service, as the courier does."""
    subscription = HEARD[desk.service.name][name]
    call = desk.call(ORDER, subscription.handler, subscription.op, **changes)
    event = Event(name=name, order=ORDER, service="someone", payload=call.body)
    return boxes.consume(desk.service, subscription, event, call)


def said(desk: Desk) -> list[str]:
    return [event.name for event in boxes.unpublished(desk.service, desk.world)]


@pytest.mark.parametrize("service", SERVICES)
def test_rule_39_an_event_that_comes_twice_is_handled_once(shop: Shop, service: str) -> None:
    desk = shop[service]
    first, second, third = (hear(desk, FIRST[service]) for _ in range(3))
    assert (first.verdict, first.replayed) == (Verdict.OK, False)
    assert len(desk.rows(ORDER)) == len(said(desk)) == len(desk.tables()["InboxRow"]) == 1
    for again in (second, third):
        assert (again.verdict, again.status, again.body) == (first.verdict, first.status, first.body)
        assert (again.replayed, again.rows) == (True, ())


@pytest.mark.parametrize("service", SERVICES)
def test_rule_39_the_inbox_answers_even_where_the_key_is_new(shop: Shop, service: str) -> None:
    desk = shop[service]
    first = hear(desk, FIRST[service])
    second = hear(desk, FIRST[service], key="another", action_key="yet another")
    assert (second.replayed, second.body) == (True, first.body)
    assert len(desk.rows(ORDER)) == 1


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("table", ["outbox", "inbox", "ledger_rows", "stored_answers", "marks"])
def test_rule_17_inbox_effect_and_outbox_are_one_transaction(
    shop: Shop, refusing: Callable[..., Any], service: str, table: str
) -> None:
    desk = shop[service]
    before = desk.tables()
    with refusing(getattr(desk.service, table)), pytest.raises(DatabaseError, match="no row for you"):
        hear(desk, FIRST[service])
    assert desk.tables() == before
    assert hear(desk, FIRST[service]).verdict is Verdict.OK


@pytest.mark.parametrize("service", UNDOABLE)
def test_rule_15_an_event_after_its_undo_is_fenced_and_says_nothing(shop: Shop, service: str) -> None:
    desk = shop[service]
    undone = hear(desk, UNDO)
    words = said(desk)
    assert undone.body == b'{"empty":true}'
    for _ in range(2):
        assert hear(desk, FIRST[service]).verdict is Verdict.FENCED
    assert (desk.rows(ORDER), said(desk)) == ([], words)


@pytest.mark.parametrize("service", UNDOABLE)
def test_rule_39_two_events_that_ask_for_the_same_undo_undo_once(shop: Shop, service: str) -> None:
    desk = shop[service]
    hear(desk, FIRST[service])
    undoing = [name for name, does in HEARD[service].items() if does.op is Op.COMPENSATION]
    for name in undoing:
        hear(desk, name)
    assert len(desk.rows(ORDER)) == 2
    assert desk.net() == {ORDER: 0}
    assert len(said(desk)) == 2


def test_a_refusal_is_said_in_the_same_transaction(open_shop: Callable[..., Shop]) -> None:
    desk = open_shop(stock=0)["inventory"]
    answers = [hear(desk, PLACED) for _ in range(2)]
    assert [(a.verdict, a.reason, a.whole_key) for a in answers] == [(Verdict.REFUSED, "out of stock", True)] * 2
    assert [a.replayed for a in answers] == [False, True]
    assert (desk.rows(), said(desk)) == ([], ["inventory-refused"])


def test_a_place_in_the_line_leaves_the_event_to_be_asked_again(open_shop: Callable[..., Shop]) -> None:
    desk = open_shop(stock=1)["inventory"]
    desk.act("ord-8413")
    assert hear(desk, PLACED, lock="wait").verdict is Verdict.QUEUED
    assert (desk.tables()["InboxRow"], said(desk)) == ([], [])
    desk.undo("ord-8413")
    assert hear(desk, PLACED, lock="wait").verdict is Verdict.OK
    assert said(desk) == ["inventory-reserved"]


def test_without_stored_answers_an_event_is_handled_as_often_as_it_comes_and_says_one_thing(shop: Shop) -> None:
    desk = shop["payments"]
    for _ in range(2):
        assert hear(desk, "order-created", idempotency=False).replayed is False
    assert [row.kind for row in desk.rows()] == ["charge", "charge"]
    assert said(desk) == ["payment-charged"]


def test_what_is_taken_from_an_outbox_is_not_there_any_more(shop: Shop) -> None:
    desk = shop["payments"]
    hear(desk, "order-created")
    (event,) = boxes.unpublished(desk.service, desk.world, cause=f"{ORDER}:order-created")
    assert (event.id, event.service, event.payload["amount"]) == (f"{ORDER}:payment-charged", "payments", 4900)
    assert boxes.unpublished(desk.service, desk.world, cause="another") == []
    boxes.mark_published(desk.service, desk.world, [event.id])
    assert said(desk) == []
    boxes.put(desk.service, desk.world, event, said_by="relay")
    assert said(desk) == []


def test_settling_says_nothing(shop: Shop) -> None:
    for service, last in (("inventory", "delivery-booked"), ("orders", "delivery-booked"), ("flights", "ticket-sent")):
        hear(shop[service], FIRST[service])
        assert hear(shop[service], last).verdict is Verdict.OK
        assert hear(shop[service], last).replayed
        assert len(said(shop[service])) == 1


def modules(service: str) -> dict[str, str]:
    folder = ROOT / "sagas/services" / service
    return {path.name: path.read_text() for path in folder.rglob("*.py") if "migrations" not in path.parts}


def named(texts: Mapping[str, str], pattern: str) -> list[tuple[str, str]]:
    return [(file, found) for file, text in texts.items() for found in re.findall(pattern, text)]


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_names_another_one_or_a_step_of_it(service: str) -> None:
    others = "|".join(name for name in SERVICES if name != service)
    assert named(modules(service), rf"services\.(?:{others})\b|[\"'](?:{others})[\"']|SERVICES") == []
    steps = [step for step in (*catalog.ORDER.steps, *catalog.TRIP.steps) if step.service != service]
    names = "|".join(name for s in steps for name in (s.name, s.compensation_name) if name)
    assert named(modules(service), names + "|" + names.replace("-", "_")) == []
    assert named(modules(service), f"services\\.{service}"), "the pattern finds what it looks for"


def test_who_listens_hears_what_somebody_says_and_the_chain_is_the_saga() -> None:
    tables = catalog.subscriptions("order")
    spoken = {word for table in tables.values() for s in table.values() for word in (s.says, s.refuses, s.unanswered)}
    heard = {event for table in tables.values() for event in table}
    assert heard - spoken == {PLACED, watcher.TIMED_OUT}
    assert spoken - heard == {"", "inventory-refused", "inventory-released"}
    assert set(watcher.ENDS["order"]) <= spoken
    event, walked = PLACED, []
    while event != "delivery-booked":
        (does,) = [table[event] for table in tables.values() if event in table]
        walked.append(does.step)
        event = does.says
    assert walked == [step.name for step in catalog.ORDER.steps]


def test_the_trip_is_a_chain_of_events_too_and_after_the_charge_nobody_listens_for_a_failure() -> None:
    tables = catalog.subscriptions("trip")
    spoken = {word for table in tables.values() for s in table.values() for word in (s.says, s.refuses, s.unanswered)}
    heard = {event for table in tables.values() for event in table}
    assert heard - spoken == {PLACED, watcher.TIMED_OUT}
    after = {"card-unanswered", "ticket-refused", "ticket-unanswered"}
    assert spoken - heard == {"", "flight-refused", "flight-cancelled", *after}
    assert set(watcher.ENDS["trip"]) <= spoken
    event, walked = PLACED, []
    while event != "ticket-sent":
        (does,) = [table[event] for table in tables.values() if event in table]
        walked.append(does.step)
        event = does.says
    assert walked == [step.name for step in catalog.TRIP.steps]


@pytest.mark.parametrize("step", catalog.ORDER.steps, ids=lambda step: step.name)
def test_every_service_undoes_its_own_part_when_it_is_refused_unanswered_or_called_off(step: Any) -> None:
    assert step.kind is StepKind.COMPENSATABLE
    table = catalog.SUBSCRIPTIONS[step.service]
    acting: Subscription = table[FIRST[step.service]]
    assert (acting.handler, acting.name) == (step.action, step.name)
    undoing = {event: does for event, does in table.items() if does.op is Op.COMPENSATION}
    assert {does.handler for does in undoing.values()} == {step.compensation}
    assert {does.name for does in undoing.values()} == {step.compensation_name}
    assert {acting.unanswered, watcher.TIMED_OUT} <= set(undoing)
    settling = [does.handler for does in table.values() if does.op is None]
    assert settling == ([step.settlement] if step.settlement else [])
