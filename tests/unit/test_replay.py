"""The folds of a run's page: told time, spans, bars, beliefs, and two journals side by side. No database."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from playground.replay.beliefs import Beliefs
from playground.replay.beside import agreed, beside
from playground.replay.reading import Reading
from playground.replay.spans import Spans
from playground.replay.telling import CUT_MS, LONG_MS, Telling
from sagas.entries import Entry, Kind, Lane
from tests.builders import COMPENSATION, NOW, ORDER, SAGA, called, ok, scheduled, unknown
from tests.simulator import Play
from tests.unit.scenes import CHOREO, PLAN, effect, placed, row, worked

CHARGE, PICK = "charge-payment", "notify-warehouse"
REPLIES = ["ok", "error", "refused", "lost", "late", "lost-reply", "queued", "refused-for-good"]
ACCIDENTS = ["", "cancel", "crash", "time", "late", "idle"]

scripts = st.lists(st.tuples(st.sampled_from(ACCIDENTS), st.sampled_from(REPLIES)), max_size=30)
unhurried = settings(deadline=None)  # a busy machine is no failure


def reading(entries: list[Entry], plan: Any = PLAN) -> Reading:
    found = Reading(plan, ORDER, SAGA, "ord-8412", price=4900)
    for entry in entries:
        found.add(entry)
    return found


def apart(step: str, *entries: Entry, plan: Any = PLAN) -> str:
    """Return how belief and truth of a step differ at the end of a saga that does this."""
    beliefs = Beliefs(plan, ORDER, SAGA, "ord-8412")
    journal = placed(entries)
    for entry in journal:
        beliefs.add(entry)
    (found,) = [one for one in beliefs.view(len(journal)) if one["name"] == step]
    (now,) = [span for span in found["spans"] if span["now"]]
    return str(now["apart"])


@given(st.lists(st.integers(0, 3 * LONG_MS), min_size=1, max_size=60))
def test_told_time_gives_each_entry_a_moment_of_its_own_and_cuts_only_long_silences(silences: list[int]) -> None:
    telling, at, real, told = Telling(), NOW, [], []
    for silence in silences:
        at += silence
        real.append(at)
        told.append(telling.tell(at))
    assert told[0] == 0
    assert all(one < other for one, other in pairwise(told))
    cut = sum(silence - CUT_MS for silence in silences[1:] if silence > LONG_MS)
    assert 0 <= told[-1] - (real[-1] - real[0] - cut) <= len(silences)


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("abc")), max_size=20), st.integers(0, 60))
def test_exactly_one_span_holds_each_moment_and_it_is_what_was_said_last(said: list[tuple[int, str]], at: int) -> None:
    spans, seq, latest = Spans({"text": "a"}), 0, {0: "a"}
    for step, text in said:
        seq += step
        spans.say(seq, {"text": text})
        latest[seq] = text
    (holds,) = [span for span in spans.view(at) if span["now"]]
    assert holds["text"] == latest[max(seq for seq in latest if seq <= at)]


@unhurried
@given(scripts)
def test_every_attempt_and_every_wait_is_one_bar_whatever_happens(script: list[tuple[str, str]]) -> None:
    entries = Play(ORDER, script).run().entries
    found = reading(entries)
    bars = [bar for one in found.trace.rows for bar in one.bars]
    kinds = [entry.kind for entry in entries]
    assert sum(bar.kind == "attempt" for bar in bars) == kinds.count(Kind.ATTEMPT_STARTED)
    assert sum(bar.kind == "wait" for bar in bars) == kinds.count(Kind.RETRY_SCHEDULED)
    assert sum(bar.kind == "queue" for bar in bars) == kinds.count(Kind.LOCK_DENIED)
    for bar in bars:
        assert bar.end is not None, "a saga at rest waits for nothing"
        assert 0 <= bar.start <= bar.end <= found.trace.told
    for one in found.trace.view(found.seq, found.trace.told)["rows"]:
        for drawn in one["bars"]:
            assert 0 <= float(drawn["x"]) <= 100
            assert drawn["past"]


@unhurried
@given(scripts, st.data())
def test_a_panel_at_an_earlier_entry_is_what_it_was_then(script: list[tuple[str, str]], data: st.DataObject) -> None:
    entries = Play(ORDER, script).run().entries
    at = data.draw(st.integers(0, len(entries)))
    then, later = reading(entries[:at]).view(at), reading(entries).view(at)
    for one, other in zip(then["beliefs"], later["beliefs"], strict=True):
        assert _now(one["spans"]) == _now(other["spans"])
    for one, other in zip(then["lights"], later["lights"], strict=True):
        assert _now(one["spans"]) == _now(other["spans"])


def _now(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**span, "until": None} for span in spans if span["now"]]


def test_a_lost_reply_puts_belief_and_truth_apart_until_the_answer_is_heard() -> None:
    before = worked("reserve-inventory", "create-order")
    lost = [*before, called(CHARGE), effect(CHARGE), unknown(CHARGE)]
    assert apart(CHARGE, *before, called(CHARGE)) == ""
    assert apart(CHARGE, *lost[:-1]) == "Payments did it. The orchestrator has not heard of it."
    assert apart(CHARGE, *lost) == "Payments did it. The orchestrator cannot tell."
    asked = [*lost, scheduled(CHARGE, 2, NOW), called(CHARGE, 2)]
    assert apart(CHARGE, *asked) == "Payments did it. The orchestrator cannot tell."
    assert apart(CHARGE, *asked, ok(CHARGE, 2)) == ""


def test_a_lost_call_is_apart_as_well_though_nothing_was_done() -> None:
    lost = [*worked("reserve-inventory", "create-order"), called(CHARGE), unknown(CHARGE)]
    assert apart(CHARGE, *lost) == "Payments has no entry of it. The orchestrator cannot tell."


def test_a_refund_that_was_only_believed_is_a_difference() -> None:
    believed = [*worked(CHARGE), called(CHARGE, 1, COMPENSATION), ok(CHARGE, 1, COMPENSATION)]
    assert apart(CHARGE, *believed) == "Payments still has it. The orchestrator takes it for undone."
    assert apart(CHARGE, *worked(CHARGE), *worked(CHARGE, op=COMPENSATION)) == ""


def test_work_that_was_done_twice_is_a_difference() -> None:
    assert apart(CHARGE, *worked(CHARGE), effect(CHARGE)) == "Payments did it twice. The orchestrator cannot tell."


def test_where_nobody_drives_nobody_is_said_to_know() -> None:
    sent = replace(called(CHARGE), lane=Lane.SERVICE)
    unheard = replace(unknown(CHARGE), lane=Lane.SERVICE)
    assert apart(CHARGE, sent, effect(CHARGE), unheard, plan=CHOREO) == "Payments did it. No one can tell."


def test_a_light_names_the_entry_at_which_it_went_red_and_keeps_it() -> None:
    journal = placed([*worked(CHARGE), row(CHARGE, "payments", "charge", 4900)])
    found = {one["name"]: one for one in reading(journal).view(len(journal))["lights"]}
    assert found["once"]["first"] == len(journal)
    assert found["money"]["first"] is None
    (now,) = [span for span in found["once"]["spans"] if span["now"]]
    assert (now["state"], now["text"]) == ("failed", "Payments charged ord-8412 twice.")
    (before,) = [span for span in found["once"]["spans"] if span["until"] == len(journal)]
    assert before["state"] == "done"


def test_undos_in_the_wrong_order_are_seen() -> None:
    steps = worked("reserve-inventory", "create-order", CHARGE)
    wrong = placed([*steps, called("create-order", 1, COMPENSATION)])
    right = placed([*steps, *worked(CHARGE, op=COMPENSATION), *worked("create-order", op=COMPENSATION)])
    assert reading(wrong).lights.states["reverse"] == "failed"
    assert reading(right).lights.states["reverse"] == "done"


def test_two_journals_agree_up_to_the_first_entry_that_says_something_else() -> None:
    past = worked("reserve-inventory", "create-order")
    left = placed([*past, *worked(CHARGE), *worked(PICK)])
    right = [replace(one, at=one.at + 7) for one in placed([*past, worked(CHARGE)[0], unknown(CHARGE)])]
    common = agreed(left, right)
    assert common == len(past) + 2, "when it was said is of no account"
    lines = [[{"seq": one.seq, "t": one.seq * 10} for one in journal] for journal in (left, right)]
    found = beside(common, *lines)
    assert found.first is not None
    assert (found.first.seq, found.moment) == (common + 1, (common + 1) * 10)
    assert [pair.place for pair in found.pairs][:5] == ["same", "same", "same", "first", "after"]
    assert found.pairs[-1].right is None, "the longer journal goes on alone"
    assert beside(agreed(left, left), lines[0], lines[0]).first is None
