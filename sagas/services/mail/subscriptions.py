"""What mail hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts
from sagas.services.mail.handlers import send_ticket

SUBSCRIPTIONS: Subscriptions = {
    "card-charged": acts(send_ticket, says="ticket-sent", refuses="ticket-refused", unanswered="ticket-unanswered"),
}
