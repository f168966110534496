"""The delivery service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import ledger
from sagas.services.base import Service
from sagas.services.delivery.models import BarrierRow, InboxRow, LedgerRow, OutboxRow, StoredAnswer, Van, WorldRow

SLOTS = 100  # per world


class DeliveryService(Service):
    name = "delivery"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (Van,)

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        Van.objects.create(world=world, size=SLOTS)

    def count(self, world: str) -> dict[str, int]:
        return {"slots_booked": sum(ledger.totals(LedgerRow, world).values())}


delivery = DeliveryService()
