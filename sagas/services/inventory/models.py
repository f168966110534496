"""Inventory's tables: one record per unit of stock, and who waits for one."""

from __future__ import annotations

from django.db import models as django

from sagas.services import models
from sagas.services.locks import LockableRow
from sagas.services.shelf import Place


class WorldRow(models.WorldRow):
    """A world's shelf; `kept_back` units of it are not for sale."""

    kept_back = django.PositiveIntegerField(default=0)


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


class Unit(LockableRow):
    """One unit on the shelf: free, PENDING for an order, or sold to it."""


class Ticket(Place):
    """A place in the line for a unit."""
