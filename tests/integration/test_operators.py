"""What a named person does for a saga that waits for one: says it is done by hand, takes its lock away."""

from __future__ import annotations

import pytest
from django.test import Client

from playground.sentences import sentence
from playground.shown import run_shown
from sagas import catalog
from sagas.entries import Kind, Lane, Op
from sagas.errors import CommandIncomplete, CommandRefused, RunUnknown
from sagas.language import sentence_violations
from sagas.models import Command
from sagas.runs import create_run, release_lock, resolve_saga, retry_saga
from tests.engine import Finished, drive, fault, finish, read, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENT = {"timeout_ms": 5000}
TURN = fault("notify-warehouse", "decline")
NO_REFUND = fault("charge-payment", "error", on="compensation")
NO_RELEASE = fault("reserve-inventory", "error", on="compensation")
SAID = {"who": "ann", "why": "the bank is closed"}


def stuck(*faults: dict[str, object], **fields: object) -> Finished:
    (done,) = drive(scenario(TURN, *faults, **PATIENT, **fields))
    assert "needs-operator" in done.states
    return done


def test_rule_03_an_operators_resolution_with_evidence_counts_as_the_success_of_that_compensation() -> None:
    waits = stuck(NO_REFUND)
    saga = waits.sagas[0]
    (done,) = finish(waits.run, before=lambda: resolve_saga(saga.pk, **SAID, evidence="wire transfer 42"))
    (acted,) = done.kinds(Kind.OPERATOR_ACTED)
    assert (acted.lane, acted.saga, acted.step, acted.op) == (
        Lane.OBSERVER,
        saga.pk,
        "charge-payment",
        Op.COMPENSATION,
    )
    saw = len(waits.entries)
    assert dict(acted.detail) == {"action": "resolve", **SAID, "saw": saw, "evidence": "wire transfer 42"}
    assert done.states == ["compensated"]
    assert sentence_violations(done.entries, catalog.ORDER) == []
    again = [e for e in done.kinds(Kind.ATTEMPT_STARTED, step="charge-payment", op=Op.COMPENSATION) if e.seq > saw]
    assert again == [], "what is done by hand is not tried again"
    assert saga.alerts.get().resolved_at_ms == acted.at
    assert done.facts()["charged"] - done.facts()["refunded"] == 4900, "the service's own ledger knows of no hand"
    scene = run_shown(done.run.pk).scene
    assert (scene["end"], scene["legs"][2]["undo"]["word"]) == ("compensated", "by hand")


def test_rule_29_a_named_operator_takes_a_unit_away_and_the_next_in_line_gets_it() -> None:
    # The first order cannot give its unit back; the second waits for it in line.
    mine = {**NO_RELEASE, "saga": 0}
    waits = stuck(mine, orders=2, stock=1, lock="wait", schedule=[0, 0, 1])
    first, second = waits.sagas
    assert (first.state, second.state) == ("needs-operator", "running")
    facts = waits.facts()
    assert (facts["units_held"], facts["stock_left"]) == (1, 0)

    (done,) = finish(waits.run, before=lambda: release_lock(first.pk, "unit-1", **SAID))
    new = done.entries[len(waits.entries) :]
    assert [(e.kind, e.lane) for e in new[:3]] == [
        (Kind.OPERATOR_ACTED, Lane.OBSERVER),
        (Kind.EFFECT, Lane.SERVICE),
        (Kind.LOCK_RELEASED, Lane.SERVICE),
    ]
    assert dict(new[0].detail) == {"action": "release-lock", **SAID, "saw": len(waits.entries), "record": "unit-1"}
    assert (new[2].detail["record"], new[2].detail["owner"]) == ("unit-1", first.order)
    taken = [e for e in new if e.kind is Kind.LOCK_ACQUIRED and e.detail["service"] == "inventory"]
    assert [e.detail["owner"] for e in taken] == [second.order], "no wake-up is lost"
    assert done.states == ["needs-operator", "compensated"]
    assert first.alerts.get().resolved_at_ms is None, "the saga still waits for a person"

    (ended,) = finish(waits.run, before=lambda: resolve_saga(first.pk, **SAID, evidence="the unit was taken from it"))
    assert ended.states == ["compensated", "compensated"]
    facts = ended.facts()
    assert (facts["units_held"], facts["stock_left"], facts["pending"]) == (0, 1, 0)
    assert sentence_violations(ended.entries, catalog.ORDER) == []


