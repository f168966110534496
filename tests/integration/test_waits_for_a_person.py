"""Sagas that wait for a person: what they keep, what they say, and what nobody guesses."""

from __future__ import annotations

import asyncio

import pytest

from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.entries import Kind, Op
from sagas.errors import CommandRefused
from sagas.models import Alert, Command, Saga
from sagas.runs import create_run, release_lock, resolve_saga, retry_saga
from tests.engine import drive, fault, finish, scenario, working
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("engine_databases")

SAID = {"who": "ann", "why": "it takes too long"}
STUCK = [fault("notify-warehouse", "decline"), fault("charge-payment", "error", on="compensation", times=3)]


def test_rule_30_a_saga_that_waits_for_a_person_keeps_its_unit_from_others() -> None:
    mine = [{**each, "saga": 0} for each in STUCK]
    (done,) = drive(scenario(*mine, orders=2, stock=1, schedule=[0] * 30, timeout_ms=20_000))
    first, second = done.sagas
    assert (first.state, second.state) == ("needs-operator", "compensated")
    assert (second.cause["step"], second.cause["reason"]) == ("reserve-inventory", "locked")
    held = [{"record": "unit-1", "owner": first.order}]
    assert catalog.SERVICES["inventory"].pending(done.run.pk) == held, "also after the run is finished"
    (again,) = finish(done.run, before=lambda: retry_saga(first.pk, **SAID))
    assert again.states == ["compensated", "compensated"]
    assert catalog.SERVICES["inventory"].pending(done.run.pk) == []


def test_rule_34_nobody_may_decide_over_a_saga_that_still_moves() -> None:
    run = create_run(scenario())
    saga = Saga.objects.get(run=run)
    with pytest.raises(CommandRefused):
        retry_saga(saga.pk, **SAID)
    with pytest.raises(CommandRefused):
        resolve_saga(saga.pk, **SAID, evidence="a receipt")
    with pytest.raises(CommandRefused):
        release_lock(saga.pk, "unit-1", **SAID)
    (done,) = finish(run)
    assert (done.states, done.kinds(Kind.OPERATOR_ACTED)) == (["completed"], [])


def test_rule_35_a_saga_keeps_the_version_it_began_with_although_there_is_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = create_run(scenario(fault("notify-warehouse", "decline")))
    shorter = SagaDefinition("order", version=2, steps=catalog.ORDER.steps[:1])
    monkeypatch.setitem(catalog.DEFINITIONS, ("order", 2), shorter)
    assert catalog.definition("order") is shorter
    (old,), new = finish(run), create_run(scenario())
    assert old.kinds(Kind.SAGA_STARTED)[0].detail["version"] == 1
    undone = [e.step for e in old.kinds(Kind.ATTEMPT_SUCCEEDED, op=Op.COMPENSATION)]
    assert undone == ["charge-payment", "create-order", "reserve-inventory"]
    (fresh,) = finish(new)
    assert [e.step for e in fresh.kinds(Kind.ATTEMPT_STARTED)] == ["reserve-inventory"]


def test_rule_35_a_version_that_is_missing_stops_a_saga_for_a_person_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = create_run(scenario())
    with monkeypatch.context() as forgetful:
        forgetful.delitem(catalog.DEFINITIONS, ("order", 1))
        (stuck,) = finish(run)
    reason = "no definition 'order' in version 1"
    assert [(e.kind, e.detail.get("reason")) for e in stuck.entries] == [
        (Kind.SAGA_STARTED, None),
        (Kind.SAGA_NEEDS_OPERATOR, reason),
        (Kind.RUN_FINISHED, None),
    ]
    assert stuck.states == ["needs-operator"]
    assert catalog.SERVICES["inventory"].ledger(run.pk) == [], "nothing was called"
    assert Alert.objects.get(saga=stuck.sagas[0].pk).reason == reason, "somebody is told"

    (done,) = finish(run, before=lambda: retry_saga(stuck.sagas[0].pk, **SAID))
    assert done.states == ["completed"], "with its definition back it goes on"


def test_rule_35_without_its_version_a_saga_keeps_what_it_holds_and_says_why_nobody_can_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (stuck,) = drive(scenario(*STUCK))
    held = catalog.SERVICES["inventory"].pending(stuck.run.pk)
    asked = retry_saga(stuck.sagas[0].pk, **SAID)

    def is_handled() -> bool:
        return Command.objects.get(pk=asked.pk).handled_seq is not None

    async def go() -> None:
        async with working():
            await asyncio.to_thread(until, is_handled, lambda: "nobody took the command")

    monkeypatch.delitem(catalog.DEFINITIONS, ("order", 1))
    asyncio.run(go())
    asked.refresh_from_db()
    assert asked.refusal == "no definition 'order' in version 1"
    assert Saga.objects.get(pk=stuck.sagas[0].pk).state == "needs-operator"
    assert catalog.SERVICES["inventory"].pending(stuck.run.pk) == held != []


def test_rule_38_no_alert_is_raised_for_a_saga_that_ends_by_itself() -> None:
    well, stuck = drive(scenario(fault("book-delivery", "decline")), scenario(*STUCK))
    assert [Alert.objects.filter(saga__run=each.run).count() for each in (well, stuck)] == [0, 1]
    (stop,) = stuck.kinds(Kind.SAGA_NEEDS_OPERATOR)
    alert = Alert.objects.get(saga=stuck.sagas[0].pk)
    assert (alert.step, alert.reason, alert.raised_at_ms) == (stop.step, stop.detail["reason"], stop.at)
