"""A pause is a fold of the journal; the gate lets one move pass per step, in the order of asking."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from playground.scene import Fold
from playground.sentences import sentence
from sagas.entries import Entry, Kind, Lane, Op
from sagas.gate import Gate
from sagas.pausing import Pause, pause_after
from sagas.plan import RunPlan
from sagas.state import Phase
from tests.builders import (
    ACTION,
    COMPENSATION,
    ORDER,
    called,
    done,
    fact,
    failed,
    fold,
    ok,
    operator,
    started,
    stuck,
    tries,
)

PAUSE, RESUME, STEP = (
    Entry(kind=Kind.OPERATOR_ACTED, lane=Lane.OBSERVER, detail={"action": action, "who": "ada"})
    for action in ("pause", "resume", "step")
)
FINISHED = Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER)
SETTLED = fact(Kind.LOCK_RELEASED, "reserve-inventory", service="inventory", record="unit-1", owner="ord-8412")
GIVEN_BACK = replace(SETTLED, lane=Lane.SERVICE)
HEARD = fact(Kind.EVENT_HANDLED, "reserve-inventory", lane=Lane.SERVICE)


@pytest.mark.parametrize(
    ("entries", "pause"),
    [
        ([], Pause()),
        ([PAUSE], Pause(is_on=True)),
        ([PAUSE, called("create-order"), ok("create-order")], Pause(is_on=True)),
        ([PAUSE, RESUME], Pause()),
        ([STEP], Pause()),
        ([PAUSE, STEP], Pause(is_on=True, steps=1)),
        ([PAUSE, STEP, STEP], Pause(is_on=True, steps=2)),
        ([PAUSE, STEP, called("create-order")], Pause(is_on=True)),
        ([PAUSE, STEP, SETTLED], Pause(is_on=True)),
        ([PAUSE, STEP, HEARD], Pause(is_on=True)),
        ([PAUSE, STEP, replace(HEARD, op=Op.ACTION)], Pause(is_on=True, steps=1)),
        ([PAUSE, STEP, GIVEN_BACK, ok("create-order")], Pause(is_on=True, steps=1)),
        ([PAUSE, STEP, RESUME, PAUSE], Pause(is_on=True)),
        ([PAUSE, operator("retry"), operator("cancel")], Pause(is_on=True)),
        ([PAUSE, STEP, FINISHED], Pause()),
    ],
)
def test_a_pause_is_a_fold_of_entries(entries: list[Entry], pause: Pause) -> None:
    assert pause_after(entries) == pause


async def test_who_comes_first_passes_first_and_a_step_lets_one_pass() -> None:
    gate, bells = Gate(Pause(is_on=True, steps=1)), {who: asyncio.Event() for who in "abc"}
    assert [gate.may_pass(who, bells[who]) for who in "abc"] == [True, False, False]
    assert not any(bell.is_set() for bell in bells.values())
    gate.obey(STEP)
    assert [gate.may_pass(who, bells[who]) for who in "cb"] == [False, True]
    gate.obey(STEP)
    for bell in bells.values():
        bell.clear()
    assert not gate.may_pass("a", bells["a"]), "c is in line before it"
    gate.leave("c")
    assert bells["a"].is_set(), "whoever leaves the line lets the next one know of a step that is left"
    assert gate.may_pass("a", bells["a"])
    gate.obey(RESUME)
    assert [gate.may_pass(who, bells[who]) for who in "cab"] == [True] * 3


async def test_whoever_waits_passes_when_the_gate_opens() -> None:
    gate = Gate(Pause(is_on=True))
    waiting = asyncio.create_task(gate.passed("a"))
    await asyncio.sleep(0)
    assert gate.waits("a")
    assert not waiting.done()
    gate.obey(RESUME)
    await asyncio.wait_for(waiting, 10)
    assert not gate.waits("a")


def test_what_is_done_by_hand_counts_as_done() -> None:
    spent = tries("create-order", failed, failed, op=COMPENSATION)
    back = [
        started(),
        *done("reserve-inventory", "create-order"),
        fact(Kind.SAGA_COMPENSATING, "charge-payment", cause={}),
    ]
    state = fold([*back, *spent, stuck("create-order", COMPENSATION), operator("resolve")])
    assert (state.phase, state.stuck) == (Phase.COMPENSATING, None)
    assert state.step("create-order").compensation.ok
    forward = fold([started(), *tries("create-order", failed), stuck("create-order", ACTION), operator("resolve")])
    assert (forward.phase, forward.step("create-order").action.ok) == (Phase.RUNNING, True)


def test_there_is_no_call_to_be_done_by_hand_where_a_definition_is_missing() -> None:
    before = fold([started(), stuck("", None)])
    assert fold([started(), stuck("", None), operator("resolve")]) == before


def test_a_scene_says_that_the_run_is_paused() -> None:
    story = [started(), PAUSE, called("reserve-inventory"), RESUME]
    scenes = []
    fold_ = Fold(RunPlan(), ORDER)
    for seq, entry in enumerate(story, 1):
        fold_.add(entry.placed(seq, seq))
        scenes.append(fold_.scene())
    assert [scene["paused"] for scene in scenes] == [False, True, True, False]
    assert [scene["orch"]["word"] for scene in scenes][1:3] == ["paused", "paused"]
    assert scenes[3]["orch"]["word"] != "paused"


def test_each_act_has_a_sentence() -> None:
    said = [sentence(entry) for entry in (PAUSE, STEP, RESUME, operator("cancel"))]
    assert said == [
        "ada pauses the run. What is under way ends, and nothing new begins.",
        "ada lets the paused run make one move.",
        "ada lets the run go on.",
        "ada cancels the order.",
    ]
