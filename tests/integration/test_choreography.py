"""Runs that nobody drives, against the five real services: held against the same runs with an orchestrator."""

from __future__ import annotations

from typing import Any

import pytest

from sagas import catalog
from sagas.entries import Kind, Lane, Op
from sagas.observer import witness
from sagas.projection import project
from sagas.tape import fold
from tests.engine import SILENT, Finished, drive, fault, scenario

STEPS = [step.name for step in catalog.ORDER.steps]
ENDS = {"completed": "completed", "compensated": "compensated", "needs-operator": "lost"}
KINDS = ["decline", "error", "timeout", "lost-reply", "duplicate", "late"]
TWICE = {"max_attempts": 2, "initial_ms": 2}
AT_FOUR, AT_FIVE = "notify-warehouse", "book-delivery"


def patient(*faults: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Hundreds of runs queue for one thread per service: no answer may be late by chance."""
    silent = any(each["kind"] in SILENT for each in faults)
    own = {"timeout_ms": 2500 if silent else 10_000, "retry": TWICE, "compensation_retry": TWICE}
    return scenario(*faults, **{**own, **fields})


def cell(step: str, on: str, kind: str, times: int | None) -> dict[str, Any]:
    aimed = fault(step, kind, on=on, times=times)
    # The last step is compensated only when its outcome is unknown.
    turn = fault(AT_FIVE, "lost-reply" if step == AT_FIVE else "decline")
    return patient(aimed) if on == "action" else patient(aimed, turn)


GRID = {
    f"{step}:{on}:{kind}:{times or 'all'}": cell(step, on, kind, times)
    for step in STEPS
    for on in Op
    for kind in KINDS
    for times in (None, 1)
}
MIXED = {
    "all is well": patient(),
    "an error, then silence": patient(fault(AT_FOUR, "error", times=1), fault(AT_FOUR, "timeout")),
    "silence, then a refusal": patient(fault(AT_FOUR, "lost-reply", times=1), fault(AT_FOUR, "decline")),
    "no stored answers, twice": patient(fault("charge-payment", "duplicate"), idempotency=False),
    "no stored answers, silence": patient(fault("charge-payment", "lost-reply"), idempotency=False),
    "no stored answers, one silence": patient(
        fault("charge-payment", "lost-reply", times=1), fault(AT_FOUR, "decline"), idempotency=False
    ),
    "one key for all": patient(fault(AT_FOUR, "decline"), key_scope="order"),
    "no stock": patient(stock=0),
    "eight orders": patient(fault(AT_FOUR, "error", times=1), orders=8, stock=8),
    "eight orders for three lamps": patient(orders=8, stock=3),
    "two wait for one lamp": patient(orders=2, stock=1, lock="wait"),
    "a lamp is passed on": patient(fault(AT_FOUR, "decline", times=1), orders=3, stock=1, lock="wait"),
    "no lock": patient(orders=3, stock=1, lock="off"),
    "a flag set after reading": patient(orders=3, stock=1, lock="naive"),
    "jitter": patient(fault(AT_FOUR, "error", times=1), retry={**TWICE, "jitter": True}),
}
SAME = {**GRID, **MIXED}


@pytest.fixture(scope="module")
def guided(engine_databases: None) -> dict[str, Finished]:
    """Every scenario with an orchestrator."""
    return dict(zip(SAME, drive(*SAME.values()), strict=True))


@pytest.fixture(scope="module")
def free(engine_databases: None) -> dict[str, Finished]:
    """Every scenario with nobody in charge."""
    return dict(zip(SAME, drive(*({**each, "mode": "choreography"} for each in SAME.values())), strict=True))


def rows(done: Finished) -> dict[str, list[tuple[str, int, str, str]]]:
    """Return what each service wrote: in its order for one order, sorted for many."""
    found = {
        name: [(row.kind, row.amount, row.order, row.key) for row in service.ledger(done.run.pk)]
        for name, service in catalog.SERVICES.items()
    }
    return found if len(done.sagas) == 1 else {name: sorted(each) for name, each in found.items()}


@pytest.mark.parametrize("name", SAME)
def test_rule_39_without_a_driver_the_services_write_the_same_rows(
    guided: dict[str, Finished], free: dict[str, Finished], name: str
) -> None:
    assert rows(free[name]) == rows(guided[name])
    if name != "one key for all":
        assert sorted(free[name].states) == sorted(ENDS[state] for state in guided[name].states)


@pytest.mark.parametrize("name", GRID)
def test_rule_38_each_fault_was_met(free: dict[str, Finished], name: str) -> None:
    step, on, kind, _ = name.split(":")
    attempts = free[name].kinds(Kind.ATTEMPT_STARTED, step=step, op=Op(on), lane=Lane.SERVICE)
    first = [e.kind for e in free[name].entries if (e.step, e.op, e.attempt) == (step, Op(on), 1)]
    met = {
        "decline": Kind.ATTEMPT_FAILED,
        "error": Kind.ATTEMPT_FAILED,
        "duplicate": Kind.REPLAYED,
        "timeout": Kind.ATTEMPT_UNKNOWN,
        "lost-reply": Kind.ATTEMPT_UNKNOWN,
        "late": Kind.ATTEMPT_UNKNOWN,
    }
    assert attempts
    assert met[kind] in first


@pytest.mark.parametrize("name", SAME)
def test_nobody_who_drives_says_a_word(free: dict[str, Finished], name: str) -> None:
    assert {entry.lane for entry in free[name].entries} == {Lane.SERVICE, Lane.OBSERVER}
    told = {e.kind for e in free[name].entries if e.lane is Lane.OBSERVER}
    assert told <= {Kind.SAGA_STARTED, Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_LOST, Kind.RUN_FINISHED}
    assert free[name].entries[-1].kind is Kind.RUN_FINISHED


@pytest.mark.parametrize("name", SAME)
def test_rule_07_the_rows_are_the_onlookers_fold_of_a_journal_without_gaps(
    free: dict[str, Finished], name: str
) -> None:
    done = free[name]
    assert [e.seq for e in done.entries] == list(range(1, len(done.entries) + 1))
    states = fold(done.entries, {saga.pk: saga.order for saga in done.sagas}, witness)
    for saga in done.sagas:
        row = project(catalog.ORDER, states[saga.pk])
        kept = [
            (s.index, s.state, s.attempts, s.compensation_state, s.compensation_attempts)
            for s in saga.steps.order_by("index")
        ]
        assert (row.state, row.cause) == (saga.state, saga.cause)
        assert kept == [(n, s.state, s.attempts, s.compensation_state, s.compensation_attempts) for n, s in row.steps]


@pytest.mark.parametrize("name", SAME)
def test_rule_04_every_ledger_row_follows_a_journaled_intent_and_is_in_the_journal(
    free: dict[str, Finished], name: str
) -> None:
    done = free[name]
    intents = {(e.order, e.key): e.seq for e in reversed(done.entries) if e.kind is Kind.ATTEMPT_STARTED}
    booked = {e.order: e.seq for e in done.kinds(Kind.EVENT_PUBLISHED) if e.detail["event"] == "delivery-booked"}
    effects = {(e.detail["service"], e.detail["n"]): e for e in done.kinds(Kind.EFFECT)}
    for service in catalog.SERVICES.values():
        for row in service.ledger(done.run.pk):
            effect = effects.pop((service.name, row.n))
            assert effect.key == row.key
            assert intents.get((row.order, row.key), booked.get(row.order, 10**9)) < effect.seq
    assert effects == {}


@pytest.mark.parametrize("step", STEPS)
def test_rule_15_an_event_that_comes_after_its_undo_is_fenced(free: dict[str, Finished], step: str) -> None:
    done = free[f"{step}:action:late:all"]
    fenced = done.kinds(Kind.STEP_FENCED, step=step, lane=Lane.SERVICE)
    undone = done.kinds(Kind.ATTEMPT_SUCCEEDED, step=step, op=Op.COMPENSATION)
    assert [e.attempt for e in fenced] == [1, 2]
    assert undone[0].seq < fenced[0].seq < done.entries[-1].seq


def test_the_cause_is_the_first_failure_as_an_orchestrator_would_have_it(
    guided: dict[str, Finished], free: dict[str, Finished]
) -> None:
    for name in GRID:
        assert free[name].sagas[0].cause == guided[name].sagas[0].cause
