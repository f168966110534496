"""What inventory does: hold a unit, give it back, sell it."""

from __future__ import annotations

from typing import Any

from sagas.services.base import Delivery, Refused
from sagas.services.inventory import shelf


def reserve_inventory(delivery: Delivery) -> dict[str, Any]:
    unit = shelf.ask(delivery)
    delivery.write("hold", 1, record=unit, lock="acquired")
    return {"unit": unit}


def release_inventory(delivery: Delivery) -> dict[str, Any]:
    handed = shelf.leave_line(delivery)
    if handed:
        # The ledger never had this unit for the order, but the next in line has to learn that it moves on.
        delivery.write("release", 0, record=handed, lock="released")
        shelf.let_go(delivery.world, handed, delivery.order)
        return {"released": handed}
    held = delivery.standing()
    if not held:
        return _nothing_to_release(delivery)
    hold = held[-1]
    delivery.write("release", -hold.amount, record=hold.record, lock="released", undoes=hold)
    shelf.let_go(delivery.world, hold.record, hold.order)
    return {"released": hold.record}


def sell_inventory(delivery: Delivery) -> dict[str, Any]:
    held = delivery.standing()
    if not held and not shelf.sold_to(delivery.world, delivery.order):
        raise Refused("nothing is held")
    for hold in held:
        delivery.write("sell", -hold.amount, record=hold.record, lock="released", undoes=hold)
        shelf.sell(delivery.world, hold.record, hold.order)
    return {"sold": [hold.record for hold in held]}


def _nothing_to_release(delivery: Delivery) -> dict[str, Any]:
    if shelf.sold_to(delivery.world, delivery.order):
        raise Refused("the unit is sold")
    return {"released": None}
