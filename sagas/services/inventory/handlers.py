"""What inventory does: hold a unit, give it back, sell it.

With a lock, to hold is to claim: one conditional update. Without one, the order looks, and
later holds what it saw.
"""

from __future__ import annotations

from typing import Any

from sagas.services.base import Delivery, Refused, Row
from sagas.services.inventory import shelf, unlocked


def reserve_inventory(delivery: Delivery) -> dict[str, Any]:
    unit = shelf.ask(delivery)
    delivery.write("hold", 1, record=unit, lock="acquired")
    return {"unit": unit}


def hold_what_was_seen(delivery: Delivery, seen: unlocked.Seen) -> dict[str, Any]:
    """Return the unit that is held now, whoever holds it too. Raises Refused when none was seen."""
    if isinstance(seen, Refused):
        raise seen
    flagged = unlocked.flag(delivery, seen)
    delivery.write("hold", 1, record=seen, lock="acquired" if flagged else "")
    return {"unit": seen}


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
    delivery.write("release", -hold.amount, record=hold.record, lock=_lock_ends(hold), undoes=hold)
    _let_go(delivery, hold)
    return {"released": hold.record}


def sell_inventory(delivery: Delivery) -> dict[str, Any]:
    held = delivery.standing()
    if not held and not shelf.sold_to(delivery.world, delivery.order):
        raise Refused("nothing is held")
    for hold in held:
        delivery.write("sell", -hold.amount, record=hold.record, lock=_lock_ends(hold), undoes=hold)
        _sell(delivery, hold)
    return {"sold": [hold.record for hold in held]}


def take_unit_away(delivery: Delivery) -> dict[str, Any]:
    """An operator takes `record` from an order that cannot give it back itself; the next in line gets it."""
    record = delivery.body["record"]
    holds = [hold for hold in delivery.standing() if hold.record == record]
    if not holds:
        raise Refused(f"{delivery.order} does not hold {record}")
    delivery.write("release", -holds[-1].amount, record=record, lock=_lock_ends(holds[-1]), undoes=holds[-1])
    _let_go(delivery, holds[-1])
    return {"released": record}


def _let_go(delivery: Delivery, hold: Row) -> None:
    if delivery.call.lock in unlocked.NO_LOCK:
        unlocked.give_back(delivery, hold.record)
    else:
        shelf.let_go(delivery.world, hold.record, hold.order)


def _sell(delivery: Delivery, hold: Row) -> None:
    if delivery.call.lock in unlocked.NO_LOCK:
        unlocked.sell(delivery, hold.record)
    else:
        shelf.sell(delivery.world, hold.record, hold.order)


def _lock_ends(hold: Row) -> str:
    return "released" if hold.lock else ""


def _nothing_to_release(delivery: Delivery) -> dict[str, Any]:
    if shelf.sold_to(delivery.world, delivery.order):
        raise Refused("the unit is sold")
    return {"released": None}
