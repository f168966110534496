"""Forward: from the first call to the settlement, with every wait in between."""

from __future__ import annotations

from statistics import mean

import pytest

from sagas.decider import Append, Call, Rest, Settle, Wait, decide, delay_ms, key_of, split
from sagas.definition import Retry, SagaDefinition
from sagas.entries import Kind
from sagas.state import AT_REST, Phase, Policy, SagaState
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
    undoable,
    unknown,
)
from tests.simulator import Play

FIRST, SECOND, *_, LAST = names()
JITTER = Retry(jitter=True)


def test_a_saga_goes_through_its_steps_settles_its_locks_and_is_completed() -> None:
    play = Play().run()
    successes = [f"{name} 1 ok" for name in names()]
    settlement = ["lock-released reserve-inventory", "lock-released create-order", "saga-completed"]
    assert told(play.entries, ORDER) == [*successes, *settlement]


def test_a_saga_with_a_pivot_and_without_locks_is_completed_likewise() -> None:
    assert told(Play(TRIP).run().entries, TRIP) == [*(f"{name} 1 ok" for name in names(TRIP)), "saga-completed"]


@pytest.mark.parametrize("n", range(5))
def test_rule_04_the_intent_of_a_call_is_committed_before_the_call(n: int) -> None:
    facts, move = after(started(), *done(*names()[:n]))
    step = names()[n]
    key = f"saga:ord-8412:{step}"
    assert facts == [called(step, key=key)]
    assert move == Call(step=step, op=ACTION, attempt=1, key=key, action_key=key, timeout_ms=1000)


@pytest.mark.parametrize("n", range(5))
def test_rule_20_nothing_is_called_while_an_attempt_awaits_its_answer(n: int) -> None:
    waiting = fold([started(deadline_at=NOW), *done(*names()[:n]), called(names()[n]), operator("cancel")])
    assert decide(ORDER, waiting, NOW + 10_000) == ()


@pytest.mark.parametrize(("phase"), sorted(AT_REST))
def test_a_saga_at_rest_stays_there(phase: Phase) -> None:
    assert decide(ORDER, SagaState(phase=phase, cancelled=True, deadline_at=0), NOW) == (Rest(),)


def test_how_long_to_wait_for_an_answer_is_the_steps_own_or_the_runs() -> None:
    begun = started(TRIP, policy=Policy(timeout_ms=77))
    for entries, timeout in (([], 77), (done("book-flight", "book-hotel"), 2000)):
        _, move = after(begun, *entries, definition=TRIP)
        assert isinstance(move, Call)
        assert move.timeout_ms == timeout


def test_rule_19_a_key_names_order_step_and_direction_and_never_the_attempt() -> None:
    script = [("", "error"), ("", "ok"), ("crash", "lost-reply"), ("", "ok"), ("", "ok")]
    replies = {"notify-warehouse": ["refused"], "refund-payment": ["error"] * 4}
    play = Play(ORDER, [*script, *[("", "ok")] * 20], replies=replies).run()
    attempts = [e for e in play.entries if e.kind is Kind.ATTEMPT_STARTED]
    assert {(e.step, e.op, e.key) for e in attempts} == {
        *((name, ACTION, f"saga:ord-8412:{name}") for name in names()[:4]),
        *((s.name, COMPENSATION, f"saga:ord-8412:{s.compensation_name}") for s in ORDER.steps[:3]),
    }
    assert play.state.calls("charge-payment", COMPENSATION).attempts == 5
    assert play.state.calls("reserve-inventory", ACTION).attempts == 3


def test_a_key_without_the_step_still_leaves_the_barrier_its_own() -> None:
    begun = started(policy=Policy(key_scope="order"))
    _, move = after(begun, *done(FIRST))
    assert isinstance(move, Call)
    assert (move.key, move.action_key) == ("saga:ord-8412", "saga:ord-8412:create-order")
    _, back = after(begun, *done(FIRST), operator("cancel"))
    assert isinstance(back, Call)
    assert (back.key, back.action_key) == ("saga:ord-8412", "saga:ord-8412:reserve-inventory")
    assert key_of("ord-1", "pay") == "saga:ord-1:pay"


