"""A loop for engines elsewhere: the driver's rules as plain values, one job after another, the same each time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagas.definition import SagaDefinition
from sagas.engines.jobs import Do
from sagas.engines.told import definition_from_json, definition_to_json
from sagas.entries import Kind
from sagas.language import sentence_violations
from tests.builders import NOW, ORDER, TRIP, names
from tests.elsewhere import MOST_ROUNDS, Elsewhere, step_of, travelled


def test_a_saga_completes_and_its_run_is_finished_last() -> None:
    played = Elsewhere().run()
    assert played.states == ["completed"]
    assert played.calls() == names()
    assert [job.do for job in played.done[-4:]] == [Do.SETTLE, Do.APPEND, Do.SWEEP, Do.APPEND]
    assert played.entries[-1].kind is Kind.RUN_FINISHED


@pytest.mark.parametrize("failing", names())
def test_a_refusal_is_undone_in_reverse(failing: str) -> None:
    played = Elsewhere(replies={failing: ["refused"]}).run()
    before = names()[: names().index(failing)]
    undone = [ORDER.step(step).compensation_name for step in reversed(before)]
    assert played.states == ["compensated"]
    assert played.calls() == [*before, failing, *undone]


def test_nothing_is_called_before_its_intent_is_durable() -> None:
    played = Elsewhere()
    (append,) = played.think()
    assert append.do is Do.APPEND
    assert [e["kind"] for e in append.what["entries"]] == ["attempt-started"]
    assert played.think() == []
    played.step()
    assert [job.do for job in played.think()] == [Do.ATTEMPT]


def test_a_retry_waits_for_its_moment() -> None:
    played = Elsewhere(replies={"create-order": ["error"]}, retry={"initial_ms": 700})
    played.until(Do.ATTEMPT, "create-order")
    played.until(Do.APPEND)
    assert played.think() == []
    assert played.loop.until == next(e for e in played.entries if e.kind is Kind.RETRY_SCHEDULED).detail["due_at"]
    assert played.run().states == ["completed"]


def test_rule_22_a_compensation_has_a_budget_of_its_own_and_a_person_gives_it_a_new_one() -> None:
    broken = {"book-delivery": ["refused"], "refund-payment": ["error"] * 4}
    played = Elsewhere(replies=broken, compensation_retry={"max_attempts": 4, "initial_ms": 5}).run()
    assert played.states == ["needs-operator"]
    assert played.calls().count("refund-payment") == 4
    played.ask(7, "retry", "world-1")
    assert not played.loop.rests
    assert played.run().states == ["compensated"]
    assert played.refusals == {7: ""}
    assert [e.kind for e in played.entries].count(Kind.RUN_FINISHED) == 2


def test_what_makes_no_sense_is_refused_with_a_reason_and_changes_nothing() -> None:
    played = Elsewhere().run()
    last = len(played.entries)
    played.ask(1, "retry", "world-1")
    played.ask(2, "pause")
    played.run()
    assert played.refusals == {1: "no saga is in a state in which this makes sense", 2: "the run is finished"}
    assert len(played.entries) == last


def test_what_is_asked_twice_is_done_once() -> None:
    played = Elsewhere()
    for _ in range(2):
        played.ask(3, "cancel")
    assert played.run().states == ["compensated"]
    assert [e.detail["action"] for e in played.entries if e.kind is Kind.OPERATOR_ACTED] == ["cancel"]


def test_a_cancel_turns_a_saga_that_waits_to_try_again() -> None:
    played = Elsewhere(replies={"charge-payment": ["error"]}, retry={"initial_ms": 60_000, "max_ms": 60_000})
    played.until(Do.ATTEMPT, "charge-payment")
    played.until(Do.APPEND)
    played.ask(4, "cancel")
    played.run()
    assert played.states == ["compensated"]
    assert played.now < NOW + 60_000
    assert played.calls()[-2:] == ["cancel-order", "release-inventory"]


def test_a_paused_run_begins_nothing_but_what_a_step_lets_pass() -> None:
    played = Elsewhere()
    played.ask(1, "pause")
    while played.step() is not None:
        pass
    assert played.calls() == []
    assert played.loop.until is None
    played.ask(2, "step")
    while played.step() is not None:
        pass
    assert played.calls() == ["reserve-inventory"]
    played.ask(3, "resume")
    assert played.run().states == ["completed"]


def test_a_deadline_passes_during_a_pause() -> None:
    played = Elsewhere(deadline_ms=5000)
    played.until(Do.ATTEMPT, "create-order")
    played.ask(1, "pause")
    while played.now < NOW + 5000:
        played.step()
    while played.step() is not None:
        pass
    assert played.loop.states["world-1"].phase == "compensating"
    assert played.calls() == ["reserve-inventory", "create-order"]
    played.ask(2, "resume")
    assert played.run().states == ["compensated"]


def test_a_settlement_is_told_until_it_is_answered() -> None:
    played = Elsewhere(replies={"reserve-inventory": ["ok", "silent", "silent"]}).run()
    assert played.states == ["completed"]
    assert [step_of(j) for j in played.done if j.do is Do.SETTLE] == ["reserve-inventory"] * 3 + ["create-order"]
    assert played.now >= NOW + 600


def test_a_lock_is_taken_away_only_once_that_is_durable() -> None:
    broken = {"create-order": ["refused"], "release-inventory": ["error"]}
    played = Elsewhere(replies=broken, compensation_retry={"max_attempts": 1}).run()
    assert played.states == ["needs-operator"]
    played.ask(5, "release-lock", "world-1", record="unit-1")
    played.ask(6, "retry", "world-1")
    played.run()
    tail = [job for job in played.done if job.do in (Do.TAKE_AWAY, Do.APPEND)]
    taken = next(n for n, job in enumerate(tail) if job.do is Do.TAKE_AWAY)
    assert [e["detail"]["action"] for e in tail[taken - 1].what["entries"]] == ["release-lock"]
    assert dict(tail[taken].what) == {"of": "world-1", "record": "unit-1"}
    assert played.states == ["compensated"]
    assert played.refusals == {5: "", 6: ""}


def test_whoever_waits_in_line_asks_again_after_a_release() -> None:
    played = Elsewhere(orders=2, replies={"reserve-inventory": ["ok", "queued"]}, lock="wait")
    first, second = played.loop.states
    while not any(e.kind is Kind.LOCK_DENIED for e in played.entries):
        played.step()
    assert played.run().states == ["completed", "completed"]
    settled = next(n for n, j in enumerate(played.done) if j.do is Do.SETTLE)
    again = [n for n, j in enumerate(played.done) if step_of(j) == "reserve-inventory" and j.saga == second]
    assert first != second
    assert [n > settled for n in again if played.done[n].do is Do.ATTEMPT] == [False, True]


def test_whoever_waits_in_line_for_one_that_is_stuck_lets_the_run_be_finished() -> None:
    replies = {"reserve-inventory": ["ok", "queued"], "create-order": ["refused"], "release-inventory": ["error"]}
    played = Elsewhere(orders=2, replies=replies, compensation_retry={"max_attempts": 1}, lock="wait").run()
    assert played.states == ["needs-operator", "running"]


def test_rule_31_nobody_writes_before_all_have_looked() -> None:
    played = Elsewhere(orders=3, looks_first=True, lock="off").run()
    first = [job.do for job in played.done if step_of(job) == "reserve-inventory" and job.do is not Do.SETTLE]
    assert first == [Do.LOOK] * 3 + [Do.ATTEMPT] * 3


def test_a_list_of_moves_says_who_goes_next() -> None:
    played = Elsewhere(orders=2, schedule=[1, 1, 0, 1, 0, 0]).run()
    sagas = [job.saga for job in played.done if job.do is Do.ATTEMPT]
    assert sagas[:6] == ["world-2", "world-2", "world-1", "world-2", "world-1", "world-1"]
    assert played.states == ["completed", "completed"]


def test_a_pivot_that_nobody_knows_of_waits_for_a_person() -> None:
    played = Elsewhere(TRIP, replies={"charge-card": ["lost"] * 3}, retry={"max_attempts": 3, "initial_ms": 1}).run()
    assert played.states == ["needs-operator"]
    assert played.calls() == ["book-flight", "book-hotel"] + ["charge-card"] * 3


REPLIES = ("ok", "ok", "ok", "lost", "lost-reply", "error", "refused")
CALLED = [*names(), *(step.compensation_name for step in ORDER.steps)]


@settings(max_examples=60, deadline=None)
@given(
    orders=st.integers(1, 3),
    replies=st.dictionaries(st.sampled_from(CALLED), st.lists(st.sampled_from(REPLIES), max_size=4)),
    picks=st.lists(st.integers(0, 5), max_size=60),
    cancel=st.none() | st.integers(0, 40),
)
def test_whatever_is_answered_in_whatever_order_the_rules_hold_and_a_replay_asks_for_the_same(
    orders: int, replies: dict[str, list[str]], picks: list[int], cancel: int | None
) -> None:
    played = Elsewhere(orders=orders, replies=replies, picks=picks, retry={"initial_ms": 3})
    said = []
    for n in range(MOST_ROUNDS):
        if played.loop.rests:
            break
        if n == cancel:
            played.ask(1, "cancel")
        job = played.step()
        said.append(None if job is None else job.to_json())
    assert played.loop.rests
    assert sentence_violations(played.entries, ORDER) == []
    assert {*played.states} <= {"completed", "compensated", "needs-operator"}
    again = Elsewhere(orders=orders, replies=replies, picks=picks, retry={"initial_ms": 3})
    for n, was in enumerate(said):
        if n == cancel:
            again.ask(1, "cancel")
        job = again.step()
        assert (None if job is None else job.to_json()) == was


def test_a_loop_that_begins_in_the_middle_goes_on_from_there() -> None:
    whole = Elsewhere(replies={"book-delivery": ["refused"]}).run()
    turn = next(e.seq for e in whole.entries if e.kind is Kind.SAGA_COMPENSATING)
    rest = Elsewhere(journal=whole.entries[: turn + 4]).run()
    assert [e.kind for e in rest.entries] == [e.kind for e in whole.entries]
    assert rest.calls() == whole.calls()[5:]


@pytest.mark.parametrize("definition", [ORDER, TRIP])
def test_a_definition_that_hastravelled_decides_the_same_and_calls_nothing(definition: SagaDefinition) -> None:
    there = definition_from_json(travelled(definition_to_json(definition)))
    assert definition_to_json(there) == definition_to_json(definition)
    with pytest.raises(TypeError, match="handlers are at the desk"):
        there.steps[0].action()


def test_neither_loop_nor_desk_brings_along_a_driver_or_the_loop_django() -> None:
    code = (
        "import sys; import sagas.engines.loop; pure = {m.partition('.')[0] for m in sys.modules};"
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'playground.settings'; import django; django.setup();"
        "import sagas.engines.desk; print('django' in pure, [m for m in"
        " ('sagas.orchestrator', 'sagas.worker') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "[]"]
