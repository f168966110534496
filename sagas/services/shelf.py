"""The shelf of a service that sells single units, and the line in front of it.

While anyone waits, no unit is free: a unit that is given back goes straight to the head
of the line, so nobody barges in and no wake-up can be lost. The head learns it when it
asks again; until then the unit is PENDING in its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import models as django
from django.db.models import QuerySet

from sagas.errors import ServiceMisused
from sagas.services import locks, models
from sagas.services.base import Delivery, Queued, Refused

SOLD = "sold"


class Place(django.Model):
    """A place in the line for a unit, first come first served by id; `record` is the unit handed over."""

    world = django.CharField(max_length=models.WORLD_LENGTH)
    order = django.CharField(max_length=models.NAME_LENGTH)
    action_key = django.CharField(max_length=models.KEY_LENGTH)
    record = django.CharField(max_length=models.NAME_LENGTH, blank=True)

    class Meta:
        abstract = True
        constraints = [django.UniqueConstraint(fields=["world", "action_key"], name="%(app_label)s_%(class)s_key")]

    def __str__(self) -> str:
        return f"{self.order} {self.record or 'waits'}"


def nothing_kept_back(world: str) -> int:
    """Return 0: every unit is for sale."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The tables of one service's shelf. `none_left` is how it says that there is nothing to sell.

    `kept_back(world)` is how many units of a world are not for sale.
    """

    units: type[locks.LockableRow]
    line: type[Place]
    ledger: type[models.LedgerRow]
    none_left: str
    kept_back: Callable[[str], int] = nothing_kept_back


def ask(shelf: Shelf, delivery: Delivery) -> str:
    """Return the unit that is now PENDING for this order.

    Raises Refused when none is free and nobody may wait or nothing is left to wait for,
    Queued when the order has a place in the line.
    """
    ways = {"fail-fast": _refusal, "wait": _place_in_line}
    if delivery.call.lock not in ways:
        raise ServiceMisused(f"{shelf.units._meta.app_label} has no lock mode {delivery.call.lock!r}")
    if delivery.call.lock == "wait" and (handed := _take_handed(shelf, delivery)):
        return handed
    free = shelf.units._default_manager.filter(world=delivery.world, state=locks.FREE).order_by("pk")
    kept_back = shelf.kept_back(delivery.world)
    while may_sell(len(units := list(free)), kept_back):
        if locks.claim(units[0], delivery.order):
            return units[0].record
    held = shelf.units._default_manager.filter(world=delivery.world, state=locks.PENDING).order_by("pk").first()
    if held is None:
        raise Refused("not for sale" if units else shelf.none_left)
    raise ways[delivery.call.lock](shelf, delivery, held)


def may_sell(free: int, kept_back: int) -> bool:
    """Inventory's rule: it sells while more units are free than it keeps back."""
    return free > kept_back


def let_go(shelf: Shelf, world: str, record: str, owner: str) -> None:
    """Give a PENDING unit to the head of the line, or back to the shelf."""
    head = _waiting(shelf, world).first()
    if head is None:
        locks.give_back(shelf.units, world, record, owner)
        return
    locks.pass_to(shelf.units, world, record, owner, heir=head.order)
    _waiting(shelf, world).filter(pk=head.pk).update(record=record)


def sell(shelf: Shelf, world: str, record: str, owner: str) -> None:
    """Make a PENDING unit the order's own; when it was the last one, nobody has anything to wait for."""
    locks.settle(shelf.units, world, record, owner, SOLD)
    if not shelf.units._default_manager.filter(world=world, state=locks.PENDING).exists():
        shelf.line._default_manager.filter(world=world).delete()


def leave_line(shelf: Shelf, delivery: Delivery) -> str:
    """Return the unit that was handed to this order and not taken yet, or ""; its place in the line is gone."""
    place = _place(shelf, delivery).first()
    if place is None:
        return ""
    place.delete()
    return place.record


def sold_to(shelf: Shelf, world: str, order: str) -> bool:
    """Return whether a unit is this order's own."""
    return shelf.ledger._default_manager.filter(world=world, order=order, kind="sell").exists()


def handed_over(shelf: Shelf, world: str) -> int:
    """Return how many units are PENDING for an order that has not asked for them again yet."""
    return shelf.line._default_manager.filter(world=world).exclude(record="").count()


def _take_handed(shelf: Shelf, delivery: Delivery) -> str:
    place = _place(shelf, delivery).exclude(record="").first()
    if place is None:
        return ""
    place.delete()
    return place.record


def _refusal(shelf: Shelf, delivery: Delivery, held: locks.LockableRow) -> Refused:
    return Refused("locked", record=held.record, owner=held.owner)


def _place_in_line(shelf: Shelf, delivery: Delivery, held: locks.LockableRow) -> Queued:
    shelf.line._default_manager.get_or_create(
        world=delivery.world, action_key=delivery.call.action_key, defaults={"order": delivery.order}
    )
    return Queued(held.record, held.owner)


def _place(shelf: Shelf, delivery: Delivery) -> QuerySet[Place]:
    return shelf.line._default_manager.filter(world=delivery.world, action_key=delivery.call.action_key)


def _waiting(shelf: Shelf, world: str) -> QuerySet[Place]:
    return shelf.line._default_manager.filter(world=world, record="").order_by("pk")
