"""The payments service."""

from __future__ import annotations

from collections.abc import Sequence

from sagas.services import ledger
from sagas.services.base import Service
from sagas.services.payments.models import BarrierRow, Card, InboxRow, LedgerRow, OutboxRow, StoredAnswer, WorldRow

CARD_LIMIT = 100_000  # cents


class Payments(Service):
    name = "payments"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow
    records = (Card,)

    def furnish(self, world: str, orders: Sequence[str], stock: int) -> None:
        Card.objects.bulk_create(Card(world=world, order=order, limit=CARD_LIMIT) for order in orders)

    def count(self, world: str) -> dict[str, int]:
        sums = ledger.totals(LedgerRow, world)
        charges = LedgerRow.objects.filter(world=world, kind="charge")
        paying = charges.values("order").distinct().count()
        return {
            "charged": sums.get("charge", 0),
            "refunded": -sums.get("refund", 0),
            "charges": charges.count(),
            "double_charges": charges.count() - paying,
        }


payments = Payments()
