"""A saga of one's own, from its definition to a run. The lab shows this file, and a test runs it."""

from __future__ import annotations

from sagas import Retry, SagaDefinition, Step, catalog
from sagas.models import Run
from sagas.runs import create_run
from sagas.services.delivery.handlers import book_delivery, cancel_delivery
from sagas.services.inventory.handlers import release_inventory, reserve_inventory, sell_inventory
from sagas.services.orders.handlers import cancel_order, confirm_order, create_order
from sagas.services.payments.handlers import charge_payment, refund_payment

PREPAID = SagaDefinition(
    "prepaid",
    version=1,
    steps=[
        Step(
            "charge-payment",
            service="payments",
            action=charge_payment,
            compensation=refund_payment,
            retry=Retry(max_attempts=5),
        ),
        Step(
            "create-order",
            service="orders",
            action=create_order,
            compensation=cancel_order,
            settlement=confirm_order,
        ),
        Step(
            "reserve-inventory",
            service="inventory",
            action=reserve_inventory,
            compensation=release_inventory,
            settlement=sell_inventory,
        ),
        Step(
            "book-delivery",
            service="delivery",
            action=book_delivery,
            compensation=cancel_delivery,
        ),
    ],
)


def start_one() -> Run:
    catalog.register(PREPAID)
    return create_run({"saga": "prepaid", "stock": 0})
