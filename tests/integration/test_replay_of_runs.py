"""The panels of a run's page over what real drivers and services wrote: they say what the databases hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from playground.facts import price_in
from playground.replay.reading import Reading
from playground.scenario import Scenario, ScenarioInvalid
from sagas import catalog
from sagas.entries import Kind
from sagas.simulation import SimulatedRun, Simulator
from tests.engine import fault

MODES = ("orchestration", "choreography", "none")
STEPS = tuple(step.name for step in catalog.ORDER.steps)
THERE = ("decline", "error", "timeout", "lost-reply", "duplicate", "late", "crash-before", "crash-after", "drop-event")
BACK = ("error", "timeout", "lost-reply", "duplicate", "drop-event")
WORLDS: tuple[dict[str, Any], ...] = (
    {},
    {"idempotency": False},
    {"key_scope": "order"},
    {"orders": 2, "stock": 1, "lock": "off"},
    {"orders": 2, "stock": 1, "lock": "naive"},
    {"orders": 3, "stock": 1, "lock": "wait"},
    {"orders": 2, "stock": 2, "keep_back": 1, "lock": "off"},
)
TRIPS = tuple((step.name, kind) for step in catalog.TRIP.steps for kind in ("decline", "timeout", "lost-reply"))
LAST = fault("book-delivery", "decline")


def asked() -> Iterator[dict[str, Any]]:
    """Every mode and fault in turn, each in the next of the worlds, there and back."""
    there = ([(step, kind, "action")] for step, kind in product(STEPS, THERE))
    back = ([(step, kind, "compensation")] for step, kind in product(STEPS[:4], BACK))
    for n, (mode, faults) in enumerate(product(MODES, [*there, *back])):
        (step, kind, on) = faults[0]
        told = [{"step": step, "kind": kind, "on": on}, *([LAST] if on == "compensation" else [])]
        for world in (WORLDS[n % len(WORLDS)], WORLDS[(n + 2) % len(WORLDS)]):
            yield {"mode": mode, "faults": told, **world}
    for mode, (step, kind) in product(MODES, TRIPS):
        yield {"saga": "trip", "mode": mode, "faults": [{"step": step, "kind": kind}], "orders": 2, "stock": 1}


def sound(value: dict[str, Any]) -> Scenario | None:
    try:
        return Scenario.parse(value)
    except ScenarioInvalid:
        return None  # a fault that this mode does not know


@pytest.fixture(scope="module")
def runs(engine_databases: None) -> list[tuple[Scenario, SimulatedRun, Reading]]:
    scenarios = [scenario for value in asked() if (scenario := sound(value)) is not None]
    with Simulator() as simulator:
        found = [(scenario, simulator.run(scenario.full(), 1)) for scenario in scenarios]
    return [(scenario, run, reading_of(scenario, run)) for scenario, run in found]


def reading_of(scenario: Scenario, run: SimulatedRun) -> Reading:
    definition, price = catalog.definition(scenario.saga), price_in(run.entries)
    reading = Reading(scenario.plan(), definition, f"{run.run}-1", "ord-8412", price=price)
    for entry in run.entries:
        reading.add(entry)
    return reading


def expected(run: SimulatedRun) -> dict[str, bool]:
    """Return which lights must be red, by what the services' own databases count."""
    facts = run.facts
    return {
        "money": facts["charged"] - facts["refunded"] != facts["orders_confirmed"] * price_in(run.entries),
        "stock": facts["oversold"] > 0 or facts["kept_back_sold"] > 0,
        "once": facts["double_charges"] > 0,
        "pending": facts["pending"] > 0,
        "end": bool({"abandoned", "lost"}.intersection(run.states)),
    }


def test_every_light_agrees_with_the_services_in_every_mode_and_under_every_fault(
    runs: list[tuple[Scenario, SimulatedRun, Reading]],
) -> None:
    seen: dict[str, set[bool]] = {}
    for scenario, run, reading in runs:
        states = reading.lights.states
        for name, red in expected(run).items():
            assert (states[name] == "failed") is red, f"{name}: {scenario.query()}"
            seen.setdefault(name, set()).add(red)
    assert all(both == {True, False} for both in seen.values()), "each light was seen green and red"


def test_an_orchestrator_undoes_newest_first_whatever_happens(
    runs: list[tuple[Scenario, SimulatedRun, Reading]],
) -> None:
    judged = 0
    for scenario, _, reading in runs:
        if scenario.mode == "orchestration":
            assert reading.lights.states["reverse"] != "failed", scenario.query()
            judged += reading.lights.states["reverse"] == "done"
    assert judged > 50


def test_a_red_light_leads_to_the_entry_that_broke_it(runs: list[tuple[Scenario, SimulatedRun, Reading]]) -> None:
    led = 0
    for _, run, reading in runs:
        for light in reading.view(len(run.entries))["lights"]:
            reds = [span["since"] for span in light["spans"] if span["state"] == "failed"]
            assert light["first"] == (min(reds) if reds else None)
            led += bool(reds)
            if light["name"] == "once" and reds:
                broke = run.entries[min(reds) - 1]
                assert (broke.kind, broke.detail["kind"]) == (Kind.EFFECT, "charge")
    assert led > 50


def test_the_records_are_the_ledgers_row_for_row(runs: list[tuple[Scenario, SimulatedRun, Reading]]) -> None:
    for scenario, run, reading in runs:
        for service, rows in run.ledgers.items():
            kept = sorted((row.n, row.order, row.kind, row.amount, row.key) for row in rows)
            mine = sorted((row.n, row.order, row.kind, row.amount, row.key) for row in reading.records.rows[service])
            assert mine == kept, scenario.query()


def test_every_attempt_of_the_saga_in_focus_is_a_bar(runs: list[tuple[Scenario, SimulatedRun, Reading]]) -> None:
    for scenario, run, reading in runs:
        bars = [bar for row in reading.trace.rows for bar in row.bars]
        own = [entry.kind for entry in run.entries if entry.saga == f"{run.run}-1"]
        assert sum(bar.kind == "attempt" for bar in bars) == own.count(Kind.ATTEMPT_STARTED), scenario.query()
        assert sum(bar.kind == "wait" for bar in bars) == own.count(Kind.RETRY_SCHEDULED), scenario.query()


def test_at_a_clean_end_belief_and_truth_are_one(runs: list[tuple[Scenario, SimulatedRun, Reading]]) -> None:
    """What nothing can tell apart at the end must not be marked as apart; what is wrong must be."""
    clean = 0
    for scenario, run, reading in runs:
        if scenario.mode != "orchestration" or any(expected(run).values()) or not scenario.idempotency:
            continue
        if run.states[0] not in ("completed", "compensated"):
            continue
        for step in reading.view(len(run.entries))["beliefs"]:
            (now,) = [span for span in step["spans"] if span["now"]]
            assert now["apart"] == "", f"{step['name']}: {scenario.query()}"
        clean += 1
    assert clean > 50