@pytest.mark.parametrize("outcome", ["error", "lost", "lost-reply", "late"])
@pytest.mark.parametrize("budget", [1, 2, 5])
def test_a_call_that_fails_or_gets_no_answer_is_made_again_until_its_budget_is_spent(outcome: str, budget: int) -> None:
    policy = Policy(retry=Retry(max_attempts=budget))
    spent = Play(ORDER, replies={FIRST: [outcome] * 20}, policy=policy).run()
    assert spent.state.calls(FIRST, ACTION).attempts == budget
    assert spent.state.phase is Phase.COMPENSATED
    just = Play(ORDER, replies={FIRST: [outcome] * (budget - 1)}, policy=policy).run()
    assert just.state.calls(FIRST, ACTION).attempts == budget
    assert just.state.phase is Phase.COMPLETED


@pytest.mark.parametrize("outcome", ["refused", "refused-for-good"])
def test_a_refusal_is_never_asked_again(outcome: str) -> None:
    play = Play(ORDER, replies={"create-order": [outcome] * 20}).run()
    assert play.state.calls("create-order", ACTION).attempts == 1
    assert play.state.phase is Phase.COMPENSATED


def test_a_steps_own_retry_wins_over_the_runs() -> None:
    step = undoable("pay", "refund", "payments", retry=Retry(max_attempts=5), compensation_retry=Retry(max_attempts=2))
    plain = undoable("ship", "recall", "warehouse")
    definition = SagaDefinition("shop", steps=[step, plain])
    policy = Policy(retry=Retry(max_attempts=2), compensation_retry=Retry(max_attempts=1))
    replies = {"pay": ["error"] * 4, "ship": ["error"] * 9, "refund": ["error"] * 9}
    play = Play(definition, replies=replies, policy=policy).run()
    counts = {(s, op): play.state.calls(s, op).attempts for s in ("pay", "ship") for op in (ACTION, COMPENSATION)}
    assert counts == {("pay", ACTION): 5, ("ship", ACTION): 2, ("pay", COMPENSATION): 2, ("ship", COMPENSATION): 0}


def test_rule_24_a_wait_is_journaled_before_it_is_waited_and_holds_until_it_is_due() -> None:
    begun = [started(), *tries(FIRST, failed)]
    facts, move = after(*begun)
    assert kinds(facts) == ["retry-scheduled"]
    assert (facts[0].step, facts[0].op, facts[0].attempt) == (FIRST, ACTION, 2)
    assert facts[0].detail == {"delay_ms": 200, "due_at": NOW + 200}
    assert move == Wait(NOW + 200)
    assert after(*begun, *facts, now=NOW + 199) == ([], Wait(NOW + 200))
    late_facts, late_move = after(*begun, *facts, now=NOW + 200)
    assert (kinds(late_facts), type(late_move)) == (["attempt-started"], Call)


@pytest.mark.parametrize(
    ("name", "owner"), [(FIRST, "retry"), ("refund-payment", "compensation_retry")], ids=["action", "compensation"]
)
@pytest.mark.parametrize("outcome", ["error", "lost"])
def test_rule_24_waits_grow_up_to_the_cap_in_both_directions(name: str, owner: str, outcome: str) -> None:
    policy = Policy(**{owner: Retry(max_attempts=6, initial_ms=100, max_ms=500)})
    replies = {name: [outcome] * 5, "notify-warehouse": ["refused"]}
    play = Play(ORDER, replies=replies, policy=policy).run()
    waits = [e.detail["delay_ms"] for e in play.entries if e.kind is Kind.RETRY_SCHEDULED]
    assert waits == [100, 200, 400, 500, 500]


def test_rule_24_after_an_operators_retry_the_waits_begin_anew() -> None:
    begun = [started(TRIP), *done("book-flight", "book-hotel", "charge-card"), *tries("send-ticket", *[failed] * 5)]
    again = [*begun, stuck("send-ticket", ACTION), operator("retry")]
    facts, move = after(*again, definition=TRIP)
    assert (kinds(facts), facts[0].attempt, type(move)) == (["attempt-started"], 6, Call)
    waiting, _ = after(*again, called("send-ticket", 6), failed("send-ticket", 6), definition=TRIP)
    assert waiting[0].detail["delay_ms"] == 200


