"""What inventory does: hold a unit, give it back, sell it."""

from __future__ import annotations

from functools import partial
from typing import Any

from sagas.services import stock, unlocked
from sagas.services.base import Delivery, Halves
from sagas.services.inventory.models import LedgerRow, Ticket, Unit, WorldRow
from sagas.services.shelf import Shelf


def kept_back(world: str) -> int:
    """Return how many units of a world are not for sale."""
    return WorldRow.objects.values_list("kept_back", flat=True).get(pk=world)


SHELF = Shelf(units=Unit, line=Ticket, ledger=LedgerRow, none_left="out of stock", kept_back=kept_back)


def reserve_inventory(delivery: Delivery) -> dict[str, Any]:
    return stock.hold(SHELF, delivery)


def release_inventory(delivery: Delivery) -> dict[str, Any]:
    return stock.release(SHELF, delivery)


def sell_inventory(delivery: Delivery) -> dict[str, Any]:
    return stock.sell(SHELF, delivery)


def take_unit_away(delivery: Delivery) -> dict[str, Any]:
    """An operator takes `record` from an order that cannot give it back itself; the next in line gets it."""
    return stock.take_away(SHELF, delivery)


HALVES = {
    reserve_inventory: Halves(
        look=partial(unlocked.look, SHELF), act=partial(stock.hold_what_was_seen, SHELF), locks=unlocked.NO_LOCK
    )
}
