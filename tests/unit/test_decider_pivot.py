"""The point of no return: nothing that is unknown is passed, and nothing beyond it is undone."""

from __future__ import annotations

import pytest

from sagas.decider import Call, Park, Rest, Wait, ask_again, split
from sagas.definition import Retry, SagaDefinition
from sagas.entries import Entry, Kind, Op
from sagas.state import Phase
from tests.builders import (
    ACTION,
    COMPENSATION,
    NOW,
    TRIP,
    after,
    called,
    done,
    failed,
    final,
    fold,
    kinds,
    names,
    operator,
    queued,
    refused,
    scheduled,
    started,
    stuck,
    told,
    tries,
    undoable,
    unknown,
)
from tests.simulator import Play

FLIGHT, HOTEL, PIVOT, TICKET, MILES = names(TRIP)
BEFORE = [started(TRIP, deadline_at=NOW + 1000), *done(FLIGHT, HOTEL)]
INTERRUPTED = [operator("cancel")]
LATE = NOW + 5000


def whole_key(step: str, n: int, op: Op) -> Entry:
    return refused(step, n, op, whole_key=True)


@pytest.mark.parametrize("outcomes", [(refused,), (failed, failed, failed), (unknown, whole_key), (queued, whole_key)])
def test_a_pivot_that_definitely_failed_turns_the_saga(outcomes: tuple) -> None:
    facts, _ = after(*BEFORE, *tries(PIVOT, *outcomes), definition=TRIP)
    assert [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED] == [HOTEL, FLIGHT]


@pytest.mark.parametrize("outcomes", [(unknown,), (unknown, refused), (failed, unknown), (unknown, failed)])
@pytest.mark.parametrize("interruption", [[], INTERRUPTED])
def test_rule_11_a_pivot_that_got_no_answer_is_asked_again_whatever_else_happens(
    outcomes: tuple, interruption: list[Entry]
) -> None:
    begun = [*BEFORE, *tries(PIVOT, *outcomes)]
    facts, move = after(*begun, *interruption, definition=TRIP, now=LATE)
    assert kinds(facts) == ["retry-scheduled"]
    assert isinstance(move, Wait)
    again, call = after(*begun, *interruption, *facts, definition=TRIP, now=move.until)
    assert (kinds(again), type(call)) == (["attempt-started"], Call)
    assert again[0].key == "saga:ord-8412:charge-card"


def test_rule_11_while_a_pivot_is_unknown_the_wait_is_not_cut_short_by_the_deadline() -> None:
    facts, move = after(*BEFORE, *tries(PIVOT, unknown), scheduled(PIVOT, 2, LATE), definition=TRIP)
    assert (facts, move) == ([], Wait(LATE))


@pytest.mark.parametrize(
    "outcomes",
    [
        (unknown,) * 3,
        (unknown, refused, refused),
        (unknown, failed, failed),
        (failed, failed, unknown),
        (queued, *[failed] * 3),
    ],
)
@pytest.mark.parametrize("interruption", [[], INTERRUPTED])
def test_rule_11_a_pivot_that_stays_unanswered_needs_an_operator(outcomes: tuple, interruption: list[Entry]) -> None:
    facts, move = after(*BEFORE, *tries(PIVOT, *outcomes), *interruption, definition=TRIP, now=LATE)
    assert (kinds(facts), move) == (["saga-needs-operator"], Rest())
    assert (facts[0].step, facts[0].op) == (PIVOT, ACTION)
    assert facts[0].detail["reason"].startswith("nobody knows whether the point of no return was passed: ")