def test_a_unit_that_was_taken_away_is_not_given_back_twice() -> None:
    waits = stuck(fault("reserve-inventory", "error", on="compensation", times=3))
    saga = waits.sagas[0]
    finish(waits.run, before=lambda: release_lock(saga.pk, "unit-1", **SAID))
    (done,) = finish(waits.run, before=lambda: retry_saga(saga.pk, who="ann"))
    releases = [e for e in done.kinds(Kind.EFFECT, step="reserve-inventory") if e.detail["kind"] == "release"]
    assert (done.states, len(releases), done.facts()["stock_left"]) == (["compensated"], 1, 3)


def test_rule_34_what_is_incomplete_or_makes_no_sense_is_refused() -> None:
    waits = stuck(NO_REFUND)
    saga = waits.sagas[0].pk
    for missing in ("who", "why", "evidence"):
        with pytest.raises(CommandIncomplete, match=missing):
            resolve_saga(saga, **{**SAID, "evidence": "x", missing: " "})
    with pytest.raises(CommandIncomplete, match="record"):
        release_lock(saga, "", **SAID)
    with pytest.raises(CommandRefused, match="holds no record 'unit-2'"):
        release_lock(saga, "unit-2", **SAID)
    with pytest.raises(RunUnknown):
        resolve_saga("nobody-1", **SAID, evidence="x")
    resolve_saga(saga, **SAID, evidence="x")
    with pytest.raises(CommandRefused, match="a resolve is under way"):
        release_lock(saga, "unit-1", **SAID)
    (done,) = finish(waits.run)
    with pytest.raises(CommandRefused, match="'compensated'"):
        resolve_saga(saga, **SAID, evidence="x")
    assert Command.objects.filter(run=done.run).count() == 1


def test_nobody_can_be_told_anything_where_nobody_drives() -> None:
    run = create_run(scenario(mode="choreography", **PATIENT))
    command = Command.objects.create(
        run=run, saga=f"{run.pk}-1", kind="release-lock", who="ann", detail={"record": "x"}
    )
    finish(run)
    command.refresh_from_db()
    assert command.refusal == "nobody drives this run, so there is nobody to tell"


def test_the_api_takes_a_resolution_and_a_release() -> None:
    waits, client = stuck(NO_RELEASE), Client(enforce_csrf_checks=True)
    saga = waits.sagas[0].pk

    def post(what: str, **value: str) -> tuple[int, list[str]]:
        answer = client.post(f"/api/sagas/{saga}/{what}", value, content_type="application/json")
        return answer.status_code, [error["field"] for error in answer.json().get("errors", [])]

    assert post("resolve", who="ann") == (422, ["why", "evidence"])
    assert post("resolve", **SAID, evidence=" ") == (422, ["evidence"])
    assert post("release", **SAID, record="unit-9") == (409, ["id"])
    assert post("release", **SAID, record="unit-1", saw="7") == (422, ["saw"])
    assert post("release", **SAID, record="unit-1") == (202, [])
    finish(waits.run)
    assert post("resolve", **SAID, evidence="it is on the shelf") == (202, [])
    finish(waits.run)
    done = read(waits.run.pk)
    assert done.states == ["compensated"]
    said = [sentence(e) for e in done.kinds(Kind.OPERATOR_ACTED)]
    assert said == [
        "ann takes unit-1 away from ord-8412, which cannot give it back itself.",
        "ann has done the undo of reserve-inventory by hand: it is on the shelf. The saga goes on.",
    ]
