"""What delivery does: book a slot in the van, cancel it."""

from __future__ import annotations

from typing import Any

from sagas.services.base import Delivery, Refused
from sagas.services.delivery.models import Van
from sagas.services.pools import give_back, take


def book_delivery(delivery: Delivery) -> dict[str, Any]:
    if not take(Van, delivery.world):
        raise Refused("the van is full")
    delivery.write("book", 1)
    return {"booked": 1}


def cancel_delivery(delivery: Delivery) -> dict[str, Any]:
    standing = delivery.standing()
    if not standing:
        return {"cancelled": 0}
    give_back(Van, delivery.world)
    delivery.write("cancel", -standing[-1].amount, undoes=standing[-1])
    return {"cancelled": 1}
