"""The stage over journals that the real services wrote: what it says is what their databases hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from playground import wording
from playground.scene import Fold
from sagas import catalog
from sagas.entries import Kind, Lane, Op
from sagas.plan import plan_from_json
from tests.engine import Finished, drive, fault, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

CHARGE, PICK, BOOK = "charge-payment", "notify-warehouse", "book-delivery"
PATIENT = {"timeout_ms": 2500}  # no answer is late by chance
BRIEF = {"timeout_ms": 250}  # where an answer is to be missed
UNGUARDED: dict[str, dict[str, Any]] = {
    "all is well": scenario(**PATIENT),
    "a refusal": scenario(fault(PICK, "decline"), **PATIENT),
    "an error": scenario(fault(PICK, "error"), **PATIENT),
    "a lost reply": scenario(fault(CHARGE, "lost-reply"), **BRIEF),
    "nothing arrives": scenario(fault(BOOK, "timeout"), **BRIEF),
    "delivered twice": scenario(fault(CHARGE, "duplicate"), **PATIENT),
    "charged twice": scenario(fault(CHARGE, "duplicate"), idempotency=False, **PATIENT),
    "delivered late": scenario(fault(CHARGE, "late"), **BRIEF),
    "two for one lamp": scenario(orders=2, stock=1, lock="wait", **PATIENT),
}
CHOREOGRAPHY = {
    "a dropped event": scenario(fault(PICK, "drop-event"), **PATIENT),
    "a dropped first event": scenario(fault("reserve-inventory", "drop-event"), **PATIENT),
    "a watcher": scenario(fault(PICK, "drop-event"), watcher_ms=1500, **PATIENT),
    "a dropped undo": scenario(fault(PICK, "decline"), fault(CHARGE, "drop-event", on="compensation"), **PATIENT),
    "an undo that fails": scenario(fault(PICK, "decline"), fault(CHARGE, "error", on="compensation"), **PATIENT),
}
CASES = {
    **{f"none: {name}": {**value, "mode": "none"} for name, value in UNGUARDED.items()},
    **{
        f"choreography: {name}": {**value, "mode": "choreography"} for name, value in (UNGUARDED | CHOREOGRAPHY).items()
    },
}
ENDS = {"completed": "done", "compensated": "compensated", "abandoned": "failed", "lost": "failed"}


@pytest.fixture(scope="module")
def runs(engine_databases: None) -> dict[str, Finished]:
    return dict(zip(CASES, drive(*CASES.values()), strict=True))


@pytest.fixture(params=CASES)
def run(request: pytest.FixtureRequest, runs: dict[str, Finished]) -> Finished:
    return runs[request.param]


def fold_of(run: Finished, saga: int = 0) -> Fold:
    return Fold(plan_from_json(run.run.scenario), catalog.ORDER, run.sagas[saga].pk)


def scenes_of(run: Finished) -> Iterator[dict[str, Any]]:
    fold = fold_of(run)
    for entry in run.entries:
        fold.add(entry)
        yield fold.scene()


def test_every_prefix_has_a_scene_and_what_was_painted_before_does_not_spoil_it(run: Finished) -> None:
    every = list(scenes_of(run))
    assert all(json.loads(json.dumps(scene)) == scene for scene in every)
    assert all(scene["say"].endswith(".") and scene["entry"]["say"].endswith(".") for scene in every)
    for seq in range(1, len(every) + 1, 7):
        fold = fold_of(run)
        for entry in run.entries[:seq]:
            fold.add(entry)
        assert fold.scene() == every[seq - 1]


def test_the_end_is_that_of_the_saga_whichever_is_in_focus(run: Finished) -> None:
    for n, saga in enumerate(run.sagas):
        fold = fold_of(run, n)
        for entry in run.entries:
            fold.add(entry)
        scene = fold.scene()
        assert scene["end"] == ENDS[saga.state]
        assert (scene["facts"]["knows"] == "no one") is (saga.state in ("abandoned", "lost"))


def test_the_ledgers_hold_what_the_services_wrote(run: Finished) -> None:
    *_, scene = scenes_of(run)
    for leg in scene["legs"]:
        name = leg["service"]["name"]
        written = sum(row.amount for row in catalog.SERVICES[name].ledger(run.run.pk))
        assert leg["service"]["total"] == wording.plain(name, written)


def test_an_outcome_says_what_is_left(run: Finished) -> None:
    facts = run.facts()
    *_, scene = scenes_of(run)
    if scene["end"] != "failed" or len(run.sagas) > 1:
        return
    left = facts["charged"] - facts["refunded"]
    assert (f"{wording.money(left)} is charged" in scene["say"]) is (left > 0)
    assert ("1 lamp is held" in scene["say"]) is (facts["units_held"] == 1)
    assert ("the pick waits" in scene["say"]) is (facts["picks_active"] == 1)


def test_in_choreography_a_stop_changes_only_when_something_is_announced(runs: dict[str, Finished]) -> None:
    for name, run in runs.items():
        if name.startswith("none"):
            continue
        before: list[Any] = [({"state": "idle", "word": ""},) * 2] * 5
        for entry, scene in zip(run.entries, scenes_of(run), strict=True):
            now = [(leg["stop"], leg["undo"]) for leg in scene["legs"]]
            assert now == before or entry.kind is Kind.EVENT_PUBLISHED
            before = now


def test_an_event_is_seen_to_travel_once_per_delivery_and_to_die_where_it_was_dropped(
    runs: dict[str, Finished],
) -> None:
    for name, run in runs.items():
        if name.startswith("none"):
            continue
        for entry, scene in zip(run.entries, scenes_of(run), strict=True):
            token, own = scene["token"], entry.saga == run.sagas[0].pk and entry.lane is Lane.SERVICE
            if own and entry.kind in (Kind.ATTEMPT_STARTED, Kind.EVENT_DROPPED):
                assert token["tag"] == entry.detail["event"]
                assert token["lost"] == ("dropped" if entry.kind is Kind.EVENT_DROPPED else None)
            else:
                assert token is None or token["lost"] == "no answer"


def test_a_dropped_event_is_still_to_be_seen_at_the_end(runs: dict[str, Finished]) -> None:
    seen = 0
    for run in runs.values():
        for entry in run.kinds(Kind.EVENT_DROPPED, op=Op.ACTION):
            *_, scene = scenes_of(run)
            (leg,) = [leg for leg in scene["legs"] if leg["name"] == entry.step]
            assert leg["hop"] == {"state": "failed", "word": "dropped"}
            assert leg["service"]["rows"] == []
            seen += 1
    assert seen >= 2


def test_a_scene_of_one_order_stays_small(runs: dict[str, Finished]) -> None:
    for run in runs.values():
        if len(run.sagas) == 1:
            assert max(len(json.dumps(scene, separators=(",", ":")).encode()) for scene in scenes_of(run)) < 3200
