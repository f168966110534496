"""Whole runs against the five real services: every step, every kind of fault, both directions."""

from __future__ import annotations

import pytest

from sagas import catalog
from sagas.entries import Entry, Kind, Lane, Op
from sagas.language import sentence_violations
from sagas.projection import project
from sagas.runs import create_run, retry_saga
from sagas.tape import fold
from tests.engine import SILENT, Finished, drive, fault, finish, scenario

STEPS = [step.name for step in catalog.ORDER.steps]
FORWARD = {
    "decline": "compensated",
    "error": "compensated",
    "timeout": "compensated",
    "lost-reply": "compensated",
    "late": "compensated",
    "duplicate": "completed",
    "crash-before": "completed",
    "crash-after": "completed",
}
BACKWARD = {
    "decline": "needs-operator",
    "error": "needs-operator",
    "timeout": "needs-operator",
    "lost-reply": "needs-operator",
    "late": "needs-operator",
    "duplicate": "compensated",
    "crash-before": "compensated",
    "crash-after": "compensated",
}
GRID = [(step, "action", kind) for step in STEPS for kind in FORWARD]
GRID += [(step, "compensation", kind) for step in STEPS for kind in BACKWARD]


def grid_scenario(step: str, on: str, kind: str) -> dict[str, object]:
    aimed = fault(step, kind, on=on, times=1 if kind.startswith("crash") else None)
    # The last step is compensated only when its outcome is unknown.
    turn = fault("book-delivery", "lost-reply" if step == "book-delivery" else "decline")
    faults = [aimed] if on == "action" else [aimed, turn]
    # Eighty runs queue for one thread per service: no answer may be late by chance.
    patience_ms = 2500 if any(each["kind"] in SILENT for each in faults) else 10_000
    return scenario(*faults, timeout_ms=patience_ms)


@pytest.fixture(scope="module")
def grid(engine_databases: None) -> dict[tuple[str, str, str], Finished]:
    """All cells of the grid, driven side by side by one worker."""
    return dict(zip(GRID, drive(*(grid_scenario(*cell) for cell in GRID)), strict=True))


def aimed_attempts(done: Finished, step: str, on: str) -> list[Entry]:
    return done.kinds(Kind.ATTEMPT_STARTED, step=step, op=Op(on))


@pytest.mark.parametrize("cell", GRID, ids=":".join)
def test_rule_01_each_fault_at_each_step_ends_as_it_must(
    grid: dict[tuple[str, str, str], Finished], cell: tuple[str, str, str]
) -> None:
    step, on, kind = cell
    done = grid[cell]
    assert aimed_attempts(done, step, on), "the fault was never met"
    assert done.states == [(FORWARD if on == "action" else BACKWARD)[kind]]
    assert sentence_violations(done.entries, catalog.ORDER) == []


@pytest.mark.parametrize("cell", GRID, ids=":".join)
def test_rule_07_state_is_the_fold_of_a_journal_without_gaps(
    grid: dict[tuple[str, str, str], Finished], cell: tuple[str, str, str]
) -> None:
    done = grid[cell]
    assert [e.seq for e in done.entries] == list(range(1, len(done.entries) + 1))
    saga = done.sagas[0]
    row = project(catalog.ORDER, fold(done.entries, {saga.pk: saga.order})[saga.pk])
    kept = [
        (s.index, s.state, s.attempts, s.compensation_state, s.compensation_attempts)
        for s in saga.steps.order_by("index")
    ]
    assert (row.state, row.cause) == (saga.state, saga.cause)
    assert kept == [(n, s.state, s.attempts, s.compensation_state, s.compensation_attempts) for n, s in row.steps]


@pytest.mark.parametrize("cell", GRID, ids=":".join)
def test_rule_04_every_ledger_row_follows_a_journaled_intent_and_is_in_the_journal(
    grid: dict[tuple[str, str, str], Finished], cell: tuple[str, str, str]
) -> None:
    done = grid[cell]
    intents = {e.key: e.seq for e in reversed(done.entries) if e.kind is Kind.ATTEMPT_STARTED}
    owed = [e.seq for e in done.kinds(Kind.SETTLEMENT_OWED)]
    effects = {(e.detail["service"], e.detail["n"]): e for e in done.kinds(Kind.EFFECT)}
    for name, service in catalog.SERVICES.items():
        for row in service.ledger(done.run.pk):
            effect = effects.pop((name, row.n))
            assert effect.key == row.key
            assert intents.get(row.key, owed[0] if owed else 10**9) < effect.seq
    assert effects == {}


@pytest.mark.parametrize("cell", GRID, ids=":".join)
def test_rule_33_money_stock_and_records_agree_at_rest(
    grid: dict[tuple[str, str, str], Finished], cell: tuple[str, str, str]
) -> None:
    done = grid[cell]
    facts = done.facts()
    assert facts["stock_left"] + facts["units_held"] + facts["units_sold"] == 3
    assert facts["double_charges"] == facts["oversold"] == 0
    if done.states == ["completed"]:
        assert (facts["charged"] - facts["refunded"], facts["orders_confirmed"]) == (4900, 1)
        assert (facts["units_sold"], facts["picks_active"], facts["slots_booked"]) == (1, 1, 1)
    if done.states == ["compensated"]:
        nothing = ("orders_confirmed", "units_held", "units_sold", "picks_active", "slots_booked")
        assert [facts[name] for name in nothing] == [0] * 5
        assert facts["charged"] == facts["refunded"]
    if done.states != ["needs-operator"]:
        assert facts["pending"] == 0


