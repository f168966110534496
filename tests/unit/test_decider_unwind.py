"""The turn and the unwind: what is owed, in which order, and what ends it."""

from __future__ import annotations

import pytest

from sagas.decider import Call, Rest, advance, settle_open
from sagas.definition import Retry
from sagas.entries import Entry, Kind, Op
from sagas.state import Phase, Policy, evolve
from tests.builders import (
    ACTION,
    COMPENSATION,
    ORDER,
    TRIP,
    after,
    called,
    done,
    fact,
    failed,
    fold,
    kinds,
    names,
    ok,
    operator,
    queued,
    refused,
    started,
    told,
    tries,
    turned,
    unknown,
)
from tests.simulator import Play

FIRST, SECOND, THIRD, FOURTH, LAST = names()
UNDO = {step.name: step.compensation_name for step in ORDER.steps}
FAILED_AT_FOURTH = [
    started(),
    *done(FIRST, SECOND, THIRD),
    *tries(FOURTH, refused),
    *turned(FOURTH, THIRD, SECOND, FIRST),
]


def whole_key(step: str, n: int, op: Op) -> Entry:
    return refused(step, n, op, whole_key=True)


def owed_after(*entries: Entry) -> list[str]:
    facts, _ = after(started(policy=Policy(retry=Retry(max_attempts=2))), *entries)
    return [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED]


@pytest.mark.parametrize("n", range(5))
def test_rule_20_compensations_run_in_reverse_one_at_a_time(n: int) -> None:
    play = Play(ORDER, replies={names()[n]: ["refused"]}).run()
    undone = names()[:n][::-1]
    assert told(play.entries, ORDER) == [
        *(f"{name} 1 ok" for name in names()[:n]),
        f"{names()[n]} 1 failed",
        f"saga-compensating {names()[n]}",
        *(f"compensation-owed {UNDO[name]}" for name in undone),
        *(f"{UNDO[name]} 1 ok" for name in undone),
        "saga-compensated",
    ]


def test_rule_05_the_turn_what_it_owes_and_the_first_intent_are_one_commit() -> None:
    facts, move = after(started(), *done(FIRST, SECOND), *tries(THIRD, refused))
    assert kinds(facts) == ["saga-compensating", "compensation-owed", "compensation-owed", "attempt-started"]
    assert [e.key for e in facts[1:]] == [
        "saga:ord-8412:cancel-order",
        "saga:ord-8412:release-inventory",
        "saga:ord-8412:cancel-order",
    ]
    assert isinstance(move, Call)
    assert (move.step, move.op, move.attempt) == (SECOND, COMPENSATION, 1)


@pytest.mark.parametrize(("outcome", "word"), [(refused, "failed"), (unknown, "unknown")])
def test_rule_03_the_turn_names_its_cause(outcome: object, word: str) -> None:
    facts, _ = after(started(policy=Policy(retry=Retry(max_attempts=1))), *done(FIRST), *tries(SECOND, outcome))
    reason = {"failed": "declined", "unknown": "no answer"}[word]
    assert facts[0].detail == {"cause": {"step": SECOND, "op": "action", "outcome": word, "reason": reason}}


@pytest.mark.parametrize(
    ("outcomes", "owed"),
    [
        ((refused,), [FIRST]),
        ((failed, failed), [FIRST]),
        ((failed, refused), [FIRST]),
        ((failed, unknown), [SECOND, FIRST]),
        ((unknown, failed), [SECOND, FIRST]),
        ((unknown, unknown), [SECOND, FIRST]),
    ],
)
def test_rule_10_a_step_is_owed_if_any_attempt_got_no_answer_and_not_if_all_failed(
    outcomes: tuple, owed: list[str]
) -> None:
    assert owed_after(*done(FIRST), *tries(SECOND, *outcomes)) == owed


def test_rule_09_a_later_refusal_does_not_clear_an_unknown() -> None:
    assert owed_after(*done(FIRST), *tries(SECOND, unknown, refused)) == [SECOND, FIRST]


def test_rule_09_a_refusal_for_the_whole_key_does() -> None:
    assert owed_after(*done(FIRST), *tries(SECOND, unknown, whole_key)) == [FIRST]


def test_rule_10_a_step_that_was_never_sent_is_never_compensated() -> None:
    play = Play(ORDER, replies={SECOND: ["refused"]}).run()
    touched = {e.step for e in play.entries if e.op is COMPENSATION}
    assert touched == {FIRST}


