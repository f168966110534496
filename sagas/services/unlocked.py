"""The shelf without a lock: look first, write later, and hope. Wrong on purpose.

    off     nobody marks anything; only the ledger says what is held
    naive   a PENDING flag is set, by everyone who saw the unit free

Both oversell, because what was seen may be untrue by the time of the write. How many units
are promised stays right all the same: that is a sum over the ledger.
Source: Berenson et al., "A Critique of ANSI SQL Isolation Levels", 1995: P4, the lost update.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagas.services import locks, sql
from sagas.services.base import Delivery, Refused
from sagas.services.shelf import SOLD, Shelf

NO_LOCK = ("off", "naive")


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood on the shelf: the units that were on hand, and what is said where none is taken."""

    units: tuple[str, ...]
    refusal: Refused

    def unit(self, order: str) -> str:
        """Return the unit that an order takes. Raises the refusal where there is none."""
        if not self.units:
            raise self.refusal
        # Orders of consecutive numbers reach for different units, so that only a shortage makes them collide.
        return self.units[_number(order) % len(self.units)]

    def to_json(self) -> dict[str, Any]:
        """Return what a caller may carry to another process between looking and writing."""
        no = self.refusal
        refusal = {"reason": no.reason, "status": no.status, "record": no.record, "owner": no.owner}
        return {"units": list(self.units), "refusal": refusal}


def seen_from_json(value: Mapping[str, Any]) -> Seen:
    """Return what `Seen.to_json` wrote."""
    return Seen(tuple(value["units"]), Refused(**value["refusal"]))


def look(shelf: Shelf, delivery: Delivery) -> Seen:
    """Return what stands on the shelf now. Whether it may be sold is for whoever asked to say."""
    flagged = shelf.units._default_manager.filter(world=delivery.world, state=locks.PENDING).order_by("pk").first()
    refusal = Refused("locked", record=flagged.record, owner=flagged.owner) if flagged else Refused(shelf.none_left)
    return Seen(tuple(on_hand(shelf, delivery.world)), refusal)


def flag(shelf: Shelf, delivery: Delivery, record: str) -> bool:
    """Return whether this way of working sets a flag; it is then PENDING for this order, whoever had it."""
    if delivery.call.lock != "naive":
        return False
    locks.overwrite(shelf.units, delivery.world, record, delivery.order, locks.PENDING)
    return True


def give_back(shelf: Shelf, delivery: Delivery, record: str) -> None:
    """Leave the unit to those whose rows still stand on it: a buyer, a holder, or nobody."""
    if delivery.call.lock != "naive":
        return
    left = [(kind == "sell", n, order) for n, order, kind, on, _ in _standing(shelf, delivery.world) if on == record]
    is_sold, _, owner = max(left, default=(False, 0, ""))
    state = SOLD if is_sold else locks.PENDING if owner else locks.FREE
    locks.overwrite(shelf.units, delivery.world, record, owner, state)


def sell(shelf: Shelf, delivery: Delivery, record: str) -> None:
    """Make the unit this order's own, sold before or not."""
    locks.overwrite(shelf.units, delivery.world, record, delivery.order, SOLD)


def on_hand(shelf: Shelf, world: str) -> list[str]:
    """Return the units that are free and that nobody holds without a flag."""
    held = {record for _, _, kind, record, lock in _standing(shelf, world) if kind == "hold" and not lock}
    free = sql.run(
        shelf.units, "SELECT record FROM {table} WHERE world = %s AND state = %s ORDER BY id", [world, locks.FREE]
    )
    return [record for (record,) in free if record not in held]


def _standing(shelf: Shelf, world: str) -> list[tuple[int, str, str, str, str]]:
    """Return number, order, kind, record and lock of the holds and sales that no later row takes back."""
    return sql.run(
        shelf.ledger,
        "SELECT n, \"order\", kind, record, lock FROM {table} AS effect WHERE world = %s AND kind IN ('hold', 'sell') "
        "AND NOT EXISTS (SELECT 1 FROM {table} AS undo WHERE undo.world = effect.world AND undo.undoes = effect.n)",
        [world],
    )


def _number(order: str) -> int:
    return int(re.sub(r"\D", "", order) or 0)
