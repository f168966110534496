"""The shortest scenario that still breaks a rule: smaller by one thing at a time, for as long as it breaks.

What is tried, in this order: settings at their defaults, faults left out, half of a list of moves,
faults that hit less often, fewer orders, less stock. After each success all of it is tried again,
so that what comes back cannot be made smaller by any single one. Pure, but for `breaks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from playground import scenario_versions
from playground.scenario import Scenario, ScenarioInvalid

MOST_TRIES = 600  # runs that one scenario is worth

Value = Mapping[str, Any]


def shortest(scenario: Scenario, breaks: Callable[[Scenario], bool], most: int = MOST_TRIES) -> Scenario:
    """Return a scenario that `breaks`, made from one that does by leaving things out."""
    tries = 0
    found = True
    while found and tries < most:
        found = False
        for smaller in _valid(_smaller(scenario.compact())):
            tries += 1
            if breaks(smaller):
                scenario, found = smaller, True
                break
            if tries >= most:
                break
    return scenario


def _valid(values: Iterator[Value]) -> Iterator[Scenario]:
    """Yield the scenarios among values: without one thing another may make no sense any more."""
    for value in values:
        try:
            yield Scenario.parse(dict(value))
        except ScenarioInvalid:
            continue


def _smaller(value: Value) -> Iterator[Value]:
    """Yield every value that is smaller by one thing, the biggest steps first."""
    faults = list(value.get("faults", ()))
    if len(faults) > 1:
        half = len(faults) // 2
        yield {**value, "faults": faults[:half]}
        yield {**value, "faults": faults[half:]}
    for name in value:
        if name not in ("saga", "faults", scenario_versions.KEY):
            yield {key: kept for key, kept in value.items() if key != name}
    for n, fault in enumerate(faults):
        yield {**value, "faults": faults[:n] + faults[n + 1 :]}
        for simpler in _simpler(fault):
            yield {**value, "faults": [*faults[:n], simpler, *faults[n + 1 :]]}
    moves = value.get("schedule")
    if isinstance(moves, list) and len(moves) > 1:
        yield {**value, "schedule": moves[: len(moves) // 2]}
        yield {**value, "schedule": moves[:-1]}
    for name, least in (("orders", 1), ("stock", 0)):
        yield from ({**value, name: fewer} for fewer in _fewer(value.get(name), least))


def _simpler(fault: Value) -> Iterator[Value]:
    """Yield a fault that hits every saga, then one that hits less often."""
    if fault.get("saga") is not None:
        yield {name: kept for name, kept in fault.items() if name != "saga"}
    yield from ({**fault, "times": fewer} for fewer in _fewer(fault.get("times"), 1))


def _fewer(number: int | None, least: int) -> list[int]:
    """Return smaller numbers to try, the smallest first."""
    return [] if number is None or number <= least else list(dict.fromkeys((least, number // 2, number - 1)))
