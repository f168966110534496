"""The words of the stage: what services, their rows and amounts are called. Pure.

Plain, present tense, one claim per sentence, services capitalised, money with its sign.
What is not in these tables gets a sentence all the same, from its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sagas.entries import Entry

MINUS = "\u2212"  # the sign; a hyphen is shorter and sits lower
MONEY_SERVICES = frozenset({"payments"})  # their amounts are cents
SETTLEMENTS = frozenset({"sell", "confirm"})  # rows that make an order final; they undo nothing
UNDOS = frozenset({"release", "cancel", "refund", "recall"})
ORCHESTRATOR, CALLER = "the orchestrator", "the caller"  # who drives, in modes that have someone who does


@dataclass(frozen=True, slots=True)
class StepWords:
    """One step: its service, and what is true once it, or its undo, is done. `{}` is an amount."""

    service: str
    did: str
    undid: str


STEPS: Mapping[str, StepWords] = {
    "reserve-inventory": StepWords("inventory", "One lamp is held.", "The lamp is back on the shelf."),
    "create-order": StepWords("orders", "The order is open.", "The order is cancelled."),
    "charge-payment": StepWords("payments", "The card is charged {}.", "{} is refunded."),
    "notify-warehouse": StepWords("warehouse", "Warehouse has the pick.", "The pick is recalled."),
    "book-delivery": StepWords("delivery", "The van is booked.", "The booking is cancelled."),
    "book-flight": StepWords("flights", "One seat is held.", "The seat is free again."),
    "reserve-hotel": StepWords("hotels", "The room is booked.", "The room is cancelled."),
    "charge-card": StepWords("payments", "The card is charged {}. There is no way back from here.", ""),
    "send-ticket": StepWords("mail", "The ticket is sent.", ""),
}

HEARS: Mapping[str, str] = {  # the event that starts a step where nobody drives
    "reserve-inventory": "order-placed",
    "create-order": "inventory-reserved",
    "charge-payment": "order-created",
    "notify-warehouse": "payment-charged",
    "book-delivery": "pick-requested",
    "book-flight": "order-placed",
    "reserve-hotel": "flight-booked",
    "charge-card": "hotel-reserved",
    "send-ticket": "card-charged",
}

ROWS: Mapping[tuple[str, str], str] = {
    ("inventory", "hold"): "Inventory holds one lamp.",
    ("inventory", "release"): "Inventory puts the lamp back.",
    ("inventory", "sell"): "Inventory marks the lamp as sold.",
    ("orders", "open"): "Orders opens the order.",
    ("orders", "cancel"): "Orders cancels the order.",
    ("orders", "confirm"): "Orders confirms the order.",
    ("payments", "charge"): "Payments takes {}.",
    ("payments", "refund"): "Payments gives {} back.",
    ("warehouse", "pick"): "Warehouse takes the pick.",
    ("warehouse", "recall"): "Warehouse recalls the pick.",
    ("delivery", "book"): "Delivery books a van.",
    ("delivery", "cancel"): "Delivery cancels the booking.",
    ("flights", "hold"): "Flights holds one seat.",
    ("flights", "release"): "Flights gives the seat free.",
    ("flights", "sell"): "Flights marks the seat as sold.",
    ("hotels", "book"): "Hotels books a room.",
    ("hotels", "cancel"): "Hotels cancels the room.",
    ("mail", "send"): "Mail sends the ticket.",
}

TOTALS: Mapping[str, str] = {
    "inventory": "held",
    "orders": "open",
    "payments": "taken",
    "warehouse": "to pick",
    "delivery": "booked",
    "flights": "held",
    "hotels": "booked",
    "mail": "sent",
}

STANDING: Mapping[str, str] = {
    "warehouse": "the pick waits",
    "delivery": "a van is booked",
    "hotels": "a room is booked",
    "mail": "the ticket is sent",
}

SELLERS = ("inventory", "flights")  # services whose units orders compete for


@dataclass(frozen=True, slots=True)
class Goods:
    """What a saga sells: one of it and many, what becomes of it at a good end, and otherwise."""

    one: str
    many: str
    sold: str
    goes: str
    stays: str


LAMP = Goods("lamp", "lamps", "shipped", "the lamp ships", "nothing ships")
SEAT = Goods("seat", "seats", "ticketed", "the seat is sold", "nobody travels")


def goods_of(saga: str) -> Goods:
    """Return what a saga of this name sells."""
    return SEAT if saga == "trip" else LAMP


def title(service: str) -> str:
    """Return a service's name as sentences have it."""
    return capital(service)


def capital(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def event_of(entry: Entry) -> str:
    """Return the name of the event that an entry is about, "" for none."""
    return str(entry.detail.get("event", ""))


def service_of(step: str) -> str:
    """Return the service of a step, "" when the step is not one that has words."""
    return STEPS[step].service if step in STEPS else ""


def plain(service: str, amount: int) -> str:
    """Return an amount as a total shows it: `49.00`, `1`."""
    sign = MINUS if amount < 0 else ""
    return sign + (f"{abs(amount) / 100:.2f}" if service in MONEY_SERVICES else str(abs(amount)))


def signed(service: str, amount: int) -> str:
    """Return an amount as a ledger row shows it: `+49.00`, `0`."""
    return ("+" if amount > 0 else "") + plain(service, amount)


def money(cents: int) -> str:
    """Return `$49.00`."""
    return f"{MINUS if cents < 0 else ''}${abs(cents) / 100:.2f}"


def span(ms: int) -> str:
    """Return a wait as a person reads it: `200 ms`, `1 s`, `1.5 s`."""
    return f"{ms} ms" if 0 < ms < 1000 else f"{ms / 1000:.3g} s"


def lasted(ms: int) -> str:
    """Return how long something took: `0.4 s`, `21.8 s`, `3 min 5 s`."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{ms // 100 / 10} s"


def ago(seconds: int) -> str:
    """Return how long ago something was, so coarsely that it seldom changes: `just now`, `20 s ago`, `4 min ago`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds // 10 * 10} s ago" if seconds >= 10 else "just now"


def clock(ms: int) -> str:
    """Return time since a run began: `00:03.21`."""
    return f"{ms // 60_000:02d}:{ms // 1000 % 60:02d}.{ms // 10 % 100:02d}"


def times(n: int) -> str:
    """Return `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(n, f"{n} times")