@pytest.mark.parametrize("step", STEPS)
def test_rule_15_a_message_that_comes_after_its_compensation_is_fenced(
    grid: dict[tuple[str, str, str], Finished], step: str
) -> None:
    done = grid[step, "action", "late"]
    fenced = done.kinds(Kind.STEP_FENCED, step=step, lane=Lane.SERVICE)
    undone = done.kinds(Kind.ATTEMPT_SUCCEEDED, step=step, op=Op.COMPENSATION)
    assert [e.attempt for e in fenced] == [1, 2, 3]
    assert undone[0].seq < fenced[0].seq < done.entries[-1].seq


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["crash-before", "crash-after"])
def test_rule_08_a_driver_that_dies_is_followed_by_one_that_reads_the_journal(
    grid: dict[tuple[str, str, str], Finished], step: str, kind: str
) -> None:
    done = grid[step, "action", kind]
    crashed, recovered = done.kinds(Kind.ORCHESTRATOR_CRASHED), done.kinds(Kind.ORCHESTRATOR_RECOVERED)
    assert [len(crashed), len(recovered)] == [1, 1]
    (unknown,) = done.kinds(Kind.ATTEMPT_UNKNOWN)
    assert (unknown.step, unknown.attempt, unknown.key) == (step, 1, f"saga:ord-8412:{step}")
    replays = done.kinds(Kind.REPLAYED, step=step)
    assert len(replays) == (1 if kind == "crash-after" else 0)


def test_rule_08_a_lost_reply_is_journaled_as_done_and_believed_unknown(engine_databases: None) -> None:
    (done,) = drive(scenario(fault("charge-payment", "lost-reply", times=1)))
    (effect,) = done.kinds(Kind.EFFECT, step="charge-payment")
    (unknown,) = done.kinds(Kind.ATTEMPT_UNKNOWN)
    (replay,) = done.kinds(Kind.REPLAYED)
    assert effect.attempt == unknown.attempt == 1
    assert replay.attempt == 2
    assert effect.seq < unknown.seq < replay.seq
    assert done.facts()["charges"] == 1


def test_rule_22_a_spent_compensation_alerts_and_an_operator_lets_it_go_on(engine_databases: None) -> None:
    turn, broken = fault("notify-warehouse", "decline"), fault("charge-payment", "error", on="compensation", times=3)
    (stuck,) = drive(scenario(turn, broken))
    saga = stuck.sagas[0]
    alert = saga.alerts.get()
    assert saga.state == "needs-operator"
    assert (alert.step, alert.resolved_at_ms) == ("charge-payment", None)
    assert stuck.facts()["pending"] == 2, "a saga that waits for a person keeps its locks"

    (done,) = finish(stuck.run, before=lambda: retry_saga(saga.pk, who="ann", why="payments is back"))
    (acted,) = done.kinds(Kind.OPERATOR_ACTED)
    assert dict(acted.detail) == {"action": "retry", "who": "ann", "why": "payments is back", "saw": len(stuck.entries)}
    assert done.states == ["compensated"]
    assert [e.attempt for e in done.kinds(Kind.ATTEMPT_STARTED, step="charge-payment", op=Op.COMPENSATION)] == [
        1,
        2,
        3,
        4,
    ]
    assert len(done.kinds(Kind.RUN_FINISHED)) == 2
    alert.refresh_from_db()
    assert alert.resolved_at_ms == acted.at
    assert sentence_violations(done.entries, catalog.ORDER) == []


def test_rule_33_two_orders_for_one_unit_sell_it_once(engine_databases: None) -> None:
    refused, waited = drive(
        scenario(orders=2, stock=1, lock="fail-fast"),
        scenario(orders=2, stock=1, lock="wait"),
    )
    for done in (refused, waited):
        assert sorted(done.states) == ["compensated", "completed"]
        facts = done.facts()
        assert (facts["units_sold"], facts["oversold"], facts["pending"], facts["stock_left"]) == (1, 0, 0, 0)
    assert waited.kinds(Kind.LOCK_DENIED, lane=Lane.ORCHESTRATOR)[0].detail["waiting"] is True


def test_rule_29_the_next_in_line_gets_the_unit_that_is_released(engine_databases: None) -> None:
    # Both orders meet a warehouse that refuses once per saga, so the first gives its unit back.
    (done,) = drive(scenario(fault("notify-warehouse", "decline", times=1), orders=2, stock=1, lock="wait"))
    (denied,) = done.kinds(Kind.LOCK_DENIED, lane=Lane.ORCHESTRATOR)
    assert done.states == ["compensated", "compensated"]
    owners = [e.detail["owner"] for e in done.kinds(Kind.LOCK_ACQUIRED, step="reserve-inventory")]
    assert owners[-1] == denied.order
    assert len(owners) == 2


def test_a_deadline_turns_a_saga_back_before_its_last_success(engine_databases: None) -> None:
    (done,) = drive(scenario(fault("charge-payment", "timeout"), deadline_ms=20))
    assert done.states == ["compensated"]
    assert done.sagas[0].cause["outcome"] == "deadline"


def test_hundreds_of_runs_are_driven_at_once(engine_databases: None) -> None:
    runs = [
        create_run(
            scenario(fault(*(STEPS[n % 5], "decline") if n % 2 else ("create-order", "duplicate")), timeout_ms=20_000)
        )
        for n in range(200)
    ]
    done = finish(*runs)
    assert {tuple(d.states) for d in done} == {("compensated",), ("completed",)}
    spans = [(d.entries[0].at, d.entries[-1].at) for d in done]
    at_once = max(sum(start <= moment <= end for start, end in spans) for moment, _ in spans)
    assert at_once > 100
