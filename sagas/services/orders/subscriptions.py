"""What orders hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts, settles, undoes
from sagas.services.orders.handlers import cancel_order, confirm_order, create_order

_UNDO = undoes(cancel_order, of=create_order, says="order-cancelled")

SUBSCRIPTIONS: Subscriptions = {
    "inventory-reserved": acts(
        create_order, says="order-created", refuses="order-refused", unanswered="order-unanswered"
    ),
    "delivery-booked": settles(confirm_order, of=create_order),
    **dict.fromkeys(("order-unanswered", "payment-refused", "payment-refunded", "order-timed-out"), _UNDO),
}
