"""What payments does: charge a card, refund it. Amounts in cents."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from sagas.errors import ServiceMisused
from sagas.services.base import Delivery, Refused
from sagas.services.payments.models import Card


def charge_payment(delivery: Delivery) -> dict[str, Any]:
    amount = delivery.body["amount"]
    if not isinstance(amount, int) or amount <= 0:
        raise ServiceMisused(f"an amount is a positive number of cents, not {amount!r}")
    card = Card.objects.filter(world=delivery.world, order=delivery.order, limit__gte=F("spent") + amount)
    if card.update(spent=F("spent") + amount) != 1:
        raise Refused("card declined", 402)
    delivery.write("charge", amount)
    return {"charged": amount}


def charge_card(delivery: Delivery) -> dict[str, Any]:
    """As `charge_payment`, for a saga in which the charge is the point of no return."""
    return charge_payment(delivery)


def refund_payment(delivery: Delivery) -> dict[str, Any]:
    charges = delivery.standing()
    if not charges:
        return {"refunded": 0}
    charge = charges[-1]
    # A difference, not the old balance: what the card paid for in between stays paid.
    Card.objects.filter(world=delivery.world, order=charge.order).update(spent=F("spent") - charge.amount)
    delivery.write("refund", -charge.amount, undoes=charge)
    return {"refunded": charge.amount}
