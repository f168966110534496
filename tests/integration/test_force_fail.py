"""A named person waits no longer for a call: it counts as unknown, and what comes of it later changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from django.test import Client

from playground.sentences import sentence
from sagas.entries import Entry, Kind, Lane, Op
from sagas.errors import CommandIncomplete, CommandRefused, RunUnknown
from sagas.models import Command, Run
from sagas.runs import create_run, fail_step, wake
from tests.engine import Finished, drive, fault, finish, read, scenario, until, working
from tests.inline import create, desks, execute
from tests.integration.admin import client_of
from tests.meddled import PATIENCE, Door, with_one

pytestmark = pytest.mark.usefixtures("engine_databases")

SAID = {"who": "ann", "why": "the bank does not answer"}
TURN = fault("book-delivery", "decline")


async def _here(run: Run, door: Door, act: Callable[[], None]) -> None:
    async with working(services=with_one(door)) as (_, _, wait):
        await asyncio.to_thread(act)
        await wait([run.pk])


async def _elsewhere(run: Run, door: Door, act: Callable[[], None]) -> None:
    async with desks(services=with_one(door)) as (desk,):
        await asyncio.gather(execute(desk, run.pk), asyncio.to_thread(act))


Drive = Callable[[Run, Door, Callable[[], None]], Coroutine[Any, Any, None]]
ENGINES = {"built-in": (create_run, _here), "elsewhere": (create, _elsewhere)}


@pytest.fixture(params=ENGINES)
def fail_at(request: pytest.FixtureRequest) -> Callable[..., Finished]:
    """Return what fails the step of the call that stands at a door, and opens it once the saga has gone on."""
    make, drive_it = ENGINES[request.param]

    def failed(door: Door, goes_on: Kind, *faults: dict[str, Any]) -> Finished:
        def act(saga: str) -> None:
            fail_step(saga, **SAID)
            until(saga.rpartition("-")[0], lambda entries: any(e.kind is goes_on for e in entries))

        return _asked_at(door, make(scenario(*faults, timeout_ms=60_000)), act, drive_it)

    return failed


def _asked_at(door: Door, run: Run, act: Callable[[str], None], drive_it: Drive) -> Finished:
    """Return a run that came to its end after something was asked of its saga in mid-call; the door opens then."""

    def ask() -> None:
        assert door.entered.wait(PATIENCE)
        act(f"{run.pk}-1")
        until(run.pk, lambda _: not Command.objects.filter(run=run, handled_seq=None).exists())
        door.open.set()

    try:
        asyncio.run(drive_it(run, door, ask))
    finally:
        door.open.set()
        door.close()
    return read(run.pk)


def _from_the_act(done: Finished) -> list[Entry]:
    (acted,) = done.kinds(Kind.OPERATOR_ACTED)
    return [e for e in done.entries if e.seq >= acted.seq]


def test_rule_34_failing_a_running_step_counts_as_unknown_and_is_undone(fail_at: Callable[..., Finished]) -> None:
    done = fail_at(Door("payments"), Kind.SAGA_COMPENSATING)
    acted, unknown, turned = _from_the_act(done)[:3]
    assert (acted.lane, acted.step, acted.op) == (Lane.OBSERVER, "charge-payment", Op.ACTION)
    assert {name: acted.detail[name] for name in ("action", *SAID)} == {"action": "fail", **SAID}
    assert acted.detail["saw"] > 0
    assert (unknown.kind, unknown.step, unknown.attempt) == (Kind.ATTEMPT_UNKNOWN, "charge-payment", 1)
    assert unknown.detail["reason"] == "ann gave up waiting for an answer"
    assert (turned.kind, turned.detail["cause"]["outcome"]) == (Kind.SAGA_COMPENSATING, "unknown")
    tried = [(e.step, e.op) for e in done.kinds(Kind.ATTEMPT_STARTED)]
    assert tried.count(("charge-payment", Op.ACTION)) == 1, "whatever is left of its budget"
    assert tried[3:] == [(s, Op.COMPENSATION) for s in ("charge-payment", "create-order", "reserve-inventory")]
    assert done.states == ["compensated"]
    facts = done.facts()
    assert (facts["charges"], facts["charged"], facts["units_held"], facts["pending"]) == (1, facts["refunded"], 0, 0)


def test_a_compensation_that_is_failed_waits_for_a_person(fail_at: Callable[..., Finished]) -> None:
    done = fail_at(Door("payments", Op.COMPENSATION), Kind.SAGA_NEEDS_OPERATOR, TURN)
    kinds = [e.kind for e in _from_the_act(done) if e.lane is not Lane.SERVICE]
    assert kinds[:3] == [Kind.OPERATOR_ACTED, Kind.ATTEMPT_UNKNOWN, Kind.SAGA_NEEDS_OPERATOR]
    assert done.states == ["needs-operator"]
    assert done.sagas[0].alerts.get().step == "charge-payment"
    facts = done.facts()
    assert facts["charged"] == facts["refunded"], "the call that nobody waited for has done its work meanwhile"


def test_what_awaits_no_answer_cannot_be_failed() -> None:
    (over,) = drive(scenario())
    saga = over.sagas[0].pk
    for missing in SAID:
        with pytest.raises(CommandIncomplete, match=missing):
            fail_step(saga, **{**SAID, missing: " "})
    with pytest.raises(RunUnknown):
        fail_step("nobody-1", **SAID)
    with pytest.raises(CommandRefused, match="makes sense"):
        fail_step(saga, **SAID)
    run = create_run(scenario(mode="choreography"))
    with pytest.raises(CommandRefused, match="nobody drives"):
        fail_step(f"{run.pk}-1", **SAID)
    finish(run)


def _while_at_the_door(act: Callable[[str], None]) -> Finished:
    return _asked_at(Door("payments"), create_run(scenario(timeout_ms=60_000)), act, _here)


def test_only_the_step_that_was_seen_is_failed() -> None:
    def ask(saga: str) -> None:
        run, _, _ = saga.rpartition("-")
        meant = {"step": "create-order", "op": "action"}
        Command.objects.create(run_id=run, saga=saga, kind="fail", detail=meant, **SAID)
        wake(run)

    done = _while_at_the_door(ask)
    command = Command.objects.get(run=done.run)
    assert (command.handled_seq, command.refusal) == (0, "no saga is in a state in which this makes sense")
    assert (done.states, done.kinds(Kind.OPERATOR_ACTED)) == (["completed"], [])


def test_the_api_fails_a_step() -> None:
    client, answers = Client(enforce_csrf_checks=True), list[Any]()

    def ask(saga: str) -> None:
        answers.append(client.post(f"/api/sagas/{saga}/fail", {"who": "ann"}, content_type="application/json"))
        answers.append(client.post(f"/api/sagas/{saga}/fail", SAID, content_type="application/json"))

    done = _while_at_the_door(ask)
    ask(done.sagas[0].pk)
    assert [answer.status_code for answer in answers] == [422, 202, 422, 409]
    assert [error["field"] for error in answers[0].json()["errors"]] == ["why"]
    assert done.states == ["compensated"]
    (acted,) = done.kinds(Kind.OPERATOR_ACTED)
    assert sentence(acted) == (
        "ann waits no longer for charge-payment: nobody knows what it did, and it counts as failed."
    )


def test_the_admin_offers_it_at_the_step_that_is_under_way() -> None:
    ada, pages = client_of("ada", "view_run", "view_saga", "operate_saga"), list[str]()

    def ask(saga: str) -> None:
        pages.append(ada.get(f"/admin/sagas/saga/{saga}/change/").content.decode())
        form = f"/admin/sagas/saga/{saga}/act/fail/"
        saw = Run.objects.get(pk=saga.rpartition("-")[0]).last_seq
        assert f'href="{form}?saw={saw}"' in pages[0]
        assert "will be refused" not in ada.get(f"{form}?saw={saw}").content.decode()
        assert ada.post(form, {"why": SAID["why"], "saw": saw}).status_code == 302

    done = _while_at_the_door(ask)
    assert pages[0].count("Fail the step") == 1
    assert done.states == ["compensated"]
    (acted,) = done.kinds(Kind.OPERATOR_ACTED)
    assert (acted.detail["who"], acted.detail["why"]) == ("ada", SAID["why"])
    page = ada.get(f"/admin/sagas/saga/{done.sagas[0].pk}/change/").content.decode()
    assert "Fail the step" not in page
