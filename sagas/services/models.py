"""The six tables that every service keeps in its own database, as abstract models.

A service's `models.py` subclasses them and adds its own records. `world` is the id of
the run that a row belongs to: each run has its own stock, money and slots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import models

from sagas.entries import Op

WORLD_LENGTH = 64
KEY_LENGTH = 200
NAME_LENGTH = 64
TRACEPARENT_LENGTH = 55  # W3C Trace Context, version 00


class WorldRow(models.Model):
    """One run's share of the service; whoever changes the share holds this row."""

    world = models.CharField(max_length=WORLD_LENGTH, primary_key=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.world


class LedgerRow(models.Model):
    """One effect. Rows are added and never changed: an undo is a row that `undoes` another."""

    world = models.CharField(max_length=WORLD_LENGTH)
    n = models.PositiveIntegerField()
    order = models.CharField(max_length=NAME_LENGTH)
    kind = models.CharField(max_length=NAME_LENGTH)
    amount = models.BigIntegerField()
    key = models.CharField(max_length=KEY_LENGTH)
    action_key = models.CharField(max_length=KEY_LENGTH)
    op = models.CharField(max_length=NAME_LENGTH, choices=[(op.value, op.value) for op in Op], blank=True)
    at = models.BigIntegerField(help_text="milliseconds since the epoch")
    record = models.CharField(max_length=NAME_LENGTH, blank=True)
    lock = models.CharField(max_length=NAME_LENGTH, blank=True)
    undoes = models.PositiveIntegerField(
        null=True, blank=True, help_text="the number of the row that this one takes back"
    )

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["world", "n"], name="%(app_label)s_ledger_n"),
            models.UniqueConstraint(fields=["world", "undoes"], name="%(app_label)s_ledger_undone_once"),
        ]
        indexes = [models.Index(fields=["world", "action_key"], name="%(app_label)s_ledger_key")]

    def __str__(self) -> str:
        return f"{self.n} {self.kind} {self.amount:+d} {self.key}"


class StoredAnswer(models.Model):
    """What was answered under a key, byte for byte, and the fingerprint of what was asked."""

    world = models.CharField(max_length=WORLD_LENGTH)
    key = models.CharField(max_length=KEY_LENGTH)
    fingerprint = models.CharField(max_length=64)
    verdict = models.CharField(max_length=NAME_LENGTH)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["world", "key"], name="%(app_label)s_answer_key")]

    def __str__(self) -> str:
        return f"{self.key}: {self.verdict}"


class BarrierRow(models.Model):
    """That a direction of a step has been here, and which direction said so."""

    world = models.CharField(max_length=WORLD_LENGTH)
    action_key = models.CharField(max_length=KEY_LENGTH)
    op = models.CharField(max_length=NAME_LENGTH, choices=[(op.value, op.value) for op in Op])
    inserted_by = models.CharField(max_length=NAME_LENGTH, choices=[(op.value, op.value) for op in Op])

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["world", "action_key", "op"], name="%(app_label)s_barrier")]

    def __str__(self) -> str:
        return f"{self.action_key}: {self.op} by {self.inserted_by}"


class InboxRow(models.Model):
    """An event that this service has handled, and what it answered, byte for byte."""

    world = models.CharField(max_length=WORLD_LENGTH)
    event = models.CharField(max_length=KEY_LENGTH)
    verdict = models.CharField(max_length=NAME_LENGTH)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["world", "event"], name="%(app_label)s_inbox_event")]

    def __str__(self) -> str:
        return f"{self.event}: {self.verdict}"


class OutboxRow(models.Model):
    """An event that this service has to say; `cause` is the event that it answers, `said_by` who wrote the row."""

    world = models.CharField(max_length=WORLD_LENGTH)
    event = models.CharField(max_length=KEY_LENGTH)
    name = models.CharField(max_length=NAME_LENGTH)
    order = models.CharField(max_length=NAME_LENGTH)
    payload = models.JSONField()
    cause = models.CharField(max_length=KEY_LENGTH)
    said_by = models.CharField(max_length=NAME_LENGTH)
    traceparent = models.CharField(max_length=TRACEPARENT_LENGTH, blank=True, default="", db_default="")
    published = models.BooleanField(default=False)

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["world", "event"], name="%(app_label)s_outbox_event")]

    def __str__(self) -> str:
        return f"{self.event}, {'published' if self.published else 'waiting'}"


def drop(tables: Iterable[type[models.Model]], worlds: Collection[str]) -> None:
    """Delete all rows of some worlds."""
    for table in tables:
        table._default_manager.filter(world__in=worlds).delete()
