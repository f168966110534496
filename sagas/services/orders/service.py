"""The orders service."""

from __future__ import annotations

from sagas.services import locks
from sagas.services.base import Service
from sagas.services.orders.handlers import CONFIRMED
from sagas.services.orders.models import BarrierRow, InboxRow, LedgerRow, OrderRecord, OutboxRow, StoredAnswer, WorldRow


class Orders(Service):
    name = "orders"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (OrderRecord,)

    def pending(self, world: str) -> list[dict[str, str]]:
        return locks.pending(OrderRecord, world)

    def count(self, world: str) -> dict[str, int]:
        records = OrderRecord.objects.filter(world=world)
        return {
            "orders_confirmed": records.filter(state=CONFIRMED).count(),
            "pending": records.filter(state=locks.PENDING).count(),
        }


orders = Orders()
