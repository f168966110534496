"""The stage of a saga with a point of no return: four legs, a line, and no undo behind it."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import render_to_string

from playground import wording
from playground.scene import Fold, idle_scene
from sagas import catalog
from sagas.plan import plan_from_json
from sagas.simulation import simulate

pytestmark = pytest.mark.usefixtures("engine_databases")


def scene(*faults: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the last scene of a trip, really run on virtual time."""
    value = {"saga": "trip", "faults": list(faults), **fields}
    run = simulate(value, 1)
    fold = Fold(plan_from_json(value), catalog.TRIP)
    for entry in run.entries:
        fold.add(entry)
    return fold.scene()


def test_every_step_and_row_of_the_demo_sagas_has_words() -> None:
    for definition in (catalog.ORDER, catalog.TRIP):
        for step in definition.steps:
            assert wording.STEPS[step.name].service == step.service
            assert step.service in wording.TOTALS
            assert step.name in wording.HEARS
        run = simulate({"saga": definition.name}, 1)
        turned = simulate(
            {"saga": definition.name, "faults": [{"step": definition.steps[2].name, "kind": "decline"}]}, 1
        )
        written = {(row.service, row.kind) for made in (run, turned) for rows in made.ledgers.values() for row in rows}
        assert written <= set(wording.ROWS)


def test_the_end_of_a_trip_is_told_in_its_own_words() -> None:
    done = scene()
    assert done["say"] == "All 4 steps are done. The card is charged $189.00. The seat is sold."
    assert done["sold"] == "Ticketed"
    assert {name: done["facts"][name] for name in ("charged", "held", "shipped")} == {
        "charged": "189.00",
        "held": "0",
        "shipped": "1",
    }
    left = scene({"step": "charge-card", "kind": "decline"}, mode="none")
    assert left["say"] == ("charge-card failed. 1 seat is held, a room is booked, nobody travels. No one will undo it.")


def test_a_leg_says_what_kind_it_is_unless_it_can_be_undone() -> None:
    legs = idle_scene(plan_from_json({"saga": "trip"}), catalog.TRIP)["legs"]
    assert [leg.get("kind") for leg in legs] == [None, None, "pivot", "retriable"]
    assert [leg["undo_name"] for leg in legs] == ["cancel-flight", "cancel-hotel", "", ""]


@pytest.mark.parametrize(
    ("saga", "mode", "lines"), [("trip", "orchestration", 1), ("trip", "none", 0), ("order", "orchestration", 0)]
)
def test_the_point_of_no_return_is_a_line_where_there_is_one(saga: str, mode: str, lines: int) -> None:
    shown = idle_scene(plan_from_json({"saga": saga, "mode": mode}), catalog.definition(saga))
    page = render_to_string("parts/_grid.html", {"scene": shown})
    assert page.count('class="pivot"') == lines
    assert page.count('class="leg"') == len(catalog.definition(saga).steps)


def test_an_unknown_pivot_is_neither_done_nor_failed_on_the_stage() -> None:
    legs = {leg["name"]: leg for leg in scene({"step": "charge-card", "kind": "lost-reply"})["legs"]}
    pivot = legs["charge-card"]
    assert (pivot["stop"]["state"], pivot["service"]["state"]) == ("stuck", "done"), "belief above, truth below"
    assert legs["send-ticket"]["stop"]["state"] == "idle"
    assert {legs[name]["undo"]["state"] for name in ("book-flight", "reserve-hotel")} == {"idle"}
