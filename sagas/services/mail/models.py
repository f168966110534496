"""Mail's tables: what every service keeps, and nothing else. What is sent is a row of the ledger."""

from __future__ import annotations

from sagas.services import models


class WorldRow(models.WorldRow):
    pass


class LedgerRow(models.LedgerRow):
    pass


class StoredAnswer(models.StoredAnswer):
    pass


class BarrierRow(models.BarrierRow):
    pass


class InboxRow(models.InboxRow):
    pass


class OutboxRow(models.OutboxRow):
    pass
