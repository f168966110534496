"""The trip: a saga that passes a point of no return, driven by the real worker over the real wire."""

from __future__ import annotations

from typing import Any

import pytest

from playground import facts
from playground.scenario import Scenario, ScenarioInvalid
from sagas import catalog
from sagas.entries import Kind, Lane, Op
from sagas.language import sentence_violations
from sagas.runs import create_run, retry_saga
from sagas.simulation import simulate
from tests.engine import Finished, drive, fault, finish, read, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

PRICE = 18_900


def trip(*faults: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return scenario(*faults, **{"saga": "trip", "timeout_ms": 300, **fields})


def rows(done: Finished) -> dict[str, list[str]]:
    return {step.service: [r.kind for r in ledger(done, step.service)] for step in catalog.TRIP.steps}


def ledger(done: Finished, service: str) -> list[Any]:
    return catalog.SERVICES[service].ledger(done.run.pk)


def books(done: Finished) -> dict[str, Any]:
    assert sentence_violations(done.entries, catalog.TRIP) == []
    return facts.read(done.run).facts(facts.price_of(done.run), at_rest=True)


HELD = {"flights": ["hold"], "hotels": ["book"]}
UNDONE = {"flights": ["hold", "release"], "hotels": ["book", "cancel"], "payments": [], "mail": []}
GONE_THROUGH = {"flights": ["hold", "sell"], "hotels": ["book"], "payments": ["charge"], "mail": ["send"]}


@pytest.mark.parametrize("mode", ["orchestration", "choreography", "none"])
@pytest.mark.parametrize("lock", ["fail-fast", "wait", "off", "naive"])
def test_a_trip_goes_through_in_every_mode_with_every_lock(mode: str, lock: str) -> None:
    (done,) = drive(trip(mode=mode, lock=lock))
    assert done.states == ["completed"]
    assert rows(done) == GONE_THROUGH
    found = facts.read(done.run).facts(PRICE, at_rest=True)
    assert found["consistent"], found["violations"]
    assert (found["charged"], found["orders_confirmed"], found["tickets_sent"], found["rooms_booked"]) == (
        PRICE,
        1,
        1,
        1,
    )
    assert (found["units_sold"], found["units_held"], found["stock_left"], found["pending"]) == (1, 0, 2, 0)


@pytest.mark.parametrize("kind", ["decline", "error"])
def test_rule_21_a_pivot_that_definitely_failed_is_turned_back_from(kind: str) -> None:
    (done,) = drive(trip(fault("charge-card", kind)))
    assert done.states == ["compensated"]
    assert rows(done) == UNDONE
    assert books(done)["consistent"]


@pytest.mark.parametrize("kind", ["timeout", "lost-reply"])
def test_rule_11_a_pivot_that_nobody_heard_of_goes_neither_forward_nor_back(kind: str) -> None:
    (done,) = drive(trip(fault("charge-card", kind)))
    assert done.states == ["needs-operator"]
    assert rows(done) == {**HELD, "payments": ["charge"] if kind == "lost-reply" else [], "mail": []}
    assert not done.kinds(Kind.SAGA_COMPENSATING)
    assert not done.kinds(Kind.ATTEMPT_STARTED, step="send-ticket")
    assert len({entry.key for entry in done.kinds(Kind.ATTEMPT_STARTED, step="charge-card")}) == 1
    assert catalog.SERVICES["flights"].pending(done.run.pk) == [{"record": "seat-1", "owner": "ord-8412"}], "rule 30"
    assert not books(done)["consistent"]


def test_rule_11_the_same_key_answered_later_lets_the_saga_go_on_and_charges_once() -> None:
    (stuck,) = drive(trip(fault("charge-card", "lost-reply", times=3)))
    assert stuck.states == ["needs-operator"]
    (done,) = finish(stuck.run, before=lambda: retry_saga(stuck.sagas[0].pk, who="ada"))
    assert done.states == ["completed"]
    assert rows(done) == GONE_THROUGH
    assert done.kinds(Kind.REPLAYED, step="charge-card"), "the stored answer, not a second charge"
    assert books(done)["consistent"]


def test_rule_11_an_unknown_pivot_that_is_refused_at_last_turns_back() -> None:
    value = trip(fault("charge-card", "timeout", times=1))
    run = create_run(value)
    card = catalog.SERVICES["payments"]
    card.records[0]._default_manager.filter(world=run.pk).update(limit=1)  # type: ignore[attr-defined]
    (done,) = finish(run)
    assert done.states == ["compensated"], "the service has answered for the whole key"
    assert rows(done) == UNDONE
    assert books(done)["consistent"]


@pytest.mark.parametrize("kind", ["error", "timeout", "lost-reply", "decline"])
def test_rule_21_after_the_pivot_nothing_is_undone_and_a_person_is_asked(kind: str) -> None:
    (done,) = drive(trip(fault("send-ticket", kind)))
    assert done.states == ["needs-operator"]
    assert not done.kinds(Kind.ATTEMPT_STARTED, op=Op.COMPENSATION)
    assert rows(done) == {**HELD, "payments": ["charge"], "mail": ["send"] if kind == "lost-reply" else []}
    tried = done.kinds(Kind.ATTEMPT_STARTED, step="send-ticket", lane=Lane.ORCHESTRATOR)
    assert len(tried) == (1 if kind == "decline" else 3)
    assert not books(done)["consistent"]


def test_rule_21_a_retriable_step_is_tried_until_it_is_through() -> None:
    retry = {"max_attempts": 8, "initial_ms": 2, "max_ms": 20}
    (done,) = drive(
        trip(fault("send-ticket", "error", times=4), fault("send-ticket", "lost-reply", times=2), retry=retry)
    )
    assert done.states == ["completed"]
    assert len(done.kinds(Kind.ATTEMPT_STARTED, step="send-ticket")) == 7
    assert rows(done) == GONE_THROUGH
    assert books(done)["consistent"]


@pytest.mark.parametrize("at", ["charge-card", "send-ticket"])
@pytest.mark.parametrize("kind", ["crash-before", "crash-after"])
def test_a_driver_that_dies_at_the_point_of_no_return_leaves_a_trip_that_goes_through(at: str, kind: str) -> None:
    (done,) = drive(trip(fault(at, kind, times=1)))
    assert done.states == ["completed"]
    assert rows(done) == GONE_THROUGH
    assert books(done)["consistent"]


@pytest.mark.parametrize(("lock", "oversold"), [("fail-fast", 0), ("wait", 0), ("off", 1), ("naive", 1)])
def test_rule_31_two_travellers_and_one_seat(lock: str, oversold: int) -> None:
    (done,) = drive(trip(orders=2, stock=1, lock=lock))
    found = facts.read(done.run).facts(PRICE, at_rest=True)
    assert found["oversold"] == oversold
    assert found["consistent"] is not bool(oversold)
    if oversold:
        assert "Flights has promised 1 more than it has." in found["violations"]
        assert done.states == ["completed", "completed"]
    else:
        assert sorted(done.states) == ["compensated", "completed"]


@pytest.mark.parametrize(
    ("at", "kind"), [("charge-card", "decline"), ("charge-card", "lost-reply"), ("send-ticket", "error")]
)
def test_rule_39_with_and_without_a_driver_the_services_write_the_same_rows(at: str, kind: str) -> None:
    driven, free = drive(trip(fault(at, kind)), trip(fault(at, kind), mode="choreography"))
    assert rows(driven) == rows(free)
    assert free.states == (["compensated"] if kind == "decline" else ["lost"])


@pytest.mark.parametrize(("at", "state", "left"), [("charge-card", "compensated", {}), ("send-ticket", "lost", HELD)])
def test_a_watcher_calls_a_silent_trip_off_before_the_charge_and_never_after_it(
    at: str, state: str, left: dict[str, list[str]]
) -> None:
    value = trip(fault(at, "drop-event"), mode="choreography", watcher_ms=5000)
    run = simulate(value, 1)
    assert run.states == [state]
    kinds = {name: [row.kind for row in found] for name, found in run.ledgers.items()}
    assert kinds == ({**left, "payments": ["charge"], "mail": []} if left else UNDONE)


@pytest.mark.parametrize("faults", [[], [fault("charge-card", "lost-reply", times=1), fault("send-ticket", "decline")]])
def test_a_simulated_trip_says_what_a_real_one_says(faults: list[dict[str, Any]]) -> None:
    value = trip(*faults, timeout_ms=2000)
    (done,) = drive(value)
    simulated = simulate(value, 1)

    def told(entries: Any) -> list[Any]:
        return [(e.kind, e.step, e.op, e.attempt, e.key) for e in entries if e.lane is Lane.ORCHESTRATOR]

    assert told(simulated.entries) == told(done.entries)
    assert simulated.states == done.states == read(done.run.pk).states


@pytest.mark.parametrize("step", ["charge-card", "send-ticket"])
def test_a_fault_on_an_undo_that_is_not_there_is_refused_by_name(step: str) -> None:
    with pytest.raises(ScenarioInvalid) as error:
        Scenario.from_query(f"saga=trip&fault={step}.compensation:error")
    assert error.value.errors == [{"field": "faults.0.on", "message": f"{step} has no compensation"}]
