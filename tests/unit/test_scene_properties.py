"""What is true of the scenes of any journal: total, incremental, and never wiser than its driver."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from playground.scene import Fold, sentence
from sagas.entries import Entry, Kind, Lane
from tests.builders import (
    ACTION,
    COMPENSATION,
    NOW,
    ORDER,
    SAGA,
    called,
    fact,
    failed,
    operator,
    queued,
    refused,
    scheduled,
    started,
    unknown,
)
from tests.simulator import Play
from tests.unit.scenes import (
    CHOREO,
    NAIVE,
    PLAN,
    ROWS,
    SAYS,
    announced,
    belief,
    effect,
    heard,
    observed,
    of_service,
    reacted,
    reported,
    scenes,
)

STATES = {"idle", "running", "done", "failed", "unknown", "compensating", "compensated", "stuck", "pending", "skipped"}
ACCIDENTS = ["", "cancel", "crash", "time", "late", "idle"]
REPLIES = ["ok", "error", "refused", "lost", "late", "lost-reply", "queued", "refused-for-good"]

unhurried = settings(deadline=None)  # a busy machine is no failure

scripts = st.lists(st.tuples(st.sampled_from(ACCIDENTS), st.sampled_from(REPLIES)), max_size=40)
steps, ops, attempts = st.sampled_from(list(ROWS)), st.sampled_from([ACTION, COMPENSATION]), st.integers(1, 3)
lock_kinds = st.sampled_from([Kind.LOCK_ACQUIRED, Kind.LOCK_RELEASED, Kind.LOCK_DENIED])
spoken = st.one_of(
    st.builds(effect, steps, ops, attempts),
    st.builds(reported, st.sampled_from([Kind.REPLAYED, Kind.STEP_FENCED]), steps, ops, attempts),
    st.builds(
        lambda kind, step: reported(kind, step, record="unit-1", owner="ord-8412", waiting=False), lock_kinds, steps
    ),
)
reactions = st.builds(lambda step, op, n: reacted(step, op=op, n=n), steps, ops, attempts)
mishaps = st.builds(
    lambda step, op, n, how: [
        of_service(called(step, n, op), event=SAYS[step][0], service=ROWS[step][0]),
        of_service(how(step, n, op), event=SAYS[step][0], service=ROWS[step][0]),
        of_service(scheduled(step, n + 1, NOW, op), event=SAYS[step][0], service=ROWS[step][0]),
    ],
    steps,
    ops,
    attempts,
    st.sampled_from([failed, refused, unknown, queued]),
) | st.builds(
    lambda step, op, by, outcome, to: [
        heard(Kind.EVENT_DROPPED, step, SAYS[step][0], op),
        announced("order-timed-out", by, *to, cause=SAYS[step][0], outcome=outcome),
    ],
    steps,
    ops,
    st.sampled_from(["watcher", "relay", "payments", ""]),
    st.sampled_from(["", "failed", "unknown", "deadline"]),
    st.lists(st.sampled_from([row[0] for row in ROWS.values()]), max_size=5, unique=True),
)
ENDS = [Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_LOST]
around = st.builds(
    observed, st.sampled_from([Kind.ORCHESTRATOR_CRASHED, Kind.ORCHESTRATOR_RECOVERED, Kind.RUN_FINISHED])
)


@st.composite
def journals(draw: st.DrawFn) -> list[Entry]:
    """A saga's own entries, with services and observers speaking anywhere in between."""
    entries = list(Play(ORDER, draw(scripts)).run().entries)
    for extra in draw(st.lists(spoken | around, max_size=20)):
        entries.insert(draw(st.integers(0, len(entries))), extra)
    return [entry.placed(n, NOW + 10 * n) for n, entry in enumerate(entries, 1)]


@unhurried
@given(journals())
def test_every_prefix_of_every_journal_has_a_scene_that_json_can_hold(journal: list[Entry]) -> None:
    for scene in scenes(journal):
        assert json.loads(json.dumps(scene)) == scene
        assert scene["say"].endswith(".")
        assert scene["entry"]["say"].endswith(".")
        faces = [scene["orch"], *(one[part] for one in scene["legs"] for part in ("stop", "undo", "service"))]
        assert {face["state"] for face in faces} | {scene["entry"]["state"]} <= STATES


@unhurried
@given(journals())
def test_a_scene_depends_on_the_entries_alone_and_is_not_changed_by_later_ones(journal: list[Entry]) -> None:
    one_by_one = scenes(journal)
    frozen = [json.dumps(scene) for scene in one_by_one]
    fold = Fold(PLAN, ORDER, SAGA)
    for entry in journal:
        fold.add(entry)
    assert fold.scene() == one_by_one[-1]
    assert [json.dumps(scene) for scene in one_by_one] == frozen


