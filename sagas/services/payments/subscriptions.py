"""What payments hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts, undoes
from sagas.services.payments.handlers import charge_card, charge_payment, refund_payment

_UNDO = undoes(refund_payment, of=charge_payment, says="payment-refunded")

SUBSCRIPTIONS: Subscriptions = {
    "order-created": acts(
        charge_payment, says="payment-charged", refuses="payment-refused", unanswered="payment-unanswered"
    ),
    **dict.fromkeys(("payment-unanswered", "pick-refused", "pick-recalled", "order-timed-out"), _UNDO),
}

# A charge that is the point of no return is never undone here: who has to know of its failure hears of it.
FINAL: Subscriptions = {
    "hotel-reserved": acts(charge_card, says="card-charged", refuses="card-refused", unanswered="card-unanswered"),
}
