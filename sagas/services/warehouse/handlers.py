"""What warehouse does: have an order picked, recall the pick."""

from __future__ import annotations

from typing import Any

from sagas.services.base import Delivery, Refused
from sagas.services.pools import give_back, take
from sagas.services.warehouse.models import Shift


def notify_warehouse(delivery: Delivery) -> dict[str, Any]:
    if not take(Shift, delivery.world):
        raise Refused("nobody is free to pick")
    delivery.write("pick", 1)
    return {"picked": 1}


def recall_pick(delivery: Delivery) -> dict[str, Any]:
    standing = delivery.standing()
    if not standing:
        return {"recalled": 0}
    give_back(Shift, delivery.world)
    delivery.write("recall", -standing[-1].amount, undoes=standing[-1])
    return {"recalled": 1}
