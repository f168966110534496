"""Delivery's tables: the slots of the van."""

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


class Van(Pool):
    """How many slots the van has in a world, and how many are booked."""
