"""One saga, four engines: the same ends, the same undos in the same order, the same books, order by order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from playground import platforms
from playground.scenario import Scenario
from tests.conformance.builtin import BuiltIn
from tests.conformance.cases import CASES, product
from tests.conformance.durable import DurableFunctions
from tests.conformance.outcome import Outcome
from tests.conformance.step_functions import StepFunctions
from tests.conformance.temporal import OnTemporal

pytestmark = pytest.mark.usefixtures("engine_databases")

AT_ONCE = 36  # cases of one go: an engine has a minute for it
PRODUCT = dict(product())
THERE = (platforms.TEMPORAL, platforms.DURABLE_FUNCTIONS, platforms.STEP_FUNCTIONS)  # the slowest one last
Outcomes = Mapping[str, Outcome]
Perform = Callable[[str, Mapping[str, Scenario]], Outcomes]


@pytest.fixture(scope="module")
def performed(engine_databases: None) -> Perform:
    """`performed(platform, cases)`: what cases come to there, all of them in one go, each go once."""
    engines: dict[str, Any] = {
        each.name: each for each in (BuiltIn(), StepFunctions(), OnTemporal(), DurableFunctions())
    }
    assert set(engines) == {BuiltIn.name, *THERE} == {BuiltIn.name, *platforms.PLATFORMS}
    done: dict[tuple[str, int], Outcomes] = {}

    def perform(platform: str, cases: Mapping[str, Scenario]) -> Outcomes:
        go = (platform, id(cases))
        if go not in done:
            timed = [name for name in cases if cases[name].deadline_ms]  # nothing beside them takes their time
            names = [name for name in cases if name not in timed]
            slices = [*(names[n : n + AT_ONCE] for n in range(0, len(names), AT_ONCE)), *([name] for name in timed)]
            came = [one for each in slices for one in engines[platform].perform_all(cases[name] for name in each)]
            done[go] = dict(zip([*names, *timed], came, strict=True))
        return done[go]

    return perform


def by_order(outcome: Outcome) -> dict[str, Any]:
    """Return what an order came to, order by order: end, undos, and of each service its rows, without what is not its own."""
    return {
        order: {
            "end": end,
            "undone": outcome.undone[order],
            "books": {name: [row[1:] for row in rows if row[0] == order] for name, rows in outcome.books.items()},
        }
        for order, end in outcome.ends.items()
    }


def anybody(told: Mapping[str, Any]) -> list[str]:
    """Return what orders came to, whoever of them was first: that is chance, and no engine's business."""
    return sorted(repr(one).replace(order, "ORDER") for order, one in told.items())


def differs(here: Outcome, there: Outcome) -> list[Any]:
    """Return both sides where they are not the same."""
    ours, theirs = by_order(here), by_order(there)
    return [] if ours == theirs or anybody(ours) == anybody(theirs) else [ours, theirs]


@pytest.mark.parametrize("platform", THERE)
def test_every_platform_comes_to_the_same(performed: Perform, platform: str) -> None:
    here, there = performed(BuiltIn.name, CASES), performed(platform, CASES)
    unlike = {name: differs(here[name], there[name]) for name in CASES if name not in platforms.listed(platform)}
    assert {name: both for name, both in unlike.items() if both} == {}


@pytest.mark.parametrize("platform", THERE)
def test_what_is_listed_as_a_platforms_own_is_still_so(performed: Perform, platform: str) -> None:
    assert set(platforms.listed(platform)) <= {*CASES, *PRODUCT}
    _is_still_so(performed, platform, CASES)
    assert all(set(each.cases) & set(CASES) for each in platforms.DIFFERENCES), "one that only torture would see"


def _is_still_so(performed: Perform, platform: str, cases: Mapping[str, Scenario]) -> None:
    for name, listed in platforms.listed(platform).items():
        if name in cases:
            ends = [set(performed(one, cases)[name].ends.values()) for one in (BuiltIn.name, platform)]
            assert ends == [{listed.here}, {listed.there}], name
            assert listed.here != listed.there


def test_the_cases_reach_every_end_and_every_undo(performed: Perform) -> None:
    told = performed(BuiltIn.name, CASES).values()
    assert {end for one in told for end in one.ends.values()} == {"completed", "compensated", "needs-operator"}
    undone = {undo for one in told for undos in one.undone.values() for undo in undos}
    assert undone >= {"recall-pick", "refund-payment", "cancel-order", "release-inventory", "cancel-hotel"}
    assert any(len(set(one.ends.values())) == 2 for one in told), "nobody was second"


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("platform", THERE)
def test_every_step_with_every_fault_comes_to_the_same(
    performed: Perform, platform: str, record_property: Callable[[str, object], None]
) -> None:
    here, there = performed(BuiltIn.name, PRODUCT), performed(platform, PRODUCT)
    assert len(here) == len(PRODUCT)
    unlike = {name: differs(here[name], there[name]) for name in PRODUCT if name not in platforms.listed(platform)}
    assert {name: both for name, both in unlike.items() if both} == {}
    _is_still_so(performed, platform, PRODUCT)
    record_property("fault", f"{platform}: {len(PRODUCT)} cases came to what the built-in engine came to")
