"""What an operator settles or takes away by hand, in the admin: journaled with evidence, reason and name."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from sagas.entries import Kind, Op
from sagas.models import Command
from tests.engine import Finished, drive, fault, finish, scenario
from tests.integration.admin import client_of, make_room

pytestmark = pytest.mark.usefixtures("engine_databases")

WHY = "the customer called"
EVIDENCE = "bank slip 4711"
NEVER = (fault("notify-warehouse", "decline"), fault("charge-payment", "error", on="compensation"))


@pytest.fixture
def ada() -> Client:
    return client_of("ada", "view_run", "view_saga", "view_alert", "operate_saga")


@pytest.fixture
def stuck() -> Finished:
    make_room()
    (run,) = drive(scenario(*NEVER, timeout_ms=2000))
    return run


def form(run: Finished, act: str, saga: int = 0) -> str:
    return f"/admin/sagas/saga/{run.sagas[saga].pk}/act/{act}/"


def last(run: Finished) -> int:
    return run.entries[-1].seq


def test_a_saga_that_is_resolved_with_evidence_goes_on_without_another_call(ada: Client, stuck: Finished) -> None:
    calls = len(stuck.kinds(Kind.ATTEMPT_STARTED, step="charge-payment", op=Op.COMPENSATION))
    answer = ada.post(form(stuck, "resolve"), {"why": WHY, "evidence": EVIDENCE, "saw": last(stuck)})
    assert answer.status_code == 302, answer.content
    (after,) = finish(stuck.run)
    assert after.states == ["compensated"]
    assert len(after.kinds(Kind.ATTEMPT_STARTED, step="charge-payment", op=Op.COMPENSATION)) == calls
    (acted,) = after.kinds(Kind.OPERATOR_ACTED)
    said = {"action": "resolve", "who": "ada", "why": WHY, "saw": last(stuck), "evidence": EVIDENCE}
    assert said.items() <= acted.detail.items()
    shown = ada.get(answer["Location"]).content.decode()
    assert re.search(rf"<dt>evidence</dt><dd>{EVIDENCE}</dd>", shown)


def test_a_resolution_needs_evidence(ada: Client, stuck: Finished) -> None:
    for said in ({"why": WHY, "saw": last(stuck)}, {"why": WHY, "evidence": "  ", "saw": last(stuck)}):
        assert ada.post(form(stuck, "resolve"), said).status_code == 422
    assert not Command.objects.filter(run=stuck.run.pk).exists()


def test_all_acts_are_offered_where_the_saga_is_stuck(ada: Client, stuck: Finished) -> None:
    page = ada.get(f"/admin/sagas/saga/{stuck.sagas[0].pk}/change/").content.decode()
    for act in ("retry", "resolve", "release"):
        assert f"/act/{act}/?saw={last(stuck)}" in page
    assert "record=unit-1" in page
    queue = ada.get("/admin/sagas/alert/").content.decode()
    assert form(stuck, "resolve") in queue


def test_a_lock_that_is_released_by_force_goes_to_who_waits_for_it(ada: Client) -> None:
    faults = [{**each, "saga": 0} for each in NEVER]
    (run,) = drive(scenario(*faults, orders=2, stock=1, lock="wait", timeout_ms=2000))
    assert sorted(run.states) == ["needs-operator", "running"]
    holder = run.states.index("needs-operator")
    asks = ada.get(f"{form(run, 'release', holder)}?saw={last(run)}&record=unit-1").content.decode()
    assert 'name="record" value="unit-1"' in asks
    said = {"why": WHY, "record": "unit-1", "saw": last(run)}
    assert ada.post(form(run, "release", holder), said).status_code == 302
    (after,) = finish(run.run)
    assert sorted(after.states) == ["completed", "needs-operator"]
    (acted,) = after.kinds(Kind.OPERATOR_ACTED)
    assert {"who": "ada", "why": WHY, "saw": last(run), "record": "unit-1"}.items() <= acted.detail.items()


def test_a_record_that_the_saga_does_not_hold_is_refused(ada: Client, stuck: Finished) -> None:
    said = {"why": WHY, "record": "unit-2", "saw": last(stuck)}
    answer = ada.post(form(stuck, "release"), said, follow=True)
    assert "Refused, and nothing was done" in answer.content.decode()
    assert not Command.objects.filter(run=stuck.run.pk).exists()
