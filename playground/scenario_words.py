"""A scenario in words: what is set up, and what will go wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from playground import wording
from playground.scenario import FaultSpec, Scenario

KINDS: Mapping[str, str] = {
    "decline": "{} refuses",
    "error": "{} answers 500",
    "timeout": "The call of {} is lost",
    "lost-reply": "The answer of {} is lost",
    "duplicate": "{} is asked twice at once",
    "late": "The call of {} comes too late",
    "crash-before": "The orchestrator dies before {}",
    "crash-after": "The orchestrator dies after {}",
    "drop-event": "The event for {} is dropped",
}
MODES: Mapping[str, str] = {
    "orchestration": "One orchestrator drives {}.",
    "choreography": "Nobody drives {}: services react to each other.",
    "none": "One call after the other for {}, and no way back.",
}
LOCKS: Mapping[str, str] = {
    "off": " Nothing is locked.",
    "naive": " The mark is set too late.",
    "fail-fast": "",
    "wait": " Who comes second waits.",
}


def title(scenario: Scenario) -> str:
    """Return what goes wrong, in a few words."""
    if not scenario.faults:
        return _race(scenario) if scenario.orders > 1 else "One order, and nothing goes wrong"
    first, *more = map(_fault, scenario.faults)
    return first if not more else f"{first}, and {len(more)} more"


def sentence(scenario: Scenario) -> str:
    """Return how it is set up."""
    lock = LOCKS[scenario.lock] if scenario.orders > 1 else ""
    return f"{MODES[scenario.mode].format(_orders(scenario))}{lock} Run it and watch what each service writes down."


def _fault(fault: FaultSpec) -> str:
    said = KINDS[fault.kind].format(fault.step if fault.on == "action" else f"the undo of {fault.step}")
    crash = fault.kind.startswith("crash-")
    often = "" if fault.times is None or (crash and fault.times == 1) else f" {wording.times(fault.times)}"
    return f"{said}{often}"


def _orders(scenario: Scenario) -> str:
    return "one order" if scenario.orders == 1 else f"{scenario.orders} orders"


def _race(scenario: Scenario) -> str:
    lamps = {0: "no lamp", 1: "one lamp"}.get(scenario.stock, f"{scenario.stock} lamps")
    return f"{scenario.orders} orders, {lamps}"
