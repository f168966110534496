"""A watcher hears every event of an order. When an order falls silent short of an end, it calls it off.

It knows the names of the last events and nothing else. Every service that listens undoes what
stands of its own part, so between them they do what an orchestrator would: five times.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping

from sagas.clock import Clock, cancel_and_wait, spawn
from sagas.services.events import Event

TIMED_OUT = "order-timed-out"
# After these, by saga, nothing is ever undone, or there is nothing left to undo.
ENDS: Mapping[str, tuple[str, ...]] = {
    "order": ("delivery-booked", "inventory-refused", "inventory-released"),
    "trip": ("card-charged", "card-unanswered", "flight-refused", "flight-cancelled"),
}


class Watcher:
    """Watches the orders of one run. `patience_ms` None: nobody watches. It calls an order off once."""

    def __init__(self, patience_ms: int | None, clock: Clock, saga: str = "order") -> None:
        self._patience_ms, self._clock = patience_ms, clock
        self._ends = ENDS.get(saga, ENDS["order"])
        self._over: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def hear(self, event: Event) -> None:
        """Take the next event of an order."""
        if event.name in (*self._ends, TIMED_OUT):
            self._over[event.order].set()

    def waits(self, order: str) -> bool:
        """Return whether the watcher may still call this order off."""
        return self._patience_ms is not None and not self._over[order].is_set()

    async def watch(self, order: str, heard_at: Callable[[], int], call_off: Callable[[str], Awaitable[None]]) -> None:
        """Return when the order is at an end or was called off. `heard_at` is the moment of its last event."""
        while self._patience_ms is not None and self.waits(order):
            wait = heard_at() + self._patience_ms - self._clock.now()
            if wait <= 0:
                await call_off(f"nothing was heard for {self._patience_ms} ms")
                return
            over = spawn(self._over[order].wait(), f"watch {order}")
            await self._clock.first(over, wait)
            await cancel_and_wait(over)
