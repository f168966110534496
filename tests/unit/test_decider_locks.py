"""Parked for a lock: no budget is used, nobody is forgotten, and a place in the line is given back."""

from __future__ import annotations

import pytest

from sagas.decider import Call, Park, advance, ask_again, split
from sagas.definition import Retry
from sagas.entries import Entry, Kind
from sagas.state import Phase, Policy, SagaState
from tests.builders import (
    ACTION,
    NOW,
    ORDER,
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
    scheduled,
    started,
    told,
    tries,
    turned,
    unknown,
)
from tests.simulator import Play

FIRST, SECOND, THIRD, *_ = names()
DEADLINE = NOW + 1000
ONE_TRY = Policy(retry=Retry(max_attempts=1))
PARKED = [started(), *tries(FIRST, queued)]


@pytest.mark.parametrize(("deadline", "until"), [(None, None), (DEADLINE, DEADLINE)])
def test_a_queued_saga_is_parked_until_a_release_or_its_deadline(deadline: int | None, until: int | None) -> None:
    assert after(started(deadline_at=deadline), *tries(FIRST, queued)) == ([], Park(FIRST, until))


def test_a_parked_saga_never_asks_by_itself() -> None:
    assert after(*PARKED, now=NOW + 10**9) == ([], Park(FIRST, None))


def test_a_release_makes_it_ask_again_under_the_same_key() -> None:
    facts, move = split(ask_again(ORDER, fold(PARKED)))
    assert (kinds(facts), facts[0].attempt) == (["attempt-started"], 2)
    assert isinstance(move, Call)
    assert (move.step, move.op, move.attempt, move.key) == (FIRST, ACTION, 2, "saga:ord-8412:reserve-inventory")


@pytest.mark.parametrize("times", [1, 3, 20])
def test_waiting_for_a_lock_uses_no_budget(times: int) -> None:
    play = Play(ORDER, replies={FIRST: ["queued"] * times}, policy=ONE_TRY).run()
    assert play.state.phase is Phase.COMPLETED
    calls = play.state.calls(FIRST, ACTION)
    assert (calls.attempts, calls.failures) == (times + 1, 0)


def test_failures_before_and_after_the_line_share_one_budget() -> None:
    begun = [started(), *tries(FIRST, failed, queued, failed)]
    facts, _ = after(*begun)
    assert (kinds(facts), facts[0].detail["delay_ms"]) == (["retry-scheduled"], 400)
    spent, _ = after(*begun, scheduled(FIRST, 4, NOW), called(FIRST, 4), failed(FIRST, 4))
    assert kinds(spent)[0] == "saga-compensating"


@pytest.mark.parametrize(
    ("interruption", "now", "word"), [([operator("cancel")], NOW, "cancelled"), ([], DEADLINE, "deadline")]
)
def test_rule_10_a_saga_that_turns_while_it_is_queued_gives_its_place_back(
    interruption: list[Entry], now: int, word: str
) -> None:
    facts, move = after(started(deadline_at=DEADLINE), *tries(FIRST, queued), *interruption, now=now)
    assert kinds(facts) == ["saga-compensating", "compensation-owed", "attempt-started"]
    assert facts[0].detail["cause"]["outcome"] == word
    assert isinstance(move, Call)
    assert (move.key, move.action_key) == ("saga:ord-8412:release-inventory", "saga:ord-8412:reserve-inventory")


@pytest.mark.parametrize(("outcome", "owes"), [(refused, True), (failed, True), (unknown, True)])
def test_rule_10_a_place_in_the_line_is_owed_back_unless_the_whole_key_was_refused(outcome: object, owes: bool) -> None:
    facts, _ = after(started(policy=ONE_TRY), *tries(FIRST, queued, outcome))
    assert kinds(facts) == ["saga-compensating", "compensation-owed", "attempt-started"]
    gone, _ = after(started(), *tries(FIRST, queued), called(FIRST, 2), refused(FIRST, 2, whole_key=True))
    assert kinds(gone) == ["saga-compensating", "saga-compensated"]


def test_a_lock_that_is_free_at_last_lets_the_saga_go_on() -> None:
    _, move = after(*PARKED, called(FIRST, 2), ok(FIRST, 2))
    assert isinstance(move, Call)
    assert move.step == SECOND


def test_a_parked_saga_is_asked_again_after_a_crash_and_nothing_is_settled() -> None:
    play = Play(ORDER, [("", "queued"), ("crash", "ok")]).run()
    assert told(play.entries, ORDER)[:3] == [f"{FIRST} 1 queued", f"{FIRST} 2 ok", f"{SECOND} 1 ok"]


def test_a_later_step_can_be_parked_too() -> None:
    begun = [started(), *done(FIRST, SECOND), *tries(THIRD, queued)]
    assert after(*begun) == ([], Park(THIRD, None))
    _, move = split(ask_again(ORDER, fold(begun)))
    assert isinstance(move, Call)
    assert (move.step, move.attempt) == (THIRD, 2)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [called(FIRST)],
        tries(FIRST, failed),
        [*tries(FIRST, queued), called(FIRST, 2)],
        [*tries(FIRST, queued), *turned(FIRST, FIRST, outcome="cancelled")],
        [*tries(FIRST, queued, ok)],
    ],
    ids=["idle", "under-way", "failed", "asking", "turned", "has-it"],
)
def test_a_release_means_nothing_to_a_saga_that_is_not_parked(entries: list[Entry]) -> None:
    assert ask_again(ORDER, fold([started(), *entries])) == ()


def test_a_release_means_nothing_to_a_saga_that_waits_for_a_person() -> None:
    state: SagaState = fold([*PARKED, fact(Kind.SAGA_NEEDS_OPERATOR, reason="no definition")])
    assert ask_again(ORDER, state) == ()
    assert advance(ORDER, state, NOW)[1] == []
