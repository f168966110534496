"""What delivery hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.delivery.handlers import book_delivery, cancel_delivery
from sagas.services.events import Subscriptions, acts, undoes

_UNDO = undoes(cancel_delivery, of=book_delivery, says="delivery-cancelled")

SUBSCRIPTIONS: Subscriptions = {
    "pick-requested": acts(
        book_delivery, says="delivery-booked", refuses="delivery-refused", unanswered="delivery-unanswered"
    ),
    **dict.fromkeys(("delivery-unanswered", "order-timed-out"), _UNDO),
}
