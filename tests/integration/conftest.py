"""A desk per service, from which a test calls it as the wire does: keys, bodies, real threads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from django.apps import apps
from django.db import connections, models
from pytest_django import DjangoDbBlocker

from sagas import catalog
from sagas.definition import Handler
from sagas.entries import Op
from sagas.services.base import Answer, Call, Row, Service
from sagas.services.delivery.handlers import book_delivery, cancel_delivery
from sagas.services.delivery.service import delivery
from sagas.services.flights.handlers import book_flight, cancel_flight, sell_seat
from sagas.services.flights.service import flights
from sagas.services.hotels.handlers import cancel_hotel, reserve_hotel
from sagas.services.hotels.service import hotels
from sagas.services.inventory.handlers import release_inventory, reserve_inventory, sell_inventory
from sagas.services.inventory.service import inventory
from sagas.services.mail.handlers import send_ticket
from sagas.services.mail.service import mail
from sagas.services.orders.handlers import cancel_order, confirm_order, create_order
from sagas.services.orders.service import orders
from sagas.services.payments.handlers import charge_payment, refund_payment
from sagas.services.payments.service import payments
from sagas.services.warehouse.handlers import notify_warehouse, recall_pick
from sagas.services.warehouse.service import warehouse
from tests.engine import leave_alone

PRICE = 4900  # cents
PATIENCE = 30  # seconds that a thread waits for the others before the test fails

T = TypeVar("T")
_worlds = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One service in one world. Every call is one delivery of a fresh `Call`."""

    service: Service
    action: Handler
    compensation: Handler | None = None
    settlement: Handler | None = None
    unit: int = 1
    world: str = ""

    def call(self, order: str, handler: Handler, op: Op | None, **changes: Any) -> Call:
        """Return the call that the wire would make of this handler."""
        body = {"order": order, "item": "lamp", "amount": PRICE}
        call = Call(
            world=self.world, order=order, key=key(order, handler), action_key=key(order, self.action), op=op, body=body
        )
        return replace(call, **changes)

    def act(self, order: str, **changes: Any) -> Answer:
        return self.service.deliver(self.action, self.call(order, self.action, Op.ACTION, **changes))

    def undo(self, order: str, **changes: Any) -> Answer:
        assert self.compensation is not None
        call = self.call(order, self.compensation, Op.COMPENSATION, **changes)
        return self.service.deliver(self.compensation, call)

    def settle(self, order: str, **changes: Any) -> Answer:
        assert self.settlement is not None
        return self.service.deliver(self.settlement, self.call(order, self.settlement, None, **changes))

    def word(self, order: str, letters: str, **changes: Any) -> list[Answer]:
        """Return the answers to `T` actions and `C` compensations, delivered one by one."""
        return [{"T": self.act, "C": self.undo}[letter](order, **changes) for letter in letters]

    def rows(self, order: str = "") -> list[Row]:
        return [row for row in self.service.ledger(self.world) if order in {"", row.order}]

    def net(self) -> dict[str, float]:
        """Return how many effects stand per order, by the ledger; orders without a row are left out."""
        stands: dict[str, float] = {}
        for row in self.rows():
            stands[row.order] = stands.get(row.order, 0) + row.amount / self.unit
        return stands

    def facts(self) -> dict[str, int]:
        return self.service.facts(self.world)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that the service has of this world, table by table."""
        models_ = apps.get_app_config(self.service.name).get_models()
        return {model.__name__: _rows(model, self.world) for model in models_}


DESKS = {
    desk.service.name: desk
    for desk in (
        Desk(service=inventory, action=reserve_inventory, compensation=release_inventory, settlement=sell_inventory),
        Desk(service=orders, action=create_order, compensation=cancel_order, settlement=confirm_order),
        Desk(service=payments, action=charge_payment, compensation=refund_payment, unit=PRICE),
        Desk(service=warehouse, action=notify_warehouse, compensation=recall_pick),
        Desk(service=delivery, action=book_delivery, compensation=cancel_delivery),
        Desk(service=flights, action=book_flight, compensation=cancel_flight, settlement=sell_seat),
        Desk(service=hotels, action=reserve_hotel, compensation=cancel_hotel),
        Desk(service=mail, action=send_ticket),
    )
}
UNDOABLE = [name for name, desk in DESKS.items() if desk.compensation]
OF_ORDER = [step.service for step in catalog.ORDER.steps]


class Shop:
    """One world; a service is seeded for it when a test first turns to its desk."""

    def __init__(self, orders: int, stock: int) -> None:
        self.world = f"world-{next(_worlds)}"
        self.orders = tuple(f"ord-{8412 + n}" for n in range(orders))
        self._stock = stock
        self._open: dict[str, Desk] = {}

    def __getitem__(self, service: str) -> Desk:
        if service not in self._open:
            desk = replace(DESKS[service], world=self.world)
            desk.service.seed(self.world, orders=self.orders, stock=self._stock)
            self._open[service] = desk
        return self._open[service]

    @property
    def desks(self) -> dict[str, Desk]:
        """The five desks of the order saga, in the order of its steps."""
        return {service: self[service] for service in OF_ORDER}

    def facts(self) -> dict[str, int]:
        """Return the five services' facts; what two of them count is added up."""
        total: dict[str, int] = {}
        for desk in self.desks.values():
            for name, value in desk.facts().items():
                total[name] = total.get(name, 0) + value
        return total

    def forget(self) -> None:
        for desk in self._open.values():
            desk.service.forget(self.world)


