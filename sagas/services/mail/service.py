"""The mail service. An order whose ticket is sent is confirmed: its customer has it in writing."""

from __future__ import annotations

from sagas.services.base import Service
from sagas.services.mail.models import BarrierRow, InboxRow, LedgerRow, OutboxRow, StoredAnswer, WorldRow


class Mail(Service):
    name = "mail"
    worlds = WorldRow
    ledger_rows = LedgerRow
    stored_answers = StoredAnswer
    marks = BarrierRow
    inbox = InboxRow
    outbox = OutboxRow

    def count(self, world: str) -> dict[str, int]:
        sent = LedgerRow.objects.filter(world=world, kind="send")
        return {"tickets_sent": sent.count(), "orders_confirmed": sent.values("order").distinct().count()}


mail = Mail()
