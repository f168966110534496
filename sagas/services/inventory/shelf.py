"""The shelf and the line in front of it.

While anyone waits, no unit is free: a unit that is given back goes straight to the head
of the line, so nobody barges in and no wake-up can be lost. The head learns it when it
asks again; until then the unit is PENDING in its name.
"""

from __future__ import annotations

from django.db.models import QuerySet

from sagas.errors import ServiceMisused
from sagas.services import locks
from sagas.services.base import Delivery, Queued, Refused
from sagas.services.inventory.models import LedgerRow, Ticket, Unit, WorldRow

SOLD = "sold"


def ask(delivery: Delivery) -> str:
    """Return the unit that is now PENDING for this order.

    Raises Refused when none is free and nobody may wait or nothing is left to wait for,
    Queued when the order has a place in the line.
    """
    ways = {"fail-fast": _refusal, "wait": _place_in_line}
    if delivery.call.lock not in ways:
        raise ServiceMisused(f"inventory has no lock mode {delivery.call.lock!r}")
    if delivery.call.lock == "wait" and (handed := _take_handed(delivery)):
        return handed
    free = Unit.objects.filter(world=delivery.world, state=locks.FREE).order_by("pk")
    kept_back = WorldRow.objects.values_list("kept_back", flat=True).get(pk=delivery.world)
    while may_sell(len(units := list(free)), kept_back):
        if locks.claim(units[0], delivery.order):
            return units[0].record
    held = Unit.objects.filter(world=delivery.world, state=locks.PENDING).order_by("pk").first()
    if held is None:
        raise Refused("not for sale" if units else "out of stock")
    raise ways[delivery.call.lock](delivery, held)


def may_sell(free: int, kept_back: int) -> bool:
    """Inventory's rule: it sells while more units are free than it keeps back."""
    return free > kept_back


def let_go(world: str, record: str, owner: str) -> None:
    """Give a PENDING unit to the head of the line, or back to the shelf."""
    head = _waiting(world).first()
    if head is None:
        locks.give_back(Unit, world, record, owner)
        return
    locks.pass_to(Unit, world, record, owner, heir=head.order)
    _waiting(world).filter(pk=head.pk).update(record=record)


def sell(world: str, record: str, owner: str) -> None:
    """Make a PENDING unit the order's own; when it was the last one, nobody has anything to wait for."""
    locks.settle(Unit, world, record, owner, SOLD)
    if not Unit.objects.filter(world=world, state=locks.PENDING).exists():
        Ticket.objects.filter(world=world).delete()


def leave_line(delivery: Delivery) -> str:
    """Return the unit that was handed to this order and not taken yet, or ""; its place in the line is gone."""
    ticket = _ticket(delivery).first()
    if ticket is None:
        return ""
    ticket.delete()
    return ticket.record


def sold_to(world: str, order: str) -> bool:
    """Return whether a unit is this order's own."""
    return LedgerRow.objects.filter(world=world, order=order, kind="sell").exists()


def handed_over(world: str) -> int:
    """Return how many units are PENDING for an order that has not asked for them again yet."""
    return Ticket.objects.filter(world=world).exclude(record="").count()


def _take_handed(delivery: Delivery) -> str:
    ticket = _ticket(delivery).exclude(record="").first()
    if ticket is None:
        return ""
    ticket.delete()
    return ticket.record


def _refusal(delivery: Delivery, held: Unit) -> Refused:
    return Refused("locked", record=held.record, owner=held.owner)


def _place_in_line(delivery: Delivery, held: Unit) -> Queued:
    Ticket.objects.get_or_create(
        world=delivery.world, action_key=delivery.call.action_key, defaults={"order": delivery.order}
    )
    return Queued(held.record, held.owner)


def _ticket(delivery: Delivery) -> QuerySet[Ticket]:
    return Ticket.objects.filter(world=delivery.world, action_key=delivery.call.action_key)


def _waiting(world: str) -> QuerySet[Ticket]:
    return Ticket.objects.filter(world=world, record="").order_by("pk")
