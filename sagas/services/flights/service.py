"""The flights service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import locks
from sagas.services import stock as seats
from sagas.services.base import Service
from sagas.services.flights.handlers import HALVES, SHELF
from sagas.services.flights.models import (
    BarrierRow,
    InboxRow,
    LedgerRow,
    OutboxRow,
    Seat,
    Standby,
    StoredAnswer,
    WorldRow,
)


class Flights(Service):
    name = "flights"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (Standby, Seat)
    halves = HALVES

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        seats.furnish(SHELF, world, "seat", stock)

    def pending(self, world: str) -> list[dict[str, str]]:
        return locks.pending(Seat, world)

    def count(self, world: str) -> dict[str, int]:
        return seats.count(SHELF, world)


flights = Flights()
