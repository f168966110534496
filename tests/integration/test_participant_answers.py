"""Key, barrier, effect and stored answer: one transaction, and one answer per key."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connections
from django.test.utils import CaptureQueriesContext

from sagas.databases import SERVICES
from sagas.entries import Op
from sagas.services import answers
from sagas.services.base import Call, Delivery, Refused, Verdict
from tests.integration.conftest import UNDOABLE

if TYPE_CHECKING:
    from tests.integration.conftest import Desk, Shop

PATIENCE = 30  # seconds

for_each_service = pytest.mark.parametrize("service", SERVICES)
for_each_undoable = pytest.mark.parametrize("service", UNDOABLE)
OpenShop = Callable[..., "Shop"]


@for_each_undoable
@pytest.mark.parametrize("table", ["marks", "ledger_rows", "stored_answers"])
def test_rule_17_what_cannot_be_written_whole_is_not_written_at_all(
    open_shop: OpenShop, refusing: Callable[..., Any], service: str, table: str
) -> None:
    desk = open_shop()[service]
    desk.act("ord-8413")
    before = desk.tables()
    with refusing(getattr(desk.service, table)):
        with pytest.raises(DatabaseError, match="no row for you"):
            desk.act("ord-8412")
        with pytest.raises(DatabaseError, match="no row for you"):
            desk.undo("ord-8413")
        assert desk.tables() == before
    assert desk.act("ord-8412").verdict is Verdict.OK, "nothing half-remembered stands in the way"
    assert desk.undo("ord-8413").verdict is Verdict.OK
    assert desk.net() == {"ord-8412": 1, "ord-8413": 0}


@for_each_undoable
def test_rule_17_an_empty_compensation_without_its_mark_fails(
    open_shop: OpenShop, refusing: Callable[..., Any], service: str
) -> None:
    desk = open_shop()[service]
    before = desk.tables()
    with refusing(desk.service.marks), pytest.raises(DatabaseError, match="no row for you"):
        desk.undo("ord-8412")
    assert desk.tables() == before


@for_each_undoable
def test_rule_17_a_delivery_touches_one_database(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    others = {name: CaptureQueriesContext(connections[name]) for name in connections if name != service}
    with CaptureQueriesContext(connections[service]) as own:
        for queries in others.values():
            queries.__enter__()
        desk.word("ord-8412", "TC")
        for queries in others.values():
            queries.__exit__(None, None, None)
    assert {name: len(queries) for name, queries in others.items()} == dict.fromkeys(others, 0)
    begins = [query for query in own.captured_queries if query["sql"].startswith("BEGIN")]
    assert len(begins) == 2, "one transaction per delivery"


@for_each_service
def test_a_handler_that_breaks_leaves_nothing(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    before = desk.tables()

    def breaks(delivery: Delivery) -> dict[str, Any]:
        desk.action(delivery)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.service.deliver(breaks, desk.call("ord-8412", desk.action, Op.ACTION))
    assert desk.tables() == before


@for_each_service
def test_rule_18_the_same_key_and_body_get_the_same_bytes(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    calls = itertools.count(1)

    def restless(delivery: Delivery) -> dict[str, Any]:
        return {"z": next(calls), "a": "Grüße", **desk.action(delivery)}

    call = desk.call("ord-8412", desk.action, Op.ACTION)
    first = desk.service.deliver(restless, call)
    second = desk.service.deliver(restless, call)
    assert (second.body, second.verdict, second.status) == (first.body, Verdict.OK, 200)
    assert (first.replayed, second.replayed) == (False, True)
    assert (len(first.rows), second.rows) == (1, ())
    assert next(calls) == 2, "the handler ran once"
    assert first.body.startswith('{"a":"Grüße",'.encode())


@for_each_service
def test_rule_18_another_body_under_the_key_is_refused_with_422(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    first = desk.act("ord-8412")
    before = desk.tables()
    other = desk.act("ord-8412", body={"order": "ord-8412", "item": "lamp", "amount": 1})
    assert (other.verdict, other.status, other.rows) == (Verdict.MISMATCH, 422, ())
    assert desk.tables() == before
    same = desk.act("ord-8412", body={"amount": 4900, "item": "lamp", "order": "ord-8412"})
    assert (same.body, same.replayed) == (first.body, True), "the order of a body's keys says nothing"


@for_each_service
def test_rule_18_a_refusal_is_replayed_with_its_facts(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]

    def refuses(delivery: Delivery) -> dict[str, Any]:
        desk.action(delivery)
        raise Refused("not today", 402, record="shelf-1", owner="ord-1")

    call = desk.call("ord-8412", desk.action, Op.ACTION)
    first = desk.service.deliver(refuses, call)
    assert (first.verdict, first.status, first.reason, first.record, first.owner) == (
        (Verdict.REFUSED, 402, "not today", "shelf-1", "ord-1")
    )
    assert first.whole_key
    assert desk.rows() == []
    again = desk.act("ord-8412")
    assert again.replayed
    assert again.body == first.body == b'{"owner":"ord-1","reason":"not today","record":"shelf-1"}'
    assert (again.verdict, again.status, again.reason, again.record, again.owner, again.whole_key) == (
        (Verdict.REFUSED, 402, "not today", "shelf-1", "ord-1", True)
    )


def test_rule_18_a_refusal_that_is_not_stored_does_not_speak_for_the_key(open_shop: OpenShop) -> None:
    desk = open_shop(stock=0)["inventory"]
    answer = desk.act("ord-8412", idempotency=False)
    assert (answer.verdict, answer.reason, answer.whole_key) == (Verdict.REFUSED, "out of stock", False)


@for_each_service
def test_rule_18_a_key_that_is_at_work_is_a_conflict(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    slow = Slow(desk)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow.deliver)
        assert slow.entered.wait(PATIENCE)
        second = pool.submit(_in_own_connection, lambda: desk.act("ord-8412")).result(PATIENCE)
        slow.go_on.set()
        assert (second.verdict, second.status, second.rows) == (Verdict.CONFLICT, 409, ())
        assert first.result(PATIENCE).verdict is Verdict.OK
    third = desk.act("ord-8412")
    assert (third.verdict, third.replayed) == (Verdict.OK, True)


@for_each_service
def test_rule_18_two_processes_with_one_key_do_the_work_once(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    desk = open_shop()[service]
    slow = Slow(desk)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow.deliver)
        assert slow.entered.wait(PATIENCE)
        # Another process has its own idea of what is at work; only the database is shared.
        monkeypatch.setattr(answers, "_at_work", set())
        second = pool.submit(_in_own_connection, lambda: desk.act("ord-8412"))
        if connections[service].vendor == "postgresql":
            assert second.result(PATIENCE).verdict is Verdict.CONFLICT
        slow.go_on.set()
        assert first.result(PATIENCE).verdict is Verdict.OK
        assert second.result(PATIENCE).rows == ()
    assert desk.act("ord-8412").replayed
    assert desk.net() == {"ord-8412": 1}


def test_rule_18_a_place_in_a_queue_is_never_a_stored_answer(open_shop: OpenShop) -> None:
    desk = open_shop(stock=1)["inventory"]
    desk.act("ord-8412", lock="wait")
    queued = desk.act("ord-8413", lock="wait")
    assert (queued.verdict, queued.status, queued.record, queued.owner) == ((Verdict.QUEUED, 202, "unit-1", "ord-8412"))
    assert len(desk.tables()["StoredAnswer"]) == 1
    desk.undo("ord-8412", lock="wait")
    got = desk.act("ord-8413", lock="wait")
    assert (got.verdict, got.replayed, json.loads(got.body)) == (Verdict.OK, False, {"unit": "unit-1"})


@for_each_undoable
def test_rule_19_a_key_names_order_and_direction_and_no_attempt(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    desk.word("ord-8412", "TTCC")
    action, compensation = (
        f"saga:ord-8412:{handler.__name__.replace('_', '-')}" for handler in (desk.action, desk.compensation)
    )
    assert [row.key for row in desk.rows()] == [action, compensation], "four attempts, two keys"
    tables = desk.tables()
    assert [row["key"] for row in tables["StoredAnswer"]] == [action, compensation]
    assert {row["action_key"] for row in tables["BarrierRow"] + tables["LedgerRow"]} == {action}
    assert all(re.fullmatch(r"saga:ord-\d+:[a-z-]+", row.key) for row in desk.rows())
    known = {name for rows in tables.values() for row in rows for name in row} | {field.name for field in fields(Call)}
    assert not any("attempt" in name for name in known)


@for_each_undoable
def test_rule_19_the_same_key_in_another_world_is_another_key(open_shop: OpenShop, service: str) -> None:
    here, there = open_shop()[service], open_shop()[service]
    here.word("ord-8412", "TC")
    here.word("ord-8413", "CT")
    said = [there.act("ord-8412"), there.act("ord-8413")]
    assert [(a.verdict, a.replayed, a.rows[0].n) for a in said] == [(Verdict.OK, False, 1), (Verdict.OK, False, 2)]
    assert there.net() == {"ord-8412": 1, "ord-8413": 1}


class Slow:
    """A delivery of `ord-8412` that stays inside its handler until it may go on."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def deliver(self) -> Any:
        call = self.desk.call("ord-8412", self.desk.action, Op.ACTION)
        return _in_own_connection(lambda: self.desk.service.deliver(self.handler, call))

    def handler(self, delivery: Delivery) -> dict[str, Any]:
        self.entered.set()
        assert self.go_on.wait(PATIENCE)
        result: dict[str, Any] = self.desk.action(delivery)
        return result


def _in_own_connection(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connections.close_all()
