"""The saga, and how patient it is."""

from __future__ import annotations

from playground.temporal_project.shapes import Fault, Retry, Step

NAME = "order"
STEPS = (
    Step(
        "reserve-inventory",
        service="inventory",
        effect=("hold", 1),
        undo=("release-inventory", "release"),  # undo
        settlement=("sell", -1),
        shelf=True,
    ),
    Step(
        "charge-payment",
        service="payments",
        effect=("charge", 4900),
        undo=("refund-payment", "refund"),  # undo
    ),
)
RETRY = Retry(max_attempts=3, initial_ms=200, factor=2.0, max_ms=5000, jitter=False)
COMPENSATION_RETRY = Retry(max_attempts=4, initial_ms=200, factor=2.0, max_ms=5000, jitter=False)  # undo
TIMEOUT_MS = 1000
DEADLINE_MS: int | None = None
LATENCY_MS = 250
ORDERS = ("ord-8412",)
STOCK = 3
WAITS_IN_LINE = False
FAULTS: tuple[Fault, ...] = ()
ENDS: dict[str, str] = {}
