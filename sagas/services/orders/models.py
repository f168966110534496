"""Orders' tables: one record per order."""

from __future__ import annotations

from sagas.services import models
from sagas.services.locks import LockableRow


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


class OrderRecord(LockableRow):
    """One order: PENDING, confirmed or cancelled. It is its own owner."""