@pytest.mark.parametrize("outcome", [refused, whole_key])
def test_rule_01_a_saga_whose_first_step_was_refused_is_compensated_at_once(outcome: object) -> None:
    facts, move = after(started(), *tries(FIRST, outcome))
    assert (kinds(facts), move) == (["saga-compensating", "saga-compensated"], Rest())


def test_rule_13_a_compensation_is_asked_alike_whether_or_not_the_action_was_answered() -> None:
    heard = after(started(), *done(FIRST), *tries(SECOND, refused))[1]
    never_heard = after(started(), *tries(FIRST, unknown, unknown, unknown))[1]
    assert heard == never_heard
    assert isinstance(heard, Call)
    assert (heard.key, heard.action_key) == ("saga:ord-8412:release-inventory", "saga:ord-8412:reserve-inventory")


@pytest.mark.parametrize("settled", [[], [THIRD], [THIRD, SECOND], [THIRD, SECOND, FIRST]])
def test_rule_03_compensated_needs_a_success_for_each_owed_compensation(settled: list[str]) -> None:
    facts, move = after(*FAILED_AT_FOURTH, *done(*settled, op=COMPENSATION))
    if len(settled) == 3:
        assert (kinds(facts), move) == (["saga-compensated"], Rest())
    else:
        assert kinds(facts) == ["attempt-started"]
        assert facts[0].step == [THIRD, SECOND, FIRST][len(settled)]


@pytest.mark.parametrize("outcome", [failed, refused, unknown])
def test_rule_03_nothing_but_a_success_counts_as_undone(outcome: object) -> None:
    facts, _ = after(*FAILED_AT_FOURTH, *done(THIRD, SECOND, op=COMPENSATION), *tries(FIRST, outcome, op=COMPENSATION))
    assert "saga-compensated" not in kinds(facts)


@pytest.mark.parametrize("op", Op)
def test_rule_20_no_compensation_starts_while_an_attempt_awaits_its_answer(op: Op) -> None:
    waiting = [*FAILED_AT_FOURTH, called(SECOND, 1, COMPENSATION)] if op is COMPENSATION else [
        started(), *done(FIRST, SECOND), called(THIRD), *turned(THIRD, SECOND, FIRST, outcome="cancelled")
    ]  # fmt: skip
    assert after(*waiting) == ([], None)


@pytest.mark.parametrize(
    ("outcome", "is_owed"), [(ok, True), (unknown, True), (queued, True), (failed, False), (whole_key, False)]
)
def test_rule_12_what_arrives_during_the_unwind_is_recorded_and_compensated(outcome: object, is_owed: bool) -> None:
    turn_while_open = [started(), *done(FIRST), called(SECOND), *turned(SECOND, FIRST, outcome="cancelled")]
    facts, move = after(*turn_while_open, outcome(SECOND, 1, ACTION))
    assert isinstance(move, Call)
    assert (kinds(facts)[:-1], move.step) == ((["compensation-owed"], SECOND) if is_owed else ([], FIRST))


def test_rule_12_a_late_success_is_owed_at_once_but_waits_for_the_compensation_under_way() -> None:
    begun = [started(), *done(FIRST), *turned(SECOND, FIRST), called(FIRST, 1, COMPENSATION)]
    facts, move = after(*begun, ok(SECOND))
    assert (kinds(facts), facts[0].step, move) == (["compensation-owed"], SECOND, None)
    following, call = after(*begun, ok(SECOND), *facts, ok(FIRST, 1, COMPENSATION))
    assert isinstance(call, Call)
    assert (kinds(following), call.step, call.op) == (["attempt-started"], SECOND, COMPENSATION)


def test_rule_12_a_late_success_that_was_owed_already_is_not_owed_twice() -> None:
    begun = [started(), *done(FIRST), *tries(SECOND, unknown), *turned(SECOND, SECOND, FIRST)]
    facts, _ = after(*begun, ok(SECOND))
    assert kinds(facts) == ["attempt-started"]


@pytest.mark.parametrize("budget", [1, 2, 4])
@pytest.mark.parametrize("outcome", ["error", "lost", "lost-reply"])
def test_rule_22_a_compensation_has_a_budget_of_its_own_and_spent_it_needs_an_operator(
    outcome: str, budget: int
) -> None:
    policy = Policy(retry=Retry(max_attempts=3), compensation_retry=Retry(max_attempts=budget))
    replies = {FOURTH: ["error"] * 3, "cancel-order": [outcome] * 20}
    play = Play(ORDER, replies=replies, policy=policy).run()
    assert play.state.calls(SECOND, COMPENSATION).attempts == budget
    assert (play.state.phase, play.state.calls(FIRST, COMPENSATION).attempts) == (Phase.NEEDS_OPERATOR, 0)
    stop = play.entries[-1]
    assert (stop.kind, stop.step, stop.op) == (Kind.SAGA_NEEDS_OPERATOR, SECOND, COMPENSATION)
    reason = "broken" if outcome == "error" else "no answer"
    assert stop.detail == {"reason": f"cancel-order failed {budget} times: {reason}"}


