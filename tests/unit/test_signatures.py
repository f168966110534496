"""The sagas of a run that are not in focus: a line each, as their own driver sees them, and not much longer for it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from playground.scene import Fold
from sagas.entries import Entry, Kind
from sagas.plan import RunPlan
from tests.builders import ACTION, NOW, ORDER, SAGA, fact, started, unknown
from tests.unit.scenes import effect, observed, placed, scenes, worked

MANY = RunPlan(orders=8)


def of(n: int, *entries: Entry) -> list[Entry]:
    """Return entries as those of the run's n-th saga."""
    return [replace(entry, saga=f"world-{n}", order=f"ord-{8411 + n}") for entry in entries]


def at(*entries: Entry, focus: str = SAGA) -> dict[str, Any]:
    journal = [entry.placed(n, NOW + 10 * n) for n, entry in enumerate(entries, 1)]
    return scenes(journal, MANY, focus)[-1]


def test_each_other_saga_is_a_line_with_its_way_out_and_its_way_back() -> None:
    turned = fact(Kind.SAGA_COMPENSATING, "create-order", ACTION, cause={})
    scene = at(started(), *of(2, started(), *worked("reserve-inventory"), turned), *of(3, started()))
    assert [line["order"] for line in scene["others"]] == ["ord-8413", "ord-8414"]
    assert scene["others"][0]["steps"] == ["done", "idle", "skipped", "skipped", "skipped"]
    assert scene["others"][0]["back"] == ["idle", "", "", "", ""]
    assert scene["others"][1]["steps"] == ["idle"] * 5


def test_a_saga_looks_the_same_as_a_line_as_it_does_in_a_list_of_runs() -> None:
    entries = (started(), *of(2, started(), *worked("reserve-inventory", "create-order"), unknown("charge-payment")))
    fold = Fold(MANY, ORDER, "world-2")
    for n, entry in enumerate(entries, 1):
        fold.add(entry.placed(n, NOW + n))
    (line,) = at(*entries)["others"]
    assert line == {"saga": "world-2", "order": "ord-8413", **fold.signature()}


def test_what_only_a_service_knows_of_another_saga_is_not_in_its_line() -> None:
    before = at(started(), *of(2, started()))["others"]
    assert at(started(), *of(2, started(), effect("charge-payment")))["others"] == before


def test_the_death_of_the_driver_is_seen_in_every_line() -> None:
    crashed = observed(Kind.ORCHESTRATOR_CRASHED)
    scene = at(started(), *of(2, started()), *of(3, started()), crashed)
    assert [(line["state"], line["word"]) for line in scene["others"]] == [("failed", "down")] * 2
    assert scene["orch"]["word"] == "down"


def test_another_focus_shows_the_same_run() -> None:
    entries = (started(), *of(2, started(), *worked("reserve-inventory")))
    one, two = at(*entries), at(*entries, focus="world-2")
    assert two["order"] == "ord-8413"
    assert [line["order"] for line in two["others"]] == ["ord-8412"]
    assert (one["facts"]["held"], one["seq"]) == (two["facts"]["held"], two["seq"])


def test_a_run_is_over_from_its_last_entry_until_something_follows() -> None:
    end = observed(Kind.RUN_FINISHED)
    assert [scene["over"] for scene in scenes(placed([end, observed(Kind.ORCHESTRATOR_RECOVERED)]))] == [
        False,
        True,
        False,
    ]


def test_each_other_saga_makes_a_frame_little_longer() -> None:
    def size(sagas: int) -> int:
        entries = [started(), *(e for n in range(2, sagas + 1) for e in of(n, started(), *worked("reserve-inventory")))]
        return len(json.dumps(at(*entries), separators=(",", ":")).encode())

    assert size(8) - size(1) <= 7 * 260 + 900  # the lines, and the rows that the sagas write into one ledger
