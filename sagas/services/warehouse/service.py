"""The warehouse service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import ledger
from sagas.services.base import Service
from sagas.services.warehouse.models import BarrierRow, InboxRow, LedgerRow, OutboxRow, Shift, StoredAnswer, WorldRow

PICKS = 100  # per world


class Warehouse(Service):
    name = "warehouse"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (Shift,)

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        Shift.objects.create(world=world, size=PICKS)

    def count(self, world: str) -> dict[str, int]:
        return {"picks_active": sum(ledger.totals(LedgerRow, world).values())}


warehouse = Warehouse()