def test_rule_24_jitter_is_a_hash_of_seed_order_step_direction_and_attempt() -> None:
    one = delay_ms(JITTER, 3, 1, "ord-8412", "pay", ACTION, 4)
    others = [
        delay_ms(JITTER, 3, 2, "ord-8412", "pay", ACTION, 4),
        delay_ms(JITTER, 3, 1, "ord-8413", "pay", ACTION, 4),
        delay_ms(JITTER, 3, 1, "ord-8412", "ship", ACTION, 4),
        delay_ms(JITTER, 3, 1, "ord-8412", "pay", COMPENSATION, 4),
        delay_ms(JITTER, 3, 1, "ord-8412", "pay", ACTION, 5),
    ]
    assert delay_ms(JITTER, 3, 1, "ord-8412", "pay", ACTION, 4) == one
    assert len({one, *others}) == 6


def test_rule_37_jitter_is_the_same_on_every_machine() -> None:
    # Worked out by hand from SHA-256 of "1|ord-8412|pay|action|4"; a change here changes every replay.
    assert delay_ms(JITTER, 3, 1, "ord-8412", "pay", ACTION, 4) == 572


def test_rule_24_full_jitter_spreads_evenly_from_nothing_to_the_ceiling() -> None:
    drawn = [delay_ms(JITTER, 1, seed, "ord-8412", "pay", ACTION, 2) for seed in range(3000)]
    assert (min(drawn), max(drawn)) == (0, 200)
    assert 95 < mean(drawn) < 105
    assert delay_ms(Retry(initial_ms=0, jitter=True), 1, 1, "ord-8412", "pay", ACTION, 2) == 0


def test_rule_24_the_journaled_wait_is_the_hashed_one() -> None:
    facts, _ = after(started(policy=Policy(retry=JITTER, seed=7)), *tries(FIRST, failed))
    expected = delay_ms(JITTER, 1, 7, "ord-8412", FIRST, ACTION, 2)
    assert facts[0].detail == {"delay_ms": expected, "due_at": NOW + expected}


def test_rule_05_the_last_success_and_the_settlement_it_owes_are_one_commit() -> None:
    facts, move = after(started(), *done(*names()))
    assert kinds(facts) == ["settlement-owed"]
    assert facts[0].detail == {"steps": ["reserve-inventory", "create-order"]}
    assert move == Settle("reserve-inventory", "saga:ord-8412:settle-inventory")


def test_locks_are_settled_in_order_each_until_it_is_answered_and_then_the_saga_is_completed() -> None:
    begun = [started(), *done(*names()), fact(Kind.SETTLEMENT_OWED, steps=[])]
    second = Settle("create-order", "saga:ord-8412:settle-orders")
    assert after(*begun) == ([], Settle("reserve-inventory", "saga:ord-8412:settle-inventory"))
    assert after(*begun, settled("reserve-inventory")) == ([], second)
    assert after(*begun, settled("reserve-inventory"), now=NOW + 9_999) == ([], second)
    facts, move = after(*begun, settled("reserve-inventory"), settled("create-order"))
    assert (kinds(facts), move) == (["saga-completed"], Rest())


def test_rule_01_a_saga_is_not_completed_before_every_step_took_effect() -> None:
    for missing in names():
        others = [name for name in names() if name != missing]
        facts, move = after(started(), *done(*others), settled("reserve-inventory"), settled("create-order"))
        assert kinds(facts) == ["attempt-started"]
        assert isinstance(move, Call)
        assert move.step == missing


@pytest.mark.parametrize("outcomes", [(failed, ok), (unknown, ok), (unknown, failed, ok)])
def test_a_success_after_failures_goes_on_with_the_next_step(outcomes: tuple) -> None:
    facts, move = after(started(), *tries(FIRST, *outcomes))
    assert isinstance(move, Call)
    assert (move.step, move.attempt) == (SECOND, 1)
    assert [e.step for e in facts] == [SECOND]


def test_facts_and_the_move_outward_are_told_apart() -> None:
    entry, call = called(FIRST), Wait(NOW)
    assert split((Append(entry), call)) == ([entry], call)
    assert split((Append(entry),)) == ([entry], None)
    assert split(()) == ([], None)


def test_a_refusal_at_the_last_step_owes_all_but_itself() -> None:
    facts, _ = after(started(), *done(*names()[:-1]), *tries(LAST, refused))
    owed = [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED]
    assert owed == [*reversed(names()[:-1])]


def test_a_scheduled_retry_is_not_scheduled_twice() -> None:
    facts, move = after(started(), *tries(FIRST, failed), scheduled(FIRST, 2, NOW + 5))
    assert (facts, move) == ([], Wait(NOW + 5))
