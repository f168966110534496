"""What tests of scenes are made of: a saga's entries with what the services did in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from playground.scene import Fold
from sagas.entries import Entry, Kind, Lane, Op
from sagas.plan import RunPlan
from tests.builders import ACTION, COMPENSATION, NOW, ORDER, SAGA, called, fact, ok, started

ROWS = {
    "reserve-inventory": ("inventory", "hold", "release", 1),
    "create-order": ("orders", "open", "cancel", 1),
    "charge-payment": ("payments", "charge", "refund", 4900),
    "notify-warehouse": ("warehouse", "pick", "recall", 1),
    "book-delivery": ("delivery", "book", "cancel", 1),
}
PLAN = RunPlan()
NAIVE, CHOREO = RunPlan(mode="none"), RunPlan(mode="choreography")
SAYS = {  # what starts a step where nobody drives, and what is said when it is done
    "reserve-inventory": ("order-placed", "inventory-reserved", "inventory-released"),
    "create-order": ("inventory-reserved", "order-created", "order-cancelled"),
    "charge-payment": ("order-created", "payment-charged", "payment-refunded"),
    "notify-warehouse": ("payment-charged", "pick-requested", "pick-recalled"),
    "book-delivery": ("pick-requested", "delivery-booked", "delivery-cancelled"),
}


def effect(step: str, op: Op = ACTION, n: int = 1) -> Entry:
    """Return the row that a step writes; every row is number 1 here."""
    service, there, back, amount = ROWS[step]
    kind, signed = (back, -amount) if op is COMPENSATION else (there, amount)
    return row(step, service, kind, signed, op, n)


def row(step: str, service: str, kind: str, amount: int, op: Op | None = None, n: int = 0) -> Entry:
    """Return any row of a service's ledger."""
    written = {"service": service, "n": 1, "kind": kind, "amount": amount}
    return replace(fact(Kind.EFFECT, step, op, n, lane=Lane.SERVICE), detail=written)


def reported(kind: Kind, step: str, op: Op = ACTION, n: int = 1, **detail: Any) -> Entry:
    """Return a service's word about a call that wrote no row."""
    return fact(kind, step, op, n, lane=Lane.SERVICE, service=ROWS[step][0], **detail)


def observed(kind: Kind) -> Entry:
    """Return an entry that is about the run, not about a saga."""
    return Entry(kind=kind, lane=Lane.OBSERVER, detail={"worker": "w", "epoch": 1})


def worked(*steps: str, op: Op = ACTION) -> list[Entry]:
    """Return steps that are called, take effect and are heard of."""
    return [e for step in steps for e in (called(step, 1, op, "saga:ord-8412:x"), effect(step, op), ok(step, 1, op))]


def placed(entries: Iterable[Entry]) -> list[Entry]:
    """Return a journal: 10 ms between any two entries."""
    return [e.placed(n, NOW + 10 * (n - 1)) for n, e in enumerate((started(), *entries), 1)]


def scenes(entries: Iterable[Entry], plan: RunPlan = PLAN, focus: str | None = SAGA) -> list[dict[str, Any]]:
    """Return the scene after each entry of a journal."""
    fold, found = Fold(plan, ORDER, focus), []
    for entry in entries:
        fold.add(entry)
        found.append(fold.scene())
    return found


def last(*entries: Entry, plan: RunPlan = PLAN) -> dict[str, Any]:
    """Return the scene at the end of a saga that starts and then does this."""
    return scenes(placed(entries), plan)[-1]


def leg(scene: dict[str, Any], step: str) -> dict[str, Any]:
    """Return one leg of a scene."""
    (found,) = [leg for leg in scene["legs"] if leg["name"] == step]
    return dict(found)


def faces(scene: dict[str, Any], step: str) -> tuple[str, str, str]:
    """Return the states of stop, undo and service of a leg."""
    one = leg(scene, step)
    return one["stop"]["state"], one["undo"]["state"], one["service"]["state"]


def belief(scene: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a scene that only a driver's own knowledge may change."""
    legs = [(one["stop"], one["undo"], one["turn"], one["service"]["waits"]) for one in scene["legs"]]
    return {"legs": legs, **{key: scene[key] for key in ("orch", "end", "alert", "others")}}


def abandoned(step: str, outcome: str = "failed") -> Entry:
    """Return the end of an order that nobody guards, at the call that was not done."""
    return fact(Kind.SAGA_ABANDONED, step, cause={"step": step, "op": "action", "outcome": outcome, "reason": "broken"})


def of_service(entry: Entry, **detail: Any) -> Entry:
    """Return a driver's entry as a relay writes it, where nobody drives."""
    return replace(entry, lane=Lane.SERVICE, detail={**entry.detail, **detail})


def announced(event: str, service: str, *to: str, cause: str = "", by: str = "", outcome: str = "") -> Entry:
    """Return an event that stands in a service's outbox; `outcome` is that of a step that went wrong."""
    because = {"because": {"step": "", "op": "action", "outcome": outcome, "reason": "broken"}} if outcome else {}
    said = {"event": event, "service": service, "by": by or service, "to": list(to), "cause": f"ord-8412:{cause}"}
    return fact(Kind.EVENT_PUBLISHED, lane=Lane.SERVICE, key=f"ord-8412:{event}", **said, **because)


def heard(kind: Kind, step: str, event: str, op: Op | None = ACTION, **detail: Any) -> Entry:
    """Return what became of an event on its way to a step's service."""
    return replace(reported(kind, step, event=event, **detail), op=op, attempt=0)


def reacted(step: str, event: str = "", op: Op = ACTION, n: int = 1) -> list[Entry]:
    """Return a service that hears an event, does or undoes its part, and says so."""
    hears, done, undone = SAYS[step]
    event, service = event or hears, ROWS[step][0]
    to = [ROWS[other][0] for other, (heard_by, *_) in SAYS.items() if heard_by == done and op is ACTION]
    return [
        of_service(called(step, n, op), event=event, service=service),
        effect(step, op, n),
        of_service(ok(step, n, op), event=event, service=service, verdict="ok"),
        heard(Kind.EVENT_HANDLED, step, event, op, verdict="ok"),
        announced(done if op is ACTION else undone, service, *to, cause=event),
    ]


def chorus(*entries: Entry, plan: RunPlan = CHOREO) -> dict[str, Any]:
    """Return the scene at the end of an order that the shop places and then nobody drives."""
    begun = replace(started(), lane=Lane.OBSERVER), announced("order-placed", "shop", "inventory")
    journal = [entry.placed(n, NOW + 10 * n) for n, entry in enumerate((*begun, *entries), 1)]
    return scenes(journal, plan)[-1]