@pytest.mark.parametrize(("answer", "phase"), [("ok", Phase.COMPLETED), ("refused-for-good", Phase.COMPENSATED)])
def test_rule_11_the_answer_for_the_same_key_decides(answer: str, phase: Phase) -> None:
    play = Play(TRIP, replies={PIVOT: ["lost", "refused", "lost", answer]}).run()
    assert (play.state.phase, play.state.cause) == (Phase.NEEDS_OPERATOR, None)
    play.put(operator("cancel"), operator("retry"))
    assert play.run().state.phase is phase
    pivots = [e for e in play.entries if e.kind is Kind.ATTEMPT_STARTED and e.step == PIVOT]
    assert [(e.attempt, e.key) for e in pivots] == [(n, "saga:ord-8412:charge-card") for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("interruption", [[], INTERRUPTED])
def test_rule_11_a_pivot_that_waits_in_a_line_has_nothing_that_could_take_its_place_back(
    interruption: list[Entry],
) -> None:
    waiting = [*BEFORE, *tries(PIVOT, queued), *interruption]
    assert after(*waiting, definition=TRIP, now=LATE) == ([], Park(PIVOT, None))
    facts, move = split(ask_again(TRIP, fold(waiting)))
    assert (kinds(facts), type(move)) == (["attempt-started"], Call)


@pytest.mark.parametrize("passed", [[PIVOT], [PIVOT, TICKET]])
@pytest.mark.parametrize("interruption", [[], INTERRUPTED])
def test_rule_21_after_the_pivot_neither_cancel_nor_deadline_turns_the_saga(
    passed: list[str], interruption: list[Entry]
) -> None:
    facts, move = after(*BEFORE, *done(*passed), *interruption, definition=TRIP, now=LATE)
    assert isinstance(move, Call)
    assert (kinds(facts), move.op) == (["attempt-started"], ACTION)
    assert move.step == [TICKET, MILES][len(passed) - 1]


@pytest.mark.parametrize("step", [TICKET, MILES])
@pytest.mark.parametrize("outcome", ["refused", "refused-for-good", "error", "lost", "lost-reply"])
@pytest.mark.parametrize("cancelled", [True, False])
def test_rule_21_after_the_pivot_nothing_is_compensated_whatever_fails(
    step: str, outcome: str, cancelled: bool
) -> None:
    script = [("", "ok")] * 3 + [("cancel" if cancelled else "", "ok")]
    play = Play(TRIP, script, replies={step: [outcome] * 9}, deadline_ms=35).run()
    assert (play.state.phase, play.entries[-1].step) == (Phase.NEEDS_OPERATOR, step)
    assert not [e for e in play.entries if e.op is COMPENSATION or e.kind is Kind.SAGA_COMPENSATING]
    assert play.entries[-1].detail["reason"].startswith("a step after the point of no return failed: ")


def test_rule_21_a_retriable_step_goes_on_forward_after_its_operator_said_so() -> None:
    play = Play(TRIP, replies={TICKET: ["error"] * 7}).run()
    play.put(operator("retry"))
    before = len(play.entries)
    play.run()
    tail = [f"{TICKET} 6 failed", f"{TICKET} 7 failed", f"{TICKET} 8 ok", f"{MILES} 1 ok", "saga-completed"]
    assert told(play.entries[before:], TRIP) == tail


def test_a_retriable_step_keeps_its_own_budget_before_it_stops() -> None:
    for failures, stops in ((4, False), (5, True)):
        facts, _ = after(*BEFORE, *done(PIVOT), *tries(TICKET, *[failed] * failures), definition=TRIP)
        assert ("saga-needs-operator" in kinds(facts)) is stops


def test_rule_21_without_a_pivot_the_first_retriable_step_is_the_point_of_no_return() -> None:
    definition = SagaDefinition("gift", steps=[undoable("wrap", "unwrap", "shop"), final("send", "retriable", "mail")])
    facts, move = after(
        started(definition, deadline_at=NOW), *done("wrap"), operator("cancel"), definition=definition, now=LATE
    )
    assert isinstance(move, Call)
    assert (kinds(facts), move.step, move.op) == (["attempt-started"], "send", ACTION)
    stop, _ = after(started(definition), *done("wrap"), *tries("send", refused), definition=definition)
    assert kinds(stop) == ["saga-needs-operator"]


def test_before_the_pivot_was_sent_a_trip_still_turns() -> None:
    facts, _ = after(*BEFORE, *INTERRUPTED, definition=TRIP)
    assert [e.step for e in facts if e.kind is Kind.COMPENSATION_OWED] == [HOTEL, FLIGHT]
    assert facts[0].detail["cause"]["outcome"] == "cancelled"


def test_a_pivot_under_way_is_left_alone() -> None:
    assert after(*BEFORE, called(PIVOT), *INTERRUPTED, definition=TRIP, now=LATE) == ([], None)


def test_rule_11_an_operators_retry_of_an_unknown_pivot_keeps_it_undecided() -> None:
    begun = [
        *BEFORE,
        *tries(PIVOT, unknown, unknown, unknown),
        stuck(PIVOT, ACTION),
        operator("retry"),
        called(PIVOT, 4),
    ]
    facts, _ = after(*begun, refused(PIVOT, 4), definition=TRIP)
    assert kinds(facts) == ["retry-scheduled"]
    single = SagaDefinition("pay", steps=[final("charge-card", "pivot", "payments", retry=Retry(max_attempts=1))])
    stop, _ = after(started(single), *tries(PIVOT, unknown), definition=single)
    assert kinds(stop) == ["saga-needs-operator"]
