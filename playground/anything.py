"""A random scenario over the whole of what a scenario may say: always valid, always affordable. Pure.

Weighted to what is interesting: few orders that compete for little, one to four faults, and
now and then a number at the very end of its range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground.draw import Draw
from playground.scenario import MAX_FAULTS, MAX_MOVES, Scenario
from sagas import catalog
from sagas.definition import SagaDefinition

MOST_ATTEMPTS = 24  # orders times attempts per call: bounds what a run may cost

MODES = {"orchestration": 7, "choreography": 3, "none": 1}
ORDERS = {1: 8, 2: 6, 3: 3, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1}
LOCKS = {"fail-fast": 5, "wait": 5, "off": 2, "naive": 2}
HOW_MANY_FAULTS = {0: 1, 1: 5, 2: 5, 3: 4, 4: 3, 6: 1, 9: 1, MAX_FAULTS: 1}
TIMES = {1: 6, 2: 3, 3: 2, None: 4, 7: 1, 100: 1}
WAITS_MS = {0: 2, 1: 2, 40: 2, 200: 6, 1000: 2, 5000: 1, 60_000: 1}
LATENCIES_MS = {0: 5, 1: 2, 3: 2, 250: 5, 999: 1, 5000: 1}
TIMEOUTS_MS = {1: 1, 200: 1, 1000: 8, 5000: 2, 60_000: 1}
LIMITS_MS = {None: 8, 1: 1, 700: 1, 2500: 2, 9000: 1, 600_000: 1}
ATTEMPTS = {1: 3, 2: 3, 3: 5, 4: 3, 6: 1, 10: 1}
FACTORS = {1.0: 2, 2.0: 5, 3.5: 1, 10.0: 1}

Value = dict[str, Any]

_KINDS = {"decline": 3, "error": 4, "timeout": 3, "lost-reply": 4, "duplicate": 2, "late": 3}
_CRASHES = {"crash-before": 2, "crash-after": 2}


def anything(seed: int) -> Scenario:
    """Return the scenario that this seed draws."""
    draw = Draw("anything", seed)
    names = sorted({name for name, _ in catalog.DEFINITIONS if name in catalog.DEMOS})
    value: Value = {
        "saga": draw.pick(names, "saga"),
        "mode": draw.weighted(MODES, "mode"),
        "orders": draw.weighted(ORDERS, "orders"),
        "idempotency": not draw.one_in(6, "idempotency"),
        "key_scope": "order" if draw.one_in(10, "key_scope") else "step",
        "lock": draw.weighted(LOCKS, "lock"),
        "latency_ms": draw.weighted(LATENCIES_MS, "latency"),
        "timeout_ms": draw.weighted(TIMEOUTS_MS, "timeout"),
        "deadline_ms": draw.weighted(LIMITS_MS, "deadline"),
        "seed": draw.below(2**31, "seed"),
    }
    orders, mode = value["orders"], value["mode"]
    value["stock"] = draw.weighted({0: 1, 1: 5, max(1, orders - 1): 4, orders: 5, 100: 1}, "stock")
    value["retry"] = _retry(draw, "retry", orders)
    value["compensation_retry"] = _retry(draw, "compensation_retry", orders)
    value["schedule"] = _schedule(draw, mode, orders)
    if mode == "choreography":
        value["watcher_ms"] = draw.weighted(LIMITS_MS, "watcher")
    value["faults"] = _faults(draw, catalog.definition(value["saga"]), mode, orders)
    return Scenario.parse(value)


def _retry(draw: Draw, name: str, orders: int) -> Value:
    return {
        "max_attempts": min(draw.weighted(ATTEMPTS, name, "attempts"), max(1, MOST_ATTEMPTS // orders)),
        "initial_ms": draw.weighted(WAITS_MS, name, "initial"),
        "max_ms": draw.weighted(WAITS_MS, name, "most"),
        "factor": draw.weighted(FACTORS, name, "factor"),
        "jitter": draw.one_in(3, name, "jitter"),
    }


def _schedule(draw: Draw, mode: str, orders: int) -> str | list[int]:
    kind = draw.weighted({"rendezvous": 4, "free": 4, "moves": 0 if mode == "choreography" else 2}, "schedule")
    if kind != "moves":
        return kind
    length = 1 + draw.below(MAX_MOVES if draw.one_in(5, "long") else 12, "length")
    return [draw.below(orders, "move", n) for n in range(length)]


def _faults(draw: Draw, definition: SagaDefinition, mode: str, orders: int) -> list[Value]:
    many = draw.weighted(HOW_MANY_FAULTS, "faults")
    return [_fault(draw, definition, mode, orders, n) for n in range(many)]


def _fault(draw: Draw, definition: SagaDefinition, mode: str, orders: int, n: int) -> Value:
    step = draw.pick(definition.steps, n, "step")
    back = mode != "none" and step.compensation is not None and draw.one_in(3, n, "back")
    kinds: Mapping[str, int] = {
        **_KINDS,
        **(_CRASHES if mode == "orchestration" else {}),
        **({"drop-event": 4} if mode == "choreography" else {}),
    }
    kind, times = draw.weighted(kinds, n, "kind"), draw.weighted(TIMES, n, "times")
    return {
        "step": step.name,
        "on": "compensation" if back else "action",
        "kind": kind,
        "times": times if times is not None or not kind.startswith("crash-") else 1,
        "saga": draw.below(orders, n, "saga") if orders > 1 and draw.one_in(2, n, "whose") else None,
    }
