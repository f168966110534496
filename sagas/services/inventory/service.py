"""The inventory service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import locks
from sagas.services import stock as units
from sagas.services.base import Service
from sagas.services.inventory.handlers import HALVES, SHELF
from sagas.services.inventory.models import (
    BarrierRow,
    InboxRow,
    LedgerRow,
    OutboxRow,
    StoredAnswer,
    Ticket,
    Unit,
    WorldRow,
)


class Inventory(Service):
    name = "inventory"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (Ticket, Unit)
    halves = HALVES

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        units.furnish(SHELF, world, "unit", stock)

    def hold_back(self, world: str, units: int) -> None:
        WorldRow.objects.filter(pk=world).update(kept_back=units)

    def pending(self, world: str) -> list[dict[str, str]]:
        return locks.pending(Unit, world)

    def count(self, world: str) -> dict[str, int]:
        return units.count(SHELF, world)


inventory = Inventory()
