"""Inventory's tables: one record per unit of stock, and who waits for one."""

from __future__ import annotations

from django.db import models as django

from sagas.services import models
from sagas.services.locks import LockableRow


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


class Ticket(django.Model):
    """A place in the line for a unit, first come first served by id; `record` is the unit handed over."""

    world = django.CharField(max_length=models.WORLD_LENGTH)
    order = django.CharField(max_length=models.NAME_LENGTH)
    action_key = django.CharField(max_length=models.KEY_LENGTH)
    record = django.CharField(max_length=models.NAME_LENGTH, blank=True)

    class Meta:
        constraints = [django.UniqueConstraint(fields=["world", "action_key"], name="inventory_ticket_key")]

    def __str__(self) -> str:
        return f"{self.order} {self.record or 'waits'}"
