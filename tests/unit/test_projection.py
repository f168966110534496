"""Rows: the last state of a saga in the words of the outside."""

from __future__ import annotations

import pytest
from hypothesis import given

from sagas.entries import Entry, Kind, Op
from sagas.projection import SagaRow, StepRow, changed, project
from sagas.state import Phase
from tests.builders import (
    ACTION,
    COMPENSATION,
    NOW,
    ORDER,
    SAGA,
    TRIP,
    called,
    done,
    fact,
    failed,
    fold,
    names,
    ok,
    operator,
    queued,
    refused,
    scheduled,
    started,
    stuck,
    tries,
    turned,
    unknown,
)
from tests.fates import generated, plays
from tests.simulator import Play

FIRST, SECOND, THIRD, FOURTH, LAST = names()
UNWINDING = [*done(FIRST, SECOND), *tries(THIRD, refused), *turned(THIRD, SECOND, FIRST)]
SAGA_WORDS = {"pending", "running", "compensating", "completed", "compensated", "needs-operator"}
STEP_WORDS = {"idle", "running", "done", "failed", "unknown", "compensating", "compensated", "stuck", "skipped"}


def row(*entries: Entry) -> SagaRow:
    return project(ORDER, fold([started(), *entries]))


def step(name: str, *entries: Entry) -> StepRow:
    return dict(row(*entries).steps)[ORDER.index(name)]


def whole_key(name: str, n: int, op: Op) -> Entry:
    return refused(name, n, op, whole_key=True)


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ([], "idle"),
        ([called(SECOND)], "running"),
        (tries(SECOND, ok), "done"),
        (tries(SECOND, failed), "failed"),
        (tries(SECOND, refused), "failed"),
        (tries(SECOND, unknown), "unknown"),
        (tries(SECOND, unknown, failed), "unknown"),
        (tries(SECOND, unknown, whole_key), "failed"),
        (tries(SECOND, queued), "running"),
        (tries(SECOND, queued, failed), "unknown"),
        ([*tries(SECOND, failed), scheduled(SECOND, 2, NOW)], "failed"),
        ([*tries(SECOND, failed), called(SECOND, 2)], "running"),
        ([*tries(SECOND, unknown, ok)], "done"),
        ([*tries(SECOND, failed), stuck(SECOND, ACTION)], "stuck"),
        ([*tries(SECOND, failed), stuck(SECOND, ACTION), operator("retry")], "failed"),
        ([stuck("", None)], "skipped"),
        ([*tries(FIRST, refused), *turned(FIRST)], "skipped"),
    ],
)
def test_an_action_is_told_by_what_is_known_of_it(entries: list[Entry], word: str) -> None:
    assert step(SECOND, *entries).state == word


@pytest.mark.parametrize(
    ("entries", "there", "back"),
    [
        ([], "done", "idle"),
        ([called(SECOND, 1, COMPENSATION)], "compensating", "compensating"),
        (tries(SECOND, failed, op=COMPENSATION), "compensating", "compensating"),
        (tries(SECOND, unknown, op=COMPENSATION), "compensating", "compensating"),
        (done(SECOND, op=COMPENSATION), "compensated", "compensated"),
        ([*tries(SECOND, refused, op=COMPENSATION), stuck(SECOND, COMPENSATION)], "stuck", "stuck"),
        ([*tries(SECOND, refused, op=COMPENSATION), stuck(SECOND, COMPENSATION), operator("retry")], *["compensating"] * 2),
    ],
)  # fmt: skip
def test_once_it_is_undone_a_step_is_told_by_its_compensation(entries: list[Entry], there: str, back: str) -> None:
    told = step(SECOND, *UNWINDING, *entries)
    assert (told.state, told.compensation_state) == (there, back)


def test_what_is_not_owed_is_skipped_by_the_unwind() -> None:
    assert step(THIRD, *UNWINDING) == StepRow(
        state="failed", attempts=1, compensation_state="skipped", compensation_attempts=0
    )
    assert step(LAST, *UNWINDING) == StepRow(
        state="skipped", attempts=0, compensation_state="skipped", compensation_attempts=0
    )


def test_no_compensation_is_left_to_wait_for_once_a_saga_is_completed() -> None:
    assert step(FIRST, *done(*names())).compensation_state == "idle"
    assert step(FIRST, *done(*names()), fact(Kind.SAGA_COMPLETED)).compensation_state == "skipped"


def test_only_the_step_that_stopped_the_saga_is_stuck() -> None:
    stopped = [*UNWINDING, *tries(SECOND, refused, op=COMPENSATION), stuck(SECOND, COMPENSATION)]
    states = [told.state for _, told in row(*stopped).steps]
    assert states == ["done", "stuck", "failed", "skipped", "skipped"]
    undone = [told.compensation_state for _, told in row(*stopped).steps]
    assert undone == ["idle", "stuck", "skipped", "skipped", "skipped"]


def test_attempts_are_counted_in_both_directions() -> None:
    told = step(
        SECOND, *tries(SECOND, failed, ok), *turned(THIRD, SECOND), *tries(SECOND, failed, unknown, ok, op=COMPENSATION)
    )
    assert (told.attempts, told.compensation_attempts) == (2, 3)


def test_a_saga_is_told_by_its_id_phase_and_cause() -> None:
    told = row(*UNWINDING)
    assert (told.saga, told.state) == (SAGA, "compensating")
    assert told.cause == {"step": THIRD, "op": "action", "outcome": "failed", "reason": "declined"}
    assert row().cause is None
    assert project(ORDER, fold([])).state == "pending"


def test_steps_are_told_with_their_index_in_the_definition() -> None:
    assert [index for index, _ in row().steps] == [0, 1, 2, 3, 4]
    assert [told.state for _, told in project(TRIP, fold([started(TRIP), *done("book-flight")])).steps] == [
        "done",
        *["idle"] * 4,
    ]


def test_only_what_changed_is_told_again() -> None:
    before, now = fold([started(), *done(FIRST)]), fold([started(), *done(FIRST), called(SECOND)])
    told = changed(ORDER, before, now)
    assert told is not None
    assert told.steps == ((1, dict(project(ORDER, now).steps)[1]),)
    assert (told.saga, told.state, told.cause, told.moved) == (SAGA, "running", None, False)
    assert changed(ORDER, now, now) is None


@generated
@given(plays)
def test_what_changed_since_any_earlier_state_makes_the_rows_of_the_last_one(play: Play) -> None:
    last = project(play.definition, play.state)
    for state in play.states:
        before, told = project(play.definition, state), changed(play.definition, state, play.state)
        mended = dict(before.steps) | (dict(told.steps) if told else {})
        assert mended == dict(last.steps)
        if told is None or not told.moved:
            assert (before.state, before.cause) == (last.state, last.cause)
        else:
            assert (told.state, told.cause) == (last.state, last.cause)


@generated
@given(plays)
def test_every_state_of_every_saga_has_its_words(play: Play) -> None:
    for state in play.states:
        told = project(play.definition, state)
        assert told.state in SAGA_WORDS
        assert {s.state for _, s in told.steps} | {s.compensation_state for _, s in told.steps} <= STEP_WORDS


@generated
@given(plays)
def test_rule_01_the_last_words_agree_with_the_end(play: Play) -> None:
    words = [told.state for _, told in project(play.definition, play.state).steps]
    if play.state.phase is Phase.COMPLETED:
        assert set(words) == {"done"}
    if play.state.phase is Phase.COMPENSATED:
        assert set(words) <= {"failed", "compensated", "skipped"}
    assert ("stuck" in words) is (play.state.phase is Phase.NEEDS_OPERATOR)
