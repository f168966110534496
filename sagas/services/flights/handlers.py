"""What flights does: hold a seat, give it back, sell it."""

from __future__ import annotations

from functools import partial
from typing import Any

from sagas.services import stock, unlocked
from sagas.services.base import Delivery, Halves
from sagas.services.flights.models import LedgerRow, Seat, Standby
from sagas.services.shelf import Shelf

SHELF = Shelf(units=Seat, line=Standby, ledger=LedgerRow, none_left="the flight is full")


def book_flight(delivery: Delivery) -> dict[str, Any]:
    return stock.hold(SHELF, delivery)


def cancel_flight(delivery: Delivery) -> dict[str, Any]:
    return stock.release(SHELF, delivery)


def sell_seat(delivery: Delivery) -> dict[str, Any]:
    return stock.sell(SHELF, delivery)


def take_seat_away(delivery: Delivery) -> dict[str, Any]:
    """An operator takes `record` from an order that cannot give it back itself; the next in line gets it."""
    return stock.take_away(SHELF, delivery)


HALVES = {
    book_flight: Halves(
        look=partial(unlocked.look, SHELF), act=partial(stock.hold_what_was_seen, SHELF), locks=unlocked.NO_LOCK
    )
}