@unhurried
@given(journals())
def test_what_a_service_did_never_changes_what_its_driver_believes(journal: list[Entry]) -> None:
    before = belief(Fold(PLAN, ORDER, SAGA).scene())
    for entry, scene in zip(journal, scenes(journal), strict=True):
        if entry.lane is Lane.SERVICE:
            assert belief(scene) == before
        before = belief(scene)


@unhurried
@given(journals())
def test_without_the_service_lane_the_driver_believes_the_same(journal: list[Entry]) -> None:
    told = [entry for entry in journal if entry.lane is not Lane.SERVICE]
    assert belief(scenes(told)[-1]) == belief(scenes(journal)[-1])


@unhurried
@given(journals())
def test_a_ledger_total_is_the_sum_of_its_effects(journal: list[Entry]) -> None:
    sums = dict.fromkeys((row[0] for row in ROWS.values()), 0)
    for entry in journal:
        if entry.kind is Kind.EFFECT:
            sums[entry.detail["service"]] += entry.detail["amount"]
    shown = {one["service"]["name"]: one["service"]["total"] for one in scenes(journal)[-1]["legs"]}
    assert {name: float(total.replace("\u2212", "-")) for name, total in shown.items()} == {
        name: total / 100 if name == "payments" else total for name, total in sums.items()
    }


@st.composite
def choruses(draw: st.DrawFn) -> list[Entry]:
    """An order that nobody drives: any reactions, losses and refusals, in any order, twice or never."""
    parts = draw(
        st.lists(st.one_of(reactions, mishaps, spoken.map(lambda e: [e]), around.map(lambda e: [e])), max_size=20)
    )
    cut = draw(st.integers(0, 3))
    begun = [replace(started(), lane=Lane.OBSERVER), announced("order-placed", "shop", "inventory")]
    ends = draw(st.lists(st.sampled_from(ENDS).map(lambda kind: fact(kind, lane=Lane.OBSERVER)), max_size=1))
    entries = [*begun, *(entry for part in parts for entry in part[cut:] or part), *ends]
    return [entry.placed(n, NOW + 10 * n) for n, entry in enumerate(entries, 1)]


@unhurried
@given(choruses())
def test_every_prefix_of_an_order_that_nobody_drives_has_a_scene(journal: list[Entry]) -> None:
    one_by_one = scenes(journal, CHOREO)
    frozen = [json.dumps(scene) for scene in one_by_one]
    for scene in one_by_one:
        assert json.loads(json.dumps(scene)) == scene
        assert scene["say"].endswith(".")
        assert scene["entry"]["say"].endswith(".")
        faces = [scene["orch"], *(one[part] for one in scene["legs"] for part in ("stop", "undo", "service", "hop"))]
        assert {face["state"] for face in faces} | {scene["entry"]["state"]} <= STATES
        assert scene["token"] is None or (1 <= scene["token"]["leg"] <= 5 and scene["token"]["dir"] in ("hop", "back"))
    fold = Fold(CHOREO, ORDER, SAGA)
    for entry in journal:
        fold.add(entry)
    assert fold.scene() == one_by_one[-1]
    assert [json.dumps(scene) for scene in one_by_one] == frozen


@unhurried
@given(choruses())
def test_a_stop_changes_only_when_something_is_announced(journal: list[Entry]) -> None:
    before = announcements(Fold(CHOREO, ORDER, SAGA).scene())
    for entry, scene in zip(journal, scenes(journal, CHOREO), strict=True):
        if entry.kind is not Kind.EVENT_PUBLISHED:
            assert announcements(scene) == before
        before = announcements(scene)


def announcements(scene: dict[str, Any]) -> list[Any]:
    return [(one["stop"], one["undo"]) for one in scene["legs"]]


@unhurried
@given(journals())
def test_a_checkout_has_scenes_too_and_never_a_way_back(journal: list[Entry]) -> None:
    forward = [entry for entry in journal if entry.op is not COMPENSATION and entry.kind is not Kind.SAGA_COMPENSATING]
    for scene in scenes(forward, NAIVE):
        assert json.loads(json.dumps(scene)) == scene
        assert {one["undo"]["state"] for one in scene["legs"]} == {"skipped"}
        assert not any(one["turn"] for one in scene["legs"])


@unhurried
@given(
    st.sampled_from(list(Kind)),
    st.sampled_from(list(Lane)),
    steps | st.just("book-hotel") | st.just(""),
    st.none() | ops,
    st.integers(0, 3),
)
def test_every_kind_of_entry_has_a_sentence_even_with_nothing_known(
    kind: Kind, lane: Lane, step: str, op: object, attempt: int
) -> None:
    entry = Entry(kind=kind, lane=lane, saga=SAGA, order="ord-8412", step=step, op=op, attempt=attempt)  # type: ignore[arg-type]
    assert sentence(entry).endswith(".")
    assert sentence(entry)[0].isalpha()


def test_a_person_is_named_where_a_person_acted() -> None:
    assert sentence(operator("retry")) == "ada tells the saga to go on."
