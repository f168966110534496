"""What a service does that sells single units: hold one, give it back, sell it.

With a lock, to hold is to claim: one conditional update. Without one, the order looks, and
later holds what it saw. A service's own handlers name these after what it sells.
"""

from __future__ import annotations

from typing import Any

from sagas.services import ledger, locks, unlocked
from sagas.services import shelf as shelves
from sagas.services.base import Delivery, Refused, Row
from sagas.services.shelf import Shelf


def hold(shelf: Shelf, delivery: Delivery) -> dict[str, Any]:
    unit = shelves.ask(shelf, delivery)
    delivery.write("hold", 1, record=unit, lock="acquired")
    return {"unit": unit}


def hold_what_was_seen(shelf: Shelf, delivery: Delivery, seen: unlocked.Seen) -> dict[str, Any]:
    """Return the unit that is held now, whoever holds it too. Raises Refused when none was seen."""
    unit = seen.unit(delivery.order)
    flagged = unlocked.flag(shelf, delivery, unit)
    delivery.write("hold", 1, record=unit, lock="acquired" if flagged else "")
    return {"unit": unit}


def release(shelf: Shelf, delivery: Delivery) -> dict[str, Any]:
    handed = shelves.leave_line(shelf, delivery)
    if handed:
        # The ledger never had this unit for the order, but the next in line has to learn that it moves on.
        delivery.write("release", 0, record=handed, lock="released")
        shelves.let_go(shelf, delivery.world, handed, delivery.order)
        return {"released": handed}
    held = delivery.standing()
    if not held:
        return _nothing_to_release(shelf, delivery)
    last = held[-1]
    delivery.write("release", -last.amount, record=last.record, lock=_lock_ends(last), undoes=last)
    _let_go(shelf, delivery, last)
    return {"released": last.record}


def sell(shelf: Shelf, delivery: Delivery) -> dict[str, Any]:
    held = delivery.standing()
    if not held and not shelves.sold_to(shelf, delivery.world, delivery.order):
        raise Refused("nothing is held")
    for one in held:
        delivery.write("sell", -one.amount, record=one.record, lock=_lock_ends(one), undoes=one)
        _sell(shelf, delivery, one)
    return {"sold": [one.record for one in held]}


def take_away(shelf: Shelf, delivery: Delivery) -> dict[str, Any]:
    """An operator takes `record` from an order that cannot give it back itself; the next in line gets it."""
    record = delivery.body["record"]
    holds = [held for held in delivery.standing() if held.record == record]
    if not holds:
        raise Refused(f"{delivery.order} does not hold {record}")
    last = holds[-1]
    delivery.write("release", -last.amount, record=record, lock=_lock_ends(last), undoes=last)
    _let_go(shelf, delivery, last)
    return {"released": record}


def furnish(shelf: Shelf, world: str, name: str, units: int) -> None:
    """Put units `<name>-1`, `<name>-2` … on the shelf of a new world."""
    rows = (shelf.units(world=world, record=f"{name}-{n}", state=locks.FREE) for n in range(1, units + 1))
    shelf.units._default_manager.bulk_create(rows)


def count(shelf: Shelf, world: str) -> dict[str, int]:
    """Return the shelf's share of a run's facts."""
    sums = ledger.totals(shelf.ledger, world)
    sold = -sums.get("sell", 0)
    held = sums.get("hold", 0) + sums.get("release", 0) - sold + shelves.handed_over(shelf, world)
    kept_back = shelf.kept_back(world)
    states = list(shelf.units._default_manager.filter(world=world).values_list("state", flat=True))
    return {
        "units_held": held,
        "units_sold": sold,
        "stock_left": len(unlocked.on_hand(shelf, world)),
        "oversold": max(0, held + sold - len(states)),
        "kept_back_sold": min(kept_back, max(0, held + sold - max(0, len(states) - kept_back))),
        "pending": states.count(locks.PENDING),
    }


def _let_go(shelf: Shelf, delivery: Delivery, held: Row) -> None:
    if delivery.call.lock in unlocked.NO_LOCK:
        unlocked.give_back(shelf, delivery, held.record)
    else:
        shelves.let_go(shelf, delivery.world, held.record, held.order)


def _sell(shelf: Shelf, delivery: Delivery, held: Row) -> None:
    if delivery.call.lock in unlocked.NO_LOCK:
        unlocked.sell(shelf, delivery, held.record)
    else:
        shelves.sell(shelf, delivery.world, held.record, held.order)


def _lock_ends(held: Row) -> str:
    return "released" if held.lock else ""


def _nothing_to_release(shelf: Shelf, delivery: Delivery) -> dict[str, Any]:
    if shelves.sold_to(shelf, delivery.world, delivery.order):
        raise Refused("the unit is sold")
    return {"released": None}
