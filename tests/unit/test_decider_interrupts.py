"""Cancel and deadline: when they turn a saga, and when they come too late or change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagas.decider import Call, Rest, Settle, Wait, decide
from sagas.entries import Entry, Kind, Op
from sagas.operators import heeds
from sagas.state import Phase
from tests.builders import (
    ACTION,
    COMPENSATION,
    NOW,
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
    refused,
    scheduled,
    settled,
    started,
    stuck,
    told,
    tries,
    turned,
    unknown,
)
from tests.simulator import Play

FIRST, SECOND, THIRD, FOURTH, LAST = names()
DEADLINE = NOW + 1000
BEGUN = started(deadline_at=DEADLINE)
CANCEL = operator("cancel")
UNWINDING = [BEGUN, *done(FIRST, SECOND), *tries(THIRD, refused), *turned(THIRD, SECOND, FIRST)]
SETTLING = [BEGUN, *done(*names()), fact(Kind.SETTLEMENT_OWED, steps=[FIRST, SECOND])]
REASONS = {"cancelled": "an operator cancelled the saga", "deadline": "the saga's deadline has passed"}


@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize(("interruption", "now", "word"), [([CANCEL], NOW, "cancelled"), ([], DEADLINE, "deadline")])
def test_between_two_steps_a_cancel_or_the_deadline_turns_the_saga(
    n: int, interruption: list[Entry], now: int, word: str
) -> None:
    facts, _ = after(BEGUN, *done(*names()[:n]), *interruption, now=now)
    assert facts[0].detail["cause"] == {"step": names()[n], "op": "action", "outcome": word, "reason": REASONS[word]}
    assert [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED] == names()[:n][::-1]


@pytest.mark.parametrize(("now", "turns"), [(DEADLINE - 1, False), (DEADLINE, True), (DEADLINE + 1, True)])
def test_the_deadline_counts_from_its_very_millisecond(now: int, turns: bool) -> None:
    facts, _ = after(BEGUN, *done(FIRST), now=now)
    assert ("saga-compensating" in kinds(facts)) is turns


def test_without_a_deadline_no_moment_is_too_late() -> None:
    facts, _ = after(started(), *done(FIRST), now=NOW + 10**12)
    assert kinds(facts) == ["attempt-started"]


@pytest.mark.parametrize("interruption", [[CANCEL], []])
def test_rule_20_a_call_under_way_is_waited_for_before_the_saga_turns(interruption: list[Entry]) -> None:
    begun = [BEGUN, *done(FIRST), called(SECOND), *interruption]
    assert decide(ORDER, fold(begun), DEADLINE) == ()
    facts, _ = after(*begun, unknown(SECOND), now=DEADLINE)
    assert [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED] == [SECOND, FIRST]


def test_a_wait_for_a_retry_ends_at_the_deadline_if_that_is_sooner() -> None:
    begun = [BEGUN, *tries(FIRST, failed)]
    assert after(*begun, scheduled(FIRST, 2, DEADLINE + 500)) == ([], Wait(DEADLINE))
    assert after(*begun, scheduled(FIRST, 2, DEADLINE - 500)) == ([], Wait(DEADLINE - 500))
    facts, _ = after(*begun, scheduled(FIRST, 2, DEADLINE + 500), now=DEADLINE)
    assert kinds(facts) == ["saga-compensating", "saga-compensated"]


def test_a_cancel_does_not_wait_for_a_retry_to_be_due() -> None:
    facts, _ = after(BEGUN, *tries(FIRST, unknown), scheduled(FIRST, 2, NOW + 500), CANCEL)
    assert kinds(facts)[:2] == ["saga-compensating", "compensation-owed"]


@pytest.mark.parametrize("interruption", [[], [CANCEL], [CANCEL, CANCEL]])
@pytest.mark.parametrize("now", [NOW, DEADLINE, DEADLINE + 10_000])
def test_rule_23_after_the_last_success_neither_cancel_nor_deadline_acts(interruption: list[Entry], now: int) -> None:
    last = [BEGUN, *done(*names()), *interruption]
    facts, move = after(*last, now=now)
    assert (kinds(facts), type(move)) == (["settlement-owed"], Settle)
    told_one = [*SETTLING, *interruption, settled(FIRST)]
    assert after(*told_one, now=now) == ([], Settle(SECOND, "saga:ord-8412:settle-orders"))
    end, _ = after(*told_one, settled(SECOND), now=now)
    assert kinds(end) == ["saga-completed"]


@pytest.mark.parametrize("first", ["success", "interruption"])
@pytest.mark.parametrize(("interruption", "now"), [([CANCEL], NOW), ([], DEADLINE)])
def test_rule_23_between_the_last_success_and_an_interruption_there_is_one_winner(
    first: str, interruption: list[Entry], now: int
) -> None:
    begun = [BEGUN, *done(*names()[:-1])]
    if first == "success":
        facts, _ = after(*begun, called(LAST), *interruption, ok(LAST), now=now)
        assert kinds(facts) == ["settlement-owed"]
    else:
        facts, _ = after(*begun, *interruption, now=now)
        assert "saga-compensating" in kinds(facts)
        assert "settlement-owed" not in kinds(facts)


@pytest.mark.parametrize("at", range(1, 14))
@pytest.mark.parametrize("deadline_ms", [None, 75])
def test_rule_23_nothing_interrupts_an_unwind(at: int, deadline_ms: int | None) -> None:
    replies = {LAST: ["refused"], "recall-pick": ["error", "error"], "cancel-order": ["lost"]}
    calm = Play(ORDER, replies=replies).run()
    script = [("", "ok")] * 5 + [("", "ok")] * at + [("cancel", "ok"), ("cancel", "ok")]
    play = Play(ORDER, script, replies=replies, deadline_ms=deadline_ms).run()
    words = [word for word in told(play.entries, ORDER) if word != "operator-acted"]
    assert words == told(calm.entries, ORDER)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [called(SECOND, 1, COMPENSATION)],
        tries(SECOND, failed, op=COMPENSATION),
        done(SECOND, op=COMPENSATION),
        [*tries(SECOND, refused, op=COMPENSATION), stuck(SECOND, COMPENSATION)],
        [*done(SECOND, FIRST, op=COMPENSATION), fact(Kind.SAGA_COMPENSATED)],
    ],
    ids=["owed", "under-way", "failed", "half", "needs-operator", "compensated"],
)
def test_rule_23_cancel_and_deadline_change_no_move_of_an_unwind(entries: list[Entry]) -> None:
    unwinding = [*UNWINDING, *entries]
    calm = decide(ORDER, fold([started(), *unwinding[1:]]), DEADLINE)
    assert decide(ORDER, fold([*unwinding, CANCEL]), DEADLINE) == calm
    assert decide(ORDER, fold([*unwinding, CANCEL, CANCEL]), DEADLINE) == calm


@pytest.mark.parametrize("n", range(6))
def test_rule_23_a_second_cancel_changes_no_move(n: int) -> None:
    once = [BEGUN, *done(*names()[:n]), CANCEL]
    assert decide(ORDER, fold([*once, CANCEL]), NOW) == decide(ORDER, fold(once), NOW)


def test_rule_23_a_cancel_after_the_turn_leaves_the_first_cause() -> None:
    assert fold([*UNWINDING, CANCEL]).cause == fold(UNWINDING).cause


@pytest.mark.parametrize(
    ("entries", "phase"),
    [
        ([*SETTLING, settled(FIRST), settled(SECOND), fact(Kind.SAGA_COMPLETED)], Phase.COMPLETED),
        ([BEGUN, *tries(FIRST, refused), *turned(FIRST), fact(Kind.SAGA_COMPENSATED)], Phase.COMPENSATED),
    ],
)
def test_a_cancel_after_the_end_leaves_the_end(entries: list[Entry], phase: Phase) -> None:
    assert fold([*entries, CANCEL]).phase is phase
    assert after(*entries, CANCEL, now=DEADLINE) == ([], Rest())


def test_a_cancelled_saga_whose_unwind_stopped_goes_on_backward_after_the_retry() -> None:
    stopped = [*UNWINDING, *tries(SECOND, refused, op=COMPENSATION), stuck(SECOND, COMPENSATION)]
    facts, move = after(*stopped, CANCEL, operator("retry"), now=DEADLINE)
    assert isinstance(move, Call)
    assert (kinds(facts), move.step, move.op) == (["attempt-started"], SECOND, COMPENSATION)


@pytest.mark.parametrize(
    "entries",
    [[*UNWINDING, *tries(SECOND, refused, op=COMPENSATION), stuck(SECOND, COMPENSATION)], [*SETTLING, stuck("", None)]],
    ids=["backward", "settling"],
)
@pytest.mark.parametrize("interruption", [[], [CANCEL]])
def test_rule_30_a_saga_that_waits_for_a_person_keeps_what_it_holds(
    entries: list[Entry], interruption: list[Entry]
) -> None:
    assert after(*entries, *interruption, now=DEADLINE + 10**9) == ([], Rest())


def given_up(step: str, n: int = 1, op: Op = ACTION) -> list[Entry]:
    return [replace(operator("fail"), step=step, op=op), unknown(step, n, op)]


def test_rule_34_a_step_that_is_failed_while_it_runs_counts_as_unknown_and_is_undone_first() -> None:
    facts, move = after(started(), *done(FIRST, SECOND), called(THIRD), *given_up(THIRD))
    assert facts[0].detail["cause"]["outcome"] == "unknown"
    assert [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED] == [THIRD, SECOND, FIRST]
    assert (move.step, move.op) == (THIRD, COMPENSATION)


def test_a_step_is_failed_only_by_name_and_while_it_is_called() -> None:
    called_third, this = fold([started(), *done(FIRST, SECOND), called(THIRD)]), {"step": THIRD, "op": "action"}
    assert heeds(ORDER, called_third, "fail", this)
    between = fold([started(), *done(FIRST, SECOND)])
    refused_ones = [(called_third, {}), (called_third, {**this, "step": SECOND}), (between, this), (between, {})]
    assert not any(heeds(ORDER, state, "fail", about) for state, about in refused_ones)


def test_a_compensation_that_is_failed_waits_for_a_person_who_may_grant_it_a_fresh_budget() -> None:
    history = [*UNWINDING, called(SECOND, 1, COMPENSATION), *given_up(SECOND, 1, COMPENSATION)]
    facts, move = after(*history)
    assert (kinds(facts), move) == (["saga-needs-operator"], Rest())
    again, call = after(*history, *facts, operator("retry"))
    assert (kinds(again), call.attempt) == (["attempt-started"], 2)


@pytest.mark.parametrize(("n", "reason"), [(2, "whether the point of no return was passed"), (3, "after the point")])
def test_from_the_point_of_no_return_on_a_failed_step_is_a_persons_to_decide_upon(n: int, reason: str) -> None:
    steps = names(TRIP)
    facts, move = after(started(TRIP), *done(*steps[:n]), called(steps[n]), *given_up(steps[n]), definition=TRIP)
    assert (kinds(facts), move) == (["saga-needs-operator"], Rest())
    assert reason in facts[0].detail["reason"]