def test_rule_30_what_is_older_than_the_step_that_is_stuck_stays_as_it_is() -> None:
    play = Play(ORDER, replies={FOURTH: ["refused"], "refund-payment": ["error"] * 9}).run()
    assert play.state.phase is Phase.NEEDS_OPERATOR
    assert play.world.effects == {FIRST, SECOND, THIRD}


def test_rule_22_a_refused_compensation_needs_an_operator_at_once() -> None:
    facts, move = after(*FAILED_AT_FOURTH, *tries(THIRD, refused, op=COMPENSATION))
    assert (kinds(facts), move) == (["saga-needs-operator"], Rest())


def test_rule_22_a_step_of_a_trip_may_have_less_patience_than_the_run() -> None:
    play = Play(TRIP, replies={"book-hotel": ["refused"], "cancel-flight": ["error"] * 9}).run()
    assert play.state.calls("book-flight", COMPENSATION).attempts == 2
    assert play.state.phase is Phase.NEEDS_OPERATOR


def test_rule_22_an_operators_retry_grants_a_fresh_budget_at_that_very_step() -> None:
    replies = {FOURTH: ["refused"], "cancel-order": ["error"] * 7}
    play = Play(ORDER, replies=replies).run()
    play.put(operator("retry"))
    told_before = len(play.entries)
    play.run()
    assert told(play.entries[told_before:], ORDER) == [
        *(f"cancel-order {n} failed" for n in (5, 6, 7)),
        "cancel-order 8 ok",
        "release-inventory 1 ok",
        "saga-compensated",
    ]


def test_rule_03_the_cause_outlives_a_failed_unwind_and_its_repair() -> None:
    play = Play(ORDER, replies={FOURTH: ["refused"], "cancel-order": ["error"] * 4}).run()
    cause = {"step": FOURTH, "op": "action", "outcome": "failed", "reason": "declined"}
    assert (play.state.phase, play.state.cause) == (Phase.NEEDS_OPERATOR, cause)
    play.put(operator("retry"))
    assert (play.run().state.phase, play.state.cause) == (Phase.COMPENSATED, cause)


@pytest.mark.parametrize("crash_at", range(12))
def test_rule_06_after_a_crash_settled_compensations_are_not_called_again(crash_at: int) -> None:
    script = [("", "ok")] * crash_at + [("crash", "ok")]
    play = Play(ORDER, script, replies={LAST: ["refused"] * 2}).run()
    calls = [(e.step, e.kind) for e in play.entries if e.op is COMPENSATION]
    for step in names()[:4]:
        after_success = calls[calls.index((step, Kind.ATTEMPT_SUCCEEDED)) + 1 :]
        assert (step, Kind.ATTEMPT_STARTED) not in after_success
    assert play.state.phase is Phase.COMPENSATED


@pytest.mark.parametrize("op", Op)
def test_rule_08_an_attempt_whose_driver_died_is_unknown(op: Op) -> None:
    entries = (
        [*FAILED_AT_FOURTH, called(THIRD, 1, op, "k")] if op is COMPENSATION else [started(), called(THIRD, 1, op, "k")]
    )
    state = fold(entries)
    assert settle_open(state, "died") == [fact(Kind.ATTEMPT_UNKNOWN, THIRD, op, 1, "k", reason="died")]
    settled = evolve(state, settle_open(state, "died")[0])
    assert settle_open(settled, "died") == []
    assert settled.calls(THIRD, op).unknown


def test_rule_06_after_a_crash_the_unwind_goes_on_at_the_first_unsettled_compensation() -> None:
    begun = [*FAILED_AT_FOURTH, *done(THIRD, op=COMPENSATION), called(SECOND, 1, COMPENSATION)]
    state = fold([*begun, *settle_open(fold(begun), "died")])
    _, facts, _ = advance(ORDER, state, 0)
    assert [(e.kind, e.step, e.op) for e in facts] == [(Kind.RETRY_SCHEDULED, SECOND, COMPENSATION)]
