"""What warehouse hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts, undoes
from sagas.services.warehouse.handlers import notify_warehouse, recall_pick

_UNDO = undoes(recall_pick, of=notify_warehouse, says="pick-recalled")

SUBSCRIPTIONS: Subscriptions = {
    "payment-charged": acts(
        notify_warehouse, says="pick-requested", refuses="pick-refused", unanswered="pick-unanswered"
    ),
    **dict.fromkeys(("pick-unanswered", "delivery-refused", "delivery-cancelled", "order-timed-out"), _UNDO),
}
