"""What inventory hears, what it does then, and what it says afterwards."""

from __future__ import annotations

from sagas.services.events import Subscriptions, acts, settles, undoes
from sagas.services.inventory.handlers import release_inventory, reserve_inventory, sell_inventory

_UNDO = undoes(release_inventory, of=reserve_inventory, says="inventory-released")

SUBSCRIPTIONS: Subscriptions = {
    "order-placed": acts(
        reserve_inventory,
        says="inventory-reserved",
        refuses="inventory-refused",
        unanswered="inventory-unanswered",
    ),
    "delivery-booked": settles(sell_inventory, of=reserve_inventory),
    **dict.fromkeys(("inventory-unanswered", "order-refused", "order-cancelled", "order-timed-out"), _UNDO),
}
