"""The lab's stories end as their sentences say, and the saga of one's own runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from playground import facts
from playground.lab import guide, own_saga
from playground.lab.presets import PRESETS, Preset
from playground.scenario import Scenario
from sagas import catalog
from sagas.entries import Kind
from sagas.simulation import SimulatedRun, Simulator
from tests.engine import drive, finish

pytestmark = pytest.mark.usefixtures("engine_databases")

DONE, UNDONE = "completed", "compensated"
SOLD = {"charges": 1, "charged": 4900, "refunded": 0, "units_sold": 1, "pending": 0}
NOTHING = {"units_held": 0, "units_sold": 0, "picks_active": 0, "pending": 0}
TWO_ENDS = {DONE: 3, UNDONE: 5}

ENDS: dict[str, tuple[dict[str, int], dict[str, int], dict[Kind, int]]] = {
    # what the sagas end as, what the books say, how often the journal has an entry
    "A good day": ({DONE: 1}, SOLD, {}),
    "Step four refuses": ({UNDONE: 1}, {**NOTHING, "charged": 4900, "refunded": 4900}, {}),
    "No saga at all": ({"abandoned": 1}, {"charged": 4900, "refunded": 0, "units_held": 1}, {}),
    "The reply is lost": ({DONE: 1}, SOLD, {Kind.REPLAYED: 1}),
    "The reply is lost, without keys": ({DONE: 1}, {"charges": 2, "double_charges": 1, "units_sold": 1}, {}),
    "A key without the step": ({UNDONE: 1}, {"charged": 4900, "refunded": 0}, {}),
    "A message that comes late": ({UNDONE: 1}, {**NOTHING, "charges": 0}, {Kind.STEP_FENCED: 1}),
    "Death after the call": ({DONE: 1}, SOLD, {Kind.ORCHESTRATOR_CRASHED: 1, Kind.REPLAYED: 1}),
    "An undo that never works": ({"needs-operator": 1}, {"refunded": 0, "units_held": 1, "pending": 2}, {}),
    "Out of time": ({UNDONE: 1}, {**NOTHING, "charged": 4900, "refunded": 4900}, {}),
    "An event is dropped": ({"lost": 1}, {"charged": 4900, "refunded": 0, "units_held": 1}, {Kind.EVENT_DROPPED: 1}),
    "An event is dropped, with a watcher": ({UNDONE: 1}, {**NOTHING, "refunded": 4900}, {Kind.EVENT_DROPPED: 1}),
    "Eight orders, three lamps, a line": (TWO_ENDS, {"units_sold": 3, "oversold": 0, "pending": 0}, {}),
    "Eight orders, three lamps, no lock": ({DONE: 8}, {"units_sold": 8, "oversold": 5}, {}),
    "The first in line falls out": ({UNDONE: 1, DONE: 1}, {"units_sold": 1, "oversold": 0, "pending": 0}, {}),
    "A busy afternoon": ({DONE: 4, UNDONE: 2}, {"units_sold": 4, "double_charges": 0}, {Kind.ORCHESTRATOR_CRASHED: 1}),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_story_ends_as_its_sentence_says(simulator: Simulator, preset: Preset) -> None:
    scenario = preset.scenario
    run: SimulatedRun = simulator.run(scenario.full(), scenario.seed)
    states, books, entries = ENDS[preset.name]
    assert Counter(map(str, run.states)) == states
    assert {name: run.facts[name] for name in books} == books
    found = Counter(entry.kind for entry in run.entries)
    assert {kind: found[kind] for kind in entries} == entries


def test_the_stories_end_alike_with_real_workers_and_databases() -> None:
    plans = [Scenario.parse({**preset.scenario.full(), **_brisk(preset)}) for preset in PRESETS]
    for preset, run in zip(PRESETS, drive(*[plan.full() for plan in plans]), strict=True):
        assert Counter(run.states) == ENDS[preset.name][0], preset.name


def _brisk(preset: Preset) -> dict[str, Any]:
    """Return what makes a story quick without telling it otherwise; where time is the matter, it stays."""
    if preset.scenario.deadline_ms is not None:
        return {}
    quick = {"initial_ms": 5, "max_ms": 50}
    return {
        "latency_ms": 0,
        "timeout_ms": 2500,
        "retry": {**preset.scenario.retry.model_dump(), **quick},
        "compensation_retry": {**preset.scenario.compensation_retry.model_dump(), **quick},
    }


def test_every_story_is_a_link_with_its_canonical_address() -> None:
    html = Client().get("/lab/").content.decode().replace("&amp;", "&")
    assert set(ENDS) == {preset.name for preset in PRESETS}
    for preset in PRESETS:
        assert preset.scenario.query() == preset.query
        assert f'<a href="/lab/{"?" if preset.query else ""}{preset.query}">{preset.name}</a>' in html
    assert len({preset.scenario.slug for preset in PRESETS}) == len(PRESETS)


def test_every_example_of_the_grammar_is_an_address() -> None:
    for rule in guide.GRAMMAR:
        assert Scenario.from_query(rule.example), rule.key
    named = {rule.key for rule in guide.GRAMMAR}
    assert {"fault", "retry", "compensation_retry", "schedule", "v"} <= named


@pytest.fixture
def prepaid() -> Iterator[None]:
    yield
    catalog.DEFINITIONS.pop((own_saga.PREPAID.name, own_saga.PREPAID.version), None)


def test_the_saga_of_ones_own_runs_as_the_page_shows_it(prepaid: None) -> None:
    (run,) = finish(own_saga.start_one())
    assert run.run.definition == "prepaid"
    assert run.states == [UNDONE]
    assert facts.read(run.run).counts["refunded"] == facts.read(run.run).counts["charged"] == 4900
    shown = "\n".join(line for step in guide.steps() for line in step.code)
    assert 'create_run({"saga": "prepaid", "stock": 0})' in shown
    assert "def refund_payment(delivery: Delivery)" in shown


def test_a_saga_that_is_registered_can_be_chosen_and_brings_its_own_steps(prepaid: None) -> None:
    catalog.register(own_saga.PREPAID)
    html = Client().get("/lab/?saga=prepaid&fault=charge-payment:decline").content.decode()
    assert '<option value="prepaid" selected>' in html
    assert html.count('<div class="column">') == html.count('<li class="leg"') == 4


def test_every_example_of_the_documentation_is_an_address() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "ADDRESSES.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    examples = [row[-1].strip(" |`") for row in rows]
    assert len(examples) == 15
    for example in examples:
        assert Scenario.from_query(example), example
