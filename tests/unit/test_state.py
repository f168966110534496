"""State: what a driver knows of a saga, as a fold of entries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagas.definition import Retry
from sagas.entries import Entry, Kind, Lane, Op
from sagas.state import AT_REST, Calls, Phase, Policy, SagaState, Stuck, evolve
from tests.builders import (
    ACTION,
    COMPENSATION,
    NOW,
    ORDER_ID,
    SAGA,
    TRIP,
    called,
    done,
    fact,
    failed,
    fold,
    ok,
    operator,
    queued,
    refused,
    scheduled,
    settled,
    started,
    stuck,
    tries,
    turned,
    unknown,
)

STEP = "charge-payment"


def calls_after(*entries: Entry, op: Op = ACTION) -> Calls:
    return fold([started(), *entries]).calls(STEP, op)


def test_a_saga_begins_with_what_it_was_started_with() -> None:
    policy = Policy(retry=Retry(max_attempts=7, jitter=True), timeout_ms=5, key_scope="order", seed=9)
    state = fold([started(TRIP, policy=policy, deadline_at=NOW)])
    assert (state.saga, state.order, state.definition, state.version) == (SAGA, ORDER_ID, "trip", 1)
    assert (state.phase, state.payload, state.deadline_at) == (Phase.RUNNING, {"order": ORDER_ID}, NOW)
    assert state.policy == policy


def test_nothing_is_known_of_a_step_that_was_never_touched() -> None:
    step = fold([started()]).step(STEP)
    assert step.action == step.compensation == Calls()
    assert not step.action.may_have_taken_effect
    assert (step.owed, step.settled) == (False, False)


def test_an_attempt_is_open_until_its_outcome() -> None:
    assert calls_after(called(STEP, key="k")) == Calls(attempts=1, key="k", open=True)
    for outcome in (ok, failed, refused, unknown, queued):
        assert not calls_after(*tries(STEP, outcome)).open


def test_the_two_directions_of_a_step_are_told_apart() -> None:
    state = fold([started(), *done(STEP), called(STEP, 1, COMPENSATION)])
    assert (state.calls(STEP, ACTION).ok, state.calls(STEP, ACTION).open) == (True, False)
    assert (state.calls(STEP, COMPENSATION).ok, state.calls(STEP, COMPENSATION).open) == (False, True)


@pytest.mark.parametrize(
    ("outcomes", "attempts", "failures"),
    [
        ((ok,), 1, 0),
        ((failed,), 1, 1),
        ((failed, unknown), 2, 2),
        ((queued, queued, failed), 3, 1),
        ((queued, ok), 2, 0),
    ],
)
def test_every_attempt_counts_and_a_place_in_a_line_is_no_failure(
    outcomes: tuple, attempts: int, failures: int
) -> None:
    calls = calls_after(*tries(STEP, *outcomes))
    assert (calls.attempts, calls.failures) == (attempts, failures)


@pytest.mark.parametrize("lane", [Lane.SERVICE])
@pytest.mark.parametrize("kind", Kind)
def test_what_a_service_did_unheard_changes_nothing(kind: Kind, lane: Lane) -> None:
    before = fold([started(), called(STEP)])
    assert evolve(before, fact(kind, STEP, ACTION, 1, lane=lane)) is before


@pytest.mark.parametrize(
    "kind",
    [
        Kind.ORCHESTRATOR_CRASHED,
        Kind.ORCHESTRATOR_RECOVERED,
        Kind.RUN_FINISHED,
        Kind.EFFECT,
        Kind.REPLAYED,
        Kind.STEP_FENCED,
        Kind.LOCK_ACQUIRED,
        Kind.EVENT_PUBLISHED,
        Kind.EVENT_DROPPED,
        Kind.EVENT_HANDLED,
    ],
)
def test_what_is_only_observed_changes_nothing(kind: Kind) -> None:
    before = fold([started(), called(STEP)])
    assert evolve(before, fact(kind, STEP, lane=Lane.OBSERVER)) is before


def whole_key(step: str, n: int, op: Op) -> Entry:
    return refused(step, n, op, whole_key=True)


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("later", [(refused,), (failed,), (failed, refused), (queued,), (unknown, failed)])
def test_rule_09_unknown_is_sticky(later: tuple, op: Op) -> None:
    calls = calls_after(*tries(STEP, unknown, *later, op=op), op=op)
    assert calls.unknown
    assert calls.may_have_taken_effect


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("clears", [ok, whole_key])
def test_rule_09_an_answer_for_the_whole_key_clears_the_unknown(clears: object, op: Op) -> None:
    assert not calls_after(*tries(STEP, unknown, failed, clears, op=op), op=op).unknown


@pytest.mark.parametrize(
    ("outcomes", "maybe"),
    [
        ((), False),
        ((failed,), False),
        ((failed, refused), False),
        ((ok,), True),
        ((unknown,), True),
        ((unknown, refused), True),
        ((unknown, whole_key), False),
        ((queued,), True),
        ((queued, failed), True),
        ((queued, whole_key), False),
        ((queued, ok), True),
    ],
)
def test_rule_10_a_step_may_have_taken_effect_if_any_attempt_was_ok_unknown_or_queued(
    outcomes: tuple, maybe: bool
) -> None:
    assert calls_after(*tries(STEP, *outcomes)).may_have_taken_effect is maybe


def test_a_place_in_a_line_lasts_but_the_saga_is_parked_only_until_it_asks_again() -> None:
    parked = calls_after(*tries(STEP, queued))
    asking = calls_after(*tries(STEP, queued), called(STEP, 2))
    assert (parked.parked, parked.queued) == (True, True)
    assert (asking.parked, asking.queued) == (False, True)
    assert not calls_after(*tries(STEP, queued, ok)).queued


def test_a_lock_that_nobody_waits_for_changes_nothing() -> None:
    before = fold([started(), called(STEP)])
    denied = queued(STEP)
    assert evolve(before, replace(denied, detail={**denied.detail, "waiting": False})) is before


def test_a_retry_is_due_until_its_attempt_starts() -> None:
    waiting = [*tries(STEP, failed), scheduled(STEP, 2, NOW + 200)]
    assert calls_after(*waiting).due_at == NOW + 200
    assert calls_after(*waiting, called(STEP, 2)).due_at is None


def test_rule_03_the_first_cause_survives_what_follows() -> None:
    first, *_ = turned(STEP)
    second, *_ = turned("create-order", outcome="cancelled")
    state = fold(
        [started(), first, second, stuck("create-order", COMPENSATION), operator("retry"), fact(Kind.SAGA_COMPENSATED)]
    )
    assert state.cause == first.detail["cause"]
    assert state.phase is Phase.COMPENSATED


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        (Kind.SAGA_COMPLETED, Phase.COMPLETED),
        (Kind.SAGA_COMPENSATED, Phase.COMPENSATED),
        (Kind.SAGA_ABANDONED, Phase.ABANDONED),
        (Kind.SAGA_LOST, Phase.LOST),
    ],
)
def test_an_end_is_at_rest(kind: Kind, phase: Phase) -> None:
    assert fold([started(), fact(kind)]).phase is phase
    assert phase in AT_REST


def test_what_is_owed_and_settled_is_kept_by_step() -> None:
    state = fold(
        [started(), *turned("create-order", STEP), fact(Kind.SETTLEMENT_OWED, steps=[]), settled("create-order")]
    )
    assert (state.phase, state.settling) == (Phase.COMPENSATING, True)
    assert (state.step(STEP).owed, state.step(STEP).settled) == (True, False)
    assert (state.step("create-order").owed, state.step("create-order").settled) == (False, True)


def test_a_saga_that_waits_for_a_person_says_where_and_why() -> None:
    state = fold([started(), stuck(STEP, COMPENSATION)])
    assert state.phase is Phase.NEEDS_OPERATOR
    assert state.stuck == Stuck(step=STEP, op=COMPENSATION, reason="broken")


@pytest.mark.parametrize("op", Op)
def test_rule_22_an_operators_retry_grants_a_fresh_budget_and_forgets_nothing_else(op: Op) -> None:
    spent = [*tries(STEP, failed, unknown, refused, op=op), scheduled(STEP, 4, NOW, op)]
    calls = calls_after(*spent, stuck(STEP, op), operator("retry"), op=op)
    assert (calls.failures, calls.refused, calls.due_at) == (0, False, None)
    assert (calls.attempts, calls.unknown) == (3, True)


@pytest.mark.parametrize(
    ("before", "phase"),
    [([], Phase.RUNNING), (turned(STEP, STEP), Phase.COMPENSATING)],
    ids=["forward", "backward"],
)
def test_an_operators_retry_goes_on_in_the_direction_it_stopped_in(before: list[Entry], phase: Phase) -> None:
    state = fold([started(), *before, stuck(STEP, ACTION), operator("retry")])
    assert (state.phase, state.stuck) == (phase, None)


def test_an_operators_retry_resumes_a_saga_that_no_call_had_stopped() -> None:
    state = fold([started(), *done("reserve-inventory"), stuck("", None), operator("retry")])
    assert (state.phase, state.stuck) == (Phase.RUNNING, None)
    assert "" not in state.steps


@pytest.mark.parametrize(
    "entries",
    [
        [*tries(STEP, failed)],
        [*tries(STEP, failed), *turned(STEP)],
        [fact(Kind.SAGA_COMPLETED)],
        [fact(Kind.SAGA_COMPENSATED)],
    ],
    ids=["running", "compensating", "completed", "compensated"],
)
def test_an_operators_retry_means_nothing_to_a_saga_that_waits_for_nobody(entries: list[Entry]) -> None:
    before = fold([started(), *entries])
    assert evolve(before, operator("retry")) is before


def test_rule_23_a_second_cancel_changes_nothing() -> None:
    once = fold([started(), *done("create-order"), operator("cancel")])
    assert once.cancelled
    assert evolve(once, operator("cancel")) == once


@pytest.mark.parametrize(
    "entry",
    [called(STEP), ok(STEP), failed(STEP), unknown(STEP), queued(STEP), scheduled(STEP, 1, NOW), *turned(STEP, STEP)],
    ids=lambda entry: f"{entry.kind}",
)
def test_rule_07_a_fold_builds_on_the_old_state_and_never_changes_it(entry: Entry) -> None:
    before = fold([started(), *done("create-order"), called(STEP)])
    seen = dict(before.steps)
    after = evolve(before, entry)
    assert dict(before.steps) == seen
    assert after.saga == SAGA
    assert evolve(before, entry) == after


def test_a_fold_of_nothing_is_a_saga_that_has_not_begun() -> None:
    assert fold([]) == SagaState(saga=SAGA, order=ORDER_ID)
    assert fold([]).phase is Phase.PENDING
