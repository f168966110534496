"""What hotels hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts, undoes
from sagas.services.hotels.handlers import cancel_hotel, reserve_hotel

_UNDO = undoes(cancel_hotel, of=reserve_hotel, says="hotel-cancelled")

SUBSCRIPTIONS: Subscriptions = {
    "flight-booked": acts(reserve_hotel, says="hotel-reserved", refuses="hotel-refused", unanswered="hotel-unanswered"),
    **dict.fromkeys(("hotel-unanswered", "card-refused", "order-timed-out"), _UNDO),
}
