"""What each service does, refuses, counts and forgets."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections, models

import sagas.services
from sagas.databases import SERVICES, ServiceRouter, atomic, ensure_schemas, on_commit
from sagas.entries import Op
from sagas.errors import ServiceMisused
from sagas.services.base import Call, Queued, Verdict
from tests.integration.conftest import UNDOABLE

if TYPE_CHECKING:
    from tests.integration.conftest import Shop

FAULTS = re.compile(r"\b(timeout|lost.reply|crash\w*|duplicate\w*|late|drop.event)\b", re.IGNORECASE)

for_each_service = pytest.mark.parametrize("service", SERVICES)
for_each_undoable = pytest.mark.parametrize("service", UNDOABLE)
OpenShop = Callable[..., "Shop"]


def test_an_order_that_goes_through_is_in_every_ledger(open_shop: OpenShop) -> None:
    shop = open_shop()
    for desk in shop.desks.values():
        assert desk.act("ord-8412").verdict is Verdict.OK
    for service in ("inventory", "orders"):
        assert shop[service].settle("ord-8412").verdict is Verdict.OK
    assert _ledgers(shop) == {
        "inventory": [("hold", 1, "unit-1", "acquired"), ("sell", -1, "unit-1", "released")],
        "orders": [("open", 1, "ord-8412", "acquired"), ("confirm", 0, "ord-8412", "released")],
        "payments": [("charge", 4900, "", "")],
        "warehouse": [("pick", 1, "", "")],
        "delivery": [("book", 1, "", "")],
    }
    assert shop.facts() == {
        "units_held": 0, "units_sold": 1, "stock_left": 2, "oversold": 0, "kept_back_sold": 0, "pending": 0, "orders_confirmed": 1,
        "charged": 4900, "refunded": 0, "charges": 1, "double_charges": 0, "picks_active": 1, "slots_booked": 1,
    }  # fmt: skip


def test_an_order_that_is_undone_leaves_two_rows_in_every_ledger(open_shop: OpenShop) -> None:
    shop = open_shop()
    for desk in shop.desks.values():
        desk.act("ord-8412")
    for desk in reversed(shop.desks.values()):
        assert desk.undo("ord-8412", body={}).verdict is Verdict.OK, "the key alone is enough"
    assert _ledgers(shop) == {
        "inventory": [("hold", 1, "unit-1", "acquired"), ("release", -1, "unit-1", "released")],
        "orders": [("open", 1, "ord-8412", "acquired"), ("cancel", -1, "ord-8412", "released")],
        "payments": [("charge", 4900, "", ""), ("refund", -4900, "", "")],
        "warehouse": [("pick", 1, "", ""), ("recall", -1, "", "")],
        "delivery": [("book", 1, "", ""), ("cancel", -1, "", "")],
    }
    facts = shop.facts()
    assert (facts.pop("charged"), facts.pop("refunded"), facts.pop("charges"), facts.pop("stock_left")) == (
        (4900, 4900, 1, 3)
    )
    assert set(facts.values()) == {0}


@for_each_service
def test_rows_count_from_one_without_gaps_and_say_when(
    open_shop: OpenShop, race: Callable[..., Any], service: str
) -> None:
    shop = open_shop(orders=8, stock=8)
    desk = shop[service]
    race(*[lambda n, order=order: desk.act(order, at=1_790_000_000_123) for order in shop.orders])
    rows = desk.rows()
    assert [row.n for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {(row.service, row.at) for row in rows} == {(service, 1_790_000_000_123)}
    assert desk.service.ledger(shop.world, after=6) == rows[6:]
    assert {row.order for row in rows} == set(shop.orders)


@for_each_service
def test_the_database_refuses_to_change_a_ledger_row(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    desk.act("ord-8412")
    before = desk.rows()
    table = desk.service.ledger_rows
    with pytest.raises(DatabaseError, match="a ledger row is never changed"):
        table.objects.filter(world=desk.world).update(amount=0)
    with connections[service].cursor() as cursor, pytest.raises(DatabaseError, match="a ledger row is never changed"):
        cursor.execute(f"UPDATE {table._meta.db_table} SET amount = 0")
    assert desk.rows() == before


@for_each_undoable
def test_the_database_refuses_to_undo_a_row_twice(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    desk.word("ord-8412", "TC")
    undo = desk.service.ledger_rows.objects.get(world=desk.world, undoes=1)
    undo.pk, undo.n = None, 3
    with pytest.raises(DatabaseError), atomic(service):
        undo.save(force_insert=True)


def test_a_card_is_declined_beyond_its_limit(open_shop: OpenShop) -> None:
    desk = open_shop()["payments"]
    assert desk.act("ord-8412", body={"amount": 100_000}).verdict is Verdict.OK
    declined = desk.act("ord-8413", body={"amount": 100_001})
    assert (declined.verdict, declined.status, declined.reason) == (Verdict.REFUSED, 402, "card declined")
    assert desk.facts() == {"charged": 100_000, "refunded": 0, "charges": 1, "double_charges": 0}


@pytest.mark.parametrize("amount", [0, -1, "4900", None])
def test_an_amount_that_is_no_amount_is_an_error(open_shop: OpenShop, amount: object) -> None:
    desk = open_shop()["payments"]
    with pytest.raises(ServiceMisused, match="positive number of cents"):
        desk.act("ord-8412", body={"amount": amount})
    assert desk.rows() == []


@pytest.mark.parametrize(
    ("service", "reason"), [("warehouse", "nobody is free to pick"), ("delivery", "the van is full")]
)
def test_a_hundred_orders_fit_in_a_world(open_shop: OpenShop, service: str, reason: str) -> None:
    shop = open_shop(orders=3)
    desk = shop[service]
    [pool] = desk.service.records
    assert pool._default_manager.filter(world=shop.world, size=100, taken=0).update(taken=98) == 1
    answers = [desk.act(order) for order in shop.orders]
    assert [answer.verdict for answer in answers] == [Verdict.OK, Verdict.OK, Verdict.REFUSED]
    assert answers[-1].reason == reason
    desk.undo(shop.orders[0])
    assert desk.act(shop.orders[-1], key="saga:ord-x:again", action_key="saga:ord-x:again").verdict is Verdict.OK


@pytest.mark.parametrize("service", ["inventory", "orders"])
@pytest.mark.parametrize("idempotency", [True, False])
def test_a_settlement_told_twice_writes_one_row(open_shop: OpenShop, service: str, idempotency: bool) -> None:
    desk = open_shop()[service]
    desk.act("ord-8412")
    first = desk.settle("ord-8412", idempotency=idempotency)
    second = desk.settle("ord-8412", idempotency=idempotency)
    assert (first.verdict, len(first.rows)) == (Verdict.OK, 1)
    assert (second.verdict, second.rows, second.replayed) == (Verdict.OK, (), idempotency)
    assert len(desk.rows()) == 2


@pytest.mark.parametrize("service", ["inventory", "orders"])
def test_what_is_settled_is_not_undone_and_what_is_undone_is_not_settled(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    desk.act("ord-8412")
    desk.settle("ord-8412")
    assert desk.undo("ord-8412").verdict is Verdict.REFUSED
    desk.word("ord-8413", "TC")
    assert desk.settle("ord-8413").verdict is Verdict.REFUSED
    assert [row.kind for row in desk.rows("ord-8412")][-1] in {"sell", "confirm"}
    assert desk.service.pending(desk.world) == []


@for_each_service
def test_a_world_is_seeded_once_however_often_and_by_whomever(
    open_shop: OpenShop, race: Callable[..., Any], service: str
) -> None:
    shop = open_shop(orders=2, stock=3)
    desk = shop[service]
    desk.act("ord-8412")
    before = desk.tables()
    race(*[lambda n: desk.service.seed(shop.world, orders=["ord-1", "ord-2"], stock=9)] * 4)
    assert desk.tables() == before
    desk.service.forget(shop.world)
    race(*[lambda n: desk.service.seed(shop.world, orders=shop.orders, stock=3)] * 4)
    fresh = {name: len(rows) for name, rows in desk.tables().items()}
    assert fresh == {name: len(rows) for name, rows in open_shop(orders=2, stock=3)[service].tables().items()}


@for_each_undoable
def test_a_world_that_is_forgotten_leaves_nothing_and_others_stay(open_shop: OpenShop, service: str) -> None:
    gone, stays = open_shop(stock=1)[service], open_shop(stock=1)[service]
    for desk in (gone, stays):
        desk.act("ord-8412", lock="wait")
        desk.act("ord-8413", lock="wait")
    before = stays.tables()
    gone.service.forget(gone.world)
    assert set(map(len, gone.tables().values())) == {0}
    assert stays.tables() == before
    with pytest.raises(ServiceMisused, match="seed it first"):
        gone.undo("ord-8412")
    assert set(map(len, gone.tables().values())) == {0}


@for_each_service
def test_a_handler_that_wrote_cannot_queue(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]

    def writes_and_queues(delivery: Any) -> dict[str, Any]:
        delivery.write("odd", 1)
        raise Queued("unit-1", "ord-8413")

    with pytest.raises(ServiceMisused, match="wrote to the ledger"):
        desk.service.deliver(writes_and_queues, desk.call("ord-8412", desk.action, Op.ACTION))
    assert desk.rows() == []


@for_each_service
def test_a_service_has_one_thread_of_its_own(open_shop: OpenShop, service: str) -> None:
    desk = open_shop()[service]
    call = desk.call("ord-8412", desk.action, Op.ACTION)
    pool = desk.service.executor
    names = {pool.submit(lambda: threading.current_thread().name).result() for _ in range(4)}
    assert names == {f"saga-{service}_0"}
    assert pool.submit(desk.service.deliver, desk.action, call).result().verdict is Verdict.OK
    assert desk.service.executor is pool
    desk.service.close()
    assert not any(thread.name.startswith(f"saga-{service}") for thread in threading.enumerate())
    again = desk.service.executor.submit(desk.service.deliver, desk.action, call).result()
    assert again.replayed
    desk.service.close()


def test_each_service_is_an_app_and_a_database_of_its_name() -> None:
    router = ServiceRouter()
    for service in SERVICES:
        config = apps.get_app_config(service)
        assert (config.label, config.name) == (service, f"sagas.services.{service}")
        for model in config.get_models():
            assert router.db_for_read(model) == router.db_for_write(model) == service
        for alias in settings.DATABASES:
            assert router.allow_migrate(alias, service) == (alias == service)
            assert router.allow_migrate(alias, "auth") == (alias == "default")
    left, right = (_a_model(service)() for service in SERVICES[:2])
    assert router.allow_relation(left, left)
    assert not router.allow_relation(left, right)


def test_nothing_runs_on_commit_of_a_transaction_that_fails(open_shop: OpenShop) -> None:
    open_shop()
    told: list[str] = []

    def fail() -> None:
        with atomic("payments"):
            on_commit("payments", lambda: told.append("payments"))
            raise ZeroDivisionError

    with atomic("orders"):
        on_commit("orders", lambda: told.append("orders"))
        with pytest.raises(ZeroDivisionError):
            fail()
        assert told == []
    assert told == ["orders"]


def test_no_schema_is_made_where_no_search_path_is_named(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    open_shop()
    for service in SERVICES:
        monkeypatch.setitem(connections[service].settings_dict, "OPTIONS", {})
    assert ensure_schemas() == []


def test_no_service_knows_what_a_fault_is() -> None:
    [folder] = sagas.services.__path__
    sources = sorted(Path(folder).rglob("*.py"))
    assert len(sources) > 30
    named = {str(source): FAULTS.findall(source.read_text()) for source in sources}
    assert {source: words for source, words in named.items() if words} == {}


def test_a_call_is_a_value() -> None:
    call = Call(world="w", order="o", key="k", action_key="k", op=None, body={})
    assert (call.idempotency, call.lock, call.at) == (True, "fail-fast", None)
    with pytest.raises(AttributeError):
        call.key = "other"  # type: ignore[misc]


def _ledgers(shop: Shop) -> dict[str, list[tuple[str, int, str, str]]]:
    return {
        name: [(row.kind, row.amount, row.record, row.lock) for row in desk.rows()] for name, desk in shop.desks.items()
    }


def _a_model(service: str) -> type[models.Model]:
    return apps.get_model(service, "LedgerRow")


def test_an_answer_is_canonical_json(open_shop: OpenShop) -> None:
    desk = open_shop()["payments"]
    body = desk.act("ord-8412").body
    assert body == json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
