"""What every engine is asked to do: each failure point with each kind of failure that all of them can meet.

Nothing is late by chance: whatever misses an answer on purpose waits `SILENT` for it, anything else `PATIENT`.
A death of the driver is no case, since each platform dies in its own way: see `tests/faults`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from playground.scenario import Scenario
from sagas import catalog
from tests.engine import fault

SILENT = ("timeout", "lost-reply", "late")
SILENT_MS, PATIENT_MS = 2500, 10_000
ONCE, TWICE = ({"max_attempts": n, "initial_ms": 0, "max_ms": 0} for n in (1, 2))

RESERVE, CREATE, CHARGE, PICK, BOOK = (step.name for step in catalog.ORDER.steps)
FLIGHT, HOTEL, PIVOT, TICKET = (step.name for step in catalog.TRIP.steps)


def case(*faults: Mapping[str, Any], **fields: Any) -> Scenario:
    """Return a scenario that waits for nothing but for the answers that it misses. One attempt each, if not said."""
    silent = any(each["kind"] in SILENT for each in faults)
    hasty = {"latency_ms": 0, "timeout_ms": SILENT_MS if silent else PATIENT_MS}
    return Scenario.parse({**hasty, "retry": ONCE, "compensation_retry": ONCE, "faults": list(faults), **fields})


def back(*faults: Mapping[str, Any], **fields: Any) -> Scenario:
    """Return a scenario whose last step is refused: all before it is undone, with `faults` on the way back."""
    return case(fault(BOOK, "decline"), *faults, **{"compensation_retry": TWICE, **fields})


def trip(*faults: Mapping[str, Any], **fields: Any) -> Scenario:
    return case(*faults, **{"saga": "trip", **fields})


CASES: Mapping[str, Scenario] = {
    "all well": case(),
    f"{RESERVE} declined": case(fault(RESERVE, "decline")),
    f"{BOOK} declined": case(fault(BOOK, "decline")),
    f"{CHARGE} lost": case(fault(CHARGE, "lost-reply")),
    f"{CHARGE} late": case(fault(CHARGE, "late")),
    f"{CHARGE} lost once, then refused": case(
        fault(CHARGE, "lost-reply", times=1), fault(CHARGE, "decline"), retry=TWICE
    ),
    f"{PICK} fails once": case(fault(PICK, "error", times=1), retry=TWICE),
    f"undo of {CHARGE} fails once": back(fault(CHARGE, "error", on="compensation", times=1)),
    f"undo of {CHARGE} never works": back(fault(CHARGE, "error", on="compensation")),
    "two orders, one unit, no waiting": case(orders=2, stock=1),
    "two orders, one unit, in line": case(orders=2, stock=1, lock="wait"),
    "trip": trip(),
    "pivot refused": trip(fault(PIVOT, "decline")),
    "pivot, budget spent": trip(fault(PIVOT, "error")),
    "no wait before a deadline": case(
        fault(PICK, "error", times=9),
        deadline_ms=8000,
        retry={"max_attempts": 10, "initial_ms": 0, "max_ms": 0, "factor": 1},
    ),
}


def product() -> Iterator[tuple[str, Scenario]]:
    """Yield all of them: every step with every kind, for good and once, and every undo with what it may meet."""
    for saga, definition in (("order", catalog.ORDER), ("trip", catalog.TRIP)):
        for step in definition.steps:
            for kind in ("decline", "error", "timeout", "lost-reply", "late", "duplicate"):
                yield f"{saga}: {step.name} {kind}", case(fault(step.name, kind), saga=saga)
            for kind in ("error", "timeout", "lost-reply"):
                yield f"{saga}: {step.name} {kind} once", case(fault(step.name, kind, times=1), saga=saga, retry=TWICE)
    for name in (RESERVE, CREATE, CHARGE, PICK):
        for kind in ("error", "timeout", "lost-reply"):
            for times in (1, None):
                yield f"undo of {name} {kind} {times or ''}", back(fault(name, kind, on="compensation", times=times))
    yield "out of stock", case(stock=0)
    yield (
        "who waits hears that it is free",
        case(
            {**fault(BOOK, "decline"), "saga": 0}, {**fault(BOOK, "decline"), "saga": 1}, orders=2, stock=1, lock="wait"
        ),
    )
    yield "no ticket, then one", trip(fault(TICKET, "error", times=1), retry=TWICE)
