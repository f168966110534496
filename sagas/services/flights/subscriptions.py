"""What flights hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts, settles, undoes
from sagas.services.flights.handlers import book_flight, cancel_flight, sell_seat

_UNDO = undoes(cancel_flight, of=book_flight, says="flight-cancelled")

SUBSCRIPTIONS: Subscriptions = {
    "order-placed": acts(book_flight, says="flight-booked", refuses="flight-refused", unanswered="flight-unanswered"),
    "ticket-sent": settles(sell_seat, of=book_flight),
    **dict.fromkeys(("flight-unanswered", "hotel-refused", "hotel-cancelled", "order-timed-out"), _UNDO),
}
