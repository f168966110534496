"""The hotels service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import ledger
from sagas.services.base import Service
from sagas.services.hotels.models import BarrierRow, InboxRow, LedgerRow, Night, OutboxRow, StoredAnswer, WorldRow

ROOMS = 100  # per world


class Hotels(Service):
    name = "hotels"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (Night,)

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        Night.objects.create(world=world, size=ROOMS)

    def count(self, world: str) -> dict[str, int]:
        return {"rooms_booked": sum(ledger.totals(LedgerRow, world).values())}


hotels = Hotels()
