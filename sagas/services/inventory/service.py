"""The inventory service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import ledger, locks
from sagas.services.base import Service
from sagas.services.inventory import shelf
from sagas.services.inventory.models import BarrierRow, LedgerRow, StoredAnswer, Ticket, Unit, WorldRow


class Inventory(Service):
    name = "inventory"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    records = (Ticket, Unit)

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        Unit.objects.bulk_create(Unit(world=world, record=f"unit-{n}", state=locks.FREE) for n in range(1, stock + 1))

    def pending(self, world: str) -> list[dict[str, str]]:
        return locks.pending(Unit, world)

    def count(self, world: str) -> dict[str, int]:
        sums = ledger.totals(LedgerRow, world)
        sold = -sums.get("sell", 0)
        held = sums.get("hold", 0) + sums.get("release", 0) - sold + shelf.handed_over(world)
        units = Unit.objects.filter(world=world)
        return {
            "units_held": held,
            "units_sold": sold,
            "stock_left": units.filter(state=locks.FREE).count(),
            "oversold": max(0, held + sold - units.count()),
            "pending": units.filter(state=locks.PENDING).count(),
        }


inventory = Inventory()
