"""What the website itself keeps, in the default database."""

from __future__ import annotations

from django.db import models


class ApiAnswer(models.Model):
    """What the API answered under an `Idempotency-Key`, byte for byte, and what it was asked.

    Written in the transaction of what it answers for: either both are there, or neither.
    """

    key = models.CharField(primary_key=True, max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    body = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"


class StoredScenario(models.Model):
    """A scenario that a short link stands for. Kept for good: a link may be followed after years.

    `value` is its compact form, which says its own format. The slug is that form's hash, so
    the same scenario has the same link on every server, and is stored once.
    """

    slug = models.CharField(primary_key=True, max_length=32)
    value = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


class Turn(models.Model):
    """Something that a visitor of a public site was let do; see `playground.limits`.

    `visitor` is a name that stands for an address. A run that was started has its id in `run`, which is
    empty while it is being started, and `sagas` says how many sagas it has.
    """

    kind = models.CharField(max_length=16)
    visitor = models.CharField(max_length=32)
    at_ms = models.BigIntegerField()
    sagas = models.PositiveSmallIntegerField(default=0)
    run = models.CharField(max_length=16, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "at_ms"], name="turn_of_all"),
            models.Index(fields=["kind", "visitor", "at_ms"], name="turn_of_one"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at_ms}"


class OneRow(models.Model):
    """A write of act 0's other shop, where all five tables are in one database. `amount` as in the services' ledgers."""

    world = models.CharField(max_length=16, db_index=True)
    order = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    amount = models.IntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.order}: {self.kind} {self.amount}"


class OneInventory(OneRow):
    """Units held."""


class OneOrders(OneRow):
    """Orders opened."""


class OnePayments(OneRow):
    """Cents charged."""


class OneWarehouse(OneRow):
    """Picks asked for."""


class OneDelivery(OneRow):
    """Vans booked."""


class OneCheckout(models.Model):
    """That a checkout in one database was tried, kept apart from it: a transaction rolled back leaves no trace itself."""

    world = models.CharField(primary_key=True, max_length=16)
    wrote = models.PositiveSmallIntegerField()
    broke_at = models.CharField(max_length=100, default="", blank=True)
    tried_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.world}: {self.wrote} writes, {f'broke at {self.broke_at}' if self.broke_at else 'committed'}"


class OutsideWorld(models.Model):
    """A world that somebody elsewhere drives a saga in, and what it was opened with; see `playground.services`."""

    id = models.CharField(primary_key=True, max_length=16)
    version = models.PositiveIntegerField()
    scenario = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.id


class CallCount(models.Model):
    """How many requests of one step and direction have come for an order of a world where things go wrong."""

    world = models.CharField(max_length=16)
    order = models.CharField(max_length=64)
    step = models.CharField(max_length=100)
    op = models.CharField(max_length=16)
    n = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["world", "order", "step", "op"], name="call_count_of")]

    def __str__(self) -> str:
        return f"{self.step} {self.op} of {self.order}: {self.n}"


class LateCall(models.Model):
    """A request that is still on its way to a service."""

    world = models.CharField(max_length=16, db_index=True)
    order = models.CharField(max_length=64)
    service = models.CharField(max_length=64)
    command = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    body = models.JSONField()

    def __str__(self) -> str:
        return f"{self.command} of {self.order}"


class ImportedHistory(models.Model):
    """An execution of a saga elsewhere, opened here to be read; see `playground.imports`.

    `told` is what its history tells, and nothing else of what was uploaded. The id is that value's hash.
    """

    id = models.CharField(primary_key=True, max_length=16)
    told = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.id
