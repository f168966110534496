"""The inventory service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import ledger, locks
from sagas.services.base import Halves, Service
from sagas.services.inventory import handlers, shelf, unlocked
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
    halves = {
        handlers.reserve_inventory: Halves(look=unlocked.look, act=handlers.hold_what_was_seen, locks=unlocked.NO_LOCK)
    }

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        Unit.objects.bulk_create(Unit(world=world, record=f"unit-{n}", state=locks.FREE) for n in range(1, stock + 1))

    def hold_back(self, world: str, units: int) -> None:
        WorldRow.objects.filter(pk=world).update(kept_back=units)

    def pending(self, world: str) -> list[dict[str, str]]:
        return locks.pending(Unit, world)

    def count(self, world: str) -> dict[str, int]:
        sums = ledger.totals(LedgerRow, world)
        sold = -sums.get("sell", 0)
        held = sums.get("hold", 0) + sums.get("release", 0) - sold + shelf.handed_over(world)
        kept_back = WorldRow.objects.values_list("kept_back", flat=True).get(pk=world)
        states = list(Unit.objects.filter(world=world).values_list("state", flat=True))
        return {
            "units_held": held,
            "units_sold": sold,
            "stock_left": len(unlocked.on_hand(world)),
            "oversold": max(0, held + sold - len(states)),
            "kept_back_sold": min(kept_back, max(0, held + sold - max(0, len(states) - kept_back))),
            "pending": states.count(locks.PENDING),
        }


inventory = Inventory()
