"""What hotels does: book a room, cancel it."""

from __future__ import annotations

from typing import Any

from sagas.services.base import Delivery, Refused
from sagas.services.hotels.models import Night
from sagas.services.pools import give_back, take


def reserve_hotel(delivery: Delivery) -> dict[str, Any]:
    if not take(Night, delivery.world):
        raise Refused("no room is left")
    delivery.write("book", 1)
    return {"booked": 1}


def cancel_hotel(delivery: Delivery) -> dict[str, Any]:
    standing = delivery.standing()
    if not standing:
        return {"cancelled": 0}
    give_back(Night, delivery.world)
    delivery.write("cancel", -standing[-1].amount, undoes=standing[-1])
    return {"cancelled": 1}
