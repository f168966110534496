"""What orders does: open an order, cancel it, confirm it."""

from __future__ import annotations

from typing import Any

from sagas.services import locks
from sagas.services.base import Delivery, Refused
from sagas.services.orders.models import OrderRecord

CONFIRMED = "confirmed"
CANCELLED = "cancelled"


def create_order(delivery: Delivery) -> dict[str, Any]:
    record, new = OrderRecord.objects.get_or_create(
        world=delivery.world, record=delivery.order, defaults={"state": locks.PENDING, "owner": delivery.order}
    )
    if record.state != locks.PENDING:
        raise Refused(f"the order is {record.state}")
    delivery.write("open", 1, record=record.record, lock="acquired" if new else "")
    return {"order": record.record}


def cancel_order(delivery: Delivery) -> dict[str, Any]:
    if _state(delivery) == CONFIRMED:
        raise Refused("the order is confirmed")
    opened = delivery.standing()
    if not opened:
        return {"cancelled": None}
    last = opened[-1]
    if len(opened) == 1:
        locks.settle(OrderRecord, delivery.world, last.record, last.order, CANCELLED)
    lock = "released" if len(opened) == 1 else ""
    delivery.write("cancel", -last.amount, record=last.record, lock=lock, undoes=last)
    return {"cancelled": last.record}


def confirm_order(delivery: Delivery) -> dict[str, Any]:
    state = _state(delivery)
    if state == locks.PENDING:
        locks.settle(OrderRecord, delivery.world, delivery.order, delivery.order, CONFIRMED)
        delivery.write("confirm", 0, record=delivery.order, lock="released")
    elif state != CONFIRMED:
        raise Refused(f"the order is {state}" if state else "there is no such order")
    return {"confirmed": delivery.order}


def _state(delivery: Delivery) -> str:
    found = OrderRecord.objects.filter(world=delivery.world, record=delivery.order)
    return found.values_list("state", flat=True).first() or ""
