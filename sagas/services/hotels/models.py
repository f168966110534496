"""Hotels' tables: the rooms of a night."""

from __future__ import annotations

from sagas.services import models
from sagas.services.pools import Pool


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


class Night(Pool):
    """How many rooms there are in a world, and how many are taken."""
