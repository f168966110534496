"""The sagas and services that a process knows, by name: the demo order saga among them."""

from __future__ import annotations

from collections.abc import Mapping

from sagas.definition import SagaDefinition, Step, StepKind
from sagas.errors import DefinitionUnknown
from sagas.services.base import Service
from sagas.services.delivery import handlers as delivery_handlers
from sagas.services.delivery.service import delivery
from sagas.services.delivery.subscriptions import SUBSCRIPTIONS as DELIVERY_HEARS
from sagas.services.events import Subscriptions
from sagas.services.flights import handlers as flights_handlers
from sagas.services.flights.service import flights
from sagas.services.flights.subscriptions import SUBSCRIPTIONS as FLIGHTS_HEARS
from sagas.services.hotels import handlers as hotels_handlers
from sagas.services.hotels.service import hotels
from sagas.services.hotels.subscriptions import SUBSCRIPTIONS as HOTELS_HEARS
from sagas.services.inventory import handlers as inventory_handlers
from sagas.services.inventory.service import inventory
from sagas.services.inventory.subscriptions import SUBSCRIPTIONS as INVENTORY_HEARS
from sagas.services.mail import handlers as mail_handlers
from sagas.services.mail.service import mail
from sagas.services.mail.subscriptions import SUBSCRIPTIONS as MAIL_HEARS
from sagas.services.orders import handlers as orders_handlers
from sagas.services.orders.service import orders
from sagas.services.orders.subscriptions import SUBSCRIPTIONS as ORDERS_HEARS
from sagas.services.payments import handlers as payments_handlers
from sagas.services.payments.service import payments
from sagas.services.payments.subscriptions import FINAL as FINAL_PAYMENTS_HEARS
from sagas.services.payments.subscriptions import SUBSCRIPTIONS as PAYMENTS_HEARS
from sagas.services.warehouse import handlers as warehouse_handlers
from sagas.services.warehouse.service import warehouse
from sagas.services.warehouse.subscriptions import SUBSCRIPTIONS as WAREHOUSE_HEARS

SERVICES: Mapping[str, Service] = {
    s.name: s for s in (inventory, orders, payments, warehouse, delivery, flights, hotels, mail)
}

# What each service listens to where nobody drives an order.
SUBSCRIPTIONS: Mapping[str, Subscriptions] = {
    "inventory": INVENTORY_HEARS,
    "orders": ORDERS_HEARS,
    "payments": PAYMENTS_HEARS,
    "warehouse": WAREHOUSE_HEARS,
    "delivery": DELIVERY_HEARS,
}

TRIP_SUBSCRIPTIONS: Mapping[str, Subscriptions] = {
    "flights": FLIGHTS_HEARS,
    "hotels": HOTELS_HEARS,
    "payments": FINAL_PAYMENTS_HEARS,
    "mail": MAIL_HEARS,
}

ORDER = SagaDefinition(
    "order",
    version=1,
    steps=[
        Step(
            "reserve-inventory",
            service="inventory",
            action=inventory_handlers.reserve_inventory,
            compensation=inventory_handlers.release_inventory,
            settlement=inventory_handlers.sell_inventory,
            taking=inventory_handlers.take_unit_away,
        ),
        Step(
            "create-order",
            service="orders",
            action=orders_handlers.create_order,
            compensation=orders_handlers.cancel_order,
            settlement=orders_handlers.confirm_order,
        ),
        Step(
            "charge-payment",
            service="payments",
            action=payments_handlers.charge_payment,
            compensation=payments_handlers.refund_payment,
        ),
        Step(
            "notify-warehouse",
            service="warehouse",
            action=warehouse_handlers.notify_warehouse,
            compensation=warehouse_handlers.recall_pick,
        ),
        Step(
            "book-delivery",
            service="delivery",
            action=delivery_handlers.book_delivery,
            compensation=delivery_handlers.cancel_delivery,
        ),
    ],
)

TRIP = SagaDefinition(
    "trip",
    version=1,
    steps=[
        Step(
            "book-flight",
            service="flights",
            action=flights_handlers.book_flight,
            compensation=flights_handlers.cancel_flight,
            settlement=flights_handlers.sell_seat,
            taking=flights_handlers.take_seat_away,
        ),
        Step(
            "reserve-hotel",
            service="hotels",
            action=hotels_handlers.reserve_hotel,
            compensation=hotels_handlers.cancel_hotel,
        ),
        Step("charge-card", service="payments", action=payments_handlers.charge_card, kind=StepKind.PIVOT),
        Step("send-ticket", service="mail", action=mail_handlers.send_ticket, kind=StepKind.RETRIABLE),
    ],
)

DEMOS = ("order", "trip")  # what this package brings along; others may be registered beside them

DEFINITIONS: dict[tuple[str, int], SagaDefinition] = {}


def register(definition: SagaDefinition) -> SagaDefinition:
    """Make a definition known under its name and version; return it."""
    DEFINITIONS[definition.name, definition.version] = definition
    return definition


def subscriptions(saga: str) -> Mapping[str, Subscriptions]:
    """Return what each service listens to where nobody drives a saga of this name."""
    return TRIP_SUBSCRIPTIONS if saga == TRIP.name else SUBSCRIPTIONS


def definition(name: str, version: int | None = None) -> SagaDefinition:
    """Return a definition; without `version`, the newest. Raises DefinitionUnknown."""
    if version is None:
        version = max((v for n, v in DEFINITIONS if n == name), default=0)
    try:
        return DEFINITIONS[name, version]
    except KeyError:
        raise DefinitionUnknown(name, version) from None


register(ORDER)
register(TRIP)