@pytest.fixture
def open_shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[..., Shop]]:
    """A function that opens a new world, for `orders` orders named from ord-8412 on.

    Everything is really committed, as threads need it; at the end the services forget their
    worlds, which is much faster than to empty six databases.
    """
    shops: list[Shop] = []

    def open_one(*, orders: int = 2, stock: int = 3) -> Shop:
        shops.append(Shop(orders, stock))
        return shops[-1]

    with django_db_blocker.unblock():
        yield open_one
        for shop in shops:
            shop.forget()


@pytest.fixture
def race() -> Callable[..., list[tuple[Any, ...]]]:
    return _race


def _race(*runners: Callable[[int], T], rounds: int = 1) -> list[tuple[T, ...]]:
    """Return what the runners gave per round; each has a thread, and all start each round together."""
    start = threading.Barrier(len(runners))

    def run(runner: Callable[[int], T]) -> list[T]:
        try:
            return [runner(n) for n in range(rounds) if start.wait(PATIENCE) >= 0]
        except BaseException:
            start.abort()
            raise
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(runners)) as pool:
        done = [pool.submit(run, runner) for runner in runners]
    return list(zip(*(future.result() for future in done), strict=True))


@pytest.fixture
def refusing() -> Callable[[type[models.Model]], Any]:
    """Return a context manager in which the database takes no row for a table."""
    return _refusing


@contextmanager
def _refusing(model: type[models.Model]) -> Iterator[None]:
    connection = connections[model._meta.app_label]
    table = model._meta.db_table
    vendor = connection.vendor
    with connection.cursor() as cursor:
        for statement in _NO_INSERT[vendor]:
            cursor.execute(statement.format(table=table))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for statement in _INSERT_AGAIN[vendor]:
                cursor.execute(statement.format(table=table))


_NO_INSERT = {
    "sqlite": ["CREATE TRIGGER full_disk BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no row for you'); END"],
    "postgresql": [
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no row for you'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()",
    ],
}
_INSERT_AGAIN = {
    "sqlite": ["DROP TRIGGER full_disk"],
    "postgresql": ["DROP TRIGGER full_disk ON {table}", "DROP FUNCTION full_disk()"],
}


def key(order: str, handler: Handler) -> str:
    """Return the idempotency key of a handler for an order."""
    return f"saga:{order}:{handler.__name__.replace('_', '-')}"


def _rows(model: type[models.Model], world: str) -> list[dict[str, Any]]:
    rows = model._default_manager.filter(world=world).order_by("pk").values()
    return [{name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()} for row in rows]


@pytest.fixture(scope="module", autouse=True)
def _what_others_left(engine_databases: None) -> None:
    """No module drives what another one left unfinished."""
    leave_alone()
