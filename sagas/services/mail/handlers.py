"""What mail does: send a ticket. What is sent cannot be called back, so there is no undo here."""

from __future__ import annotations

from typing import Any

from sagas.services.base import Delivery


def send_ticket(delivery: Delivery) -> dict[str, Any]:
    delivery.write("send", 1)
    return {"sent": 1}
