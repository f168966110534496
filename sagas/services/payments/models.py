"""Payments' tables: one card per order."""

from __future__ import annotations

from django.db import models as django

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


class Card(django.Model):
    """The card that an order is paid with. Amounts in cents."""

    world = django.CharField(max_length=models.WORLD_LENGTH)
    order = django.CharField(max_length=models.NAME_LENGTH)
    limit = django.PositiveIntegerField()
    spent = django.PositiveIntegerField(default=0)

    class Meta:
        constraints = [django.UniqueConstraint(fields=["world", "order"], name="payments_card_order")]

    def __str__(self) -> str:
        return f"{self.order}: {self.spent} of {self.limit}"
