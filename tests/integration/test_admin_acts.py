"""What an operator does in the admin becomes a command, then an entry with who, why and what they saw."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from sagas.admin import acts
from sagas.entries import Kind
from sagas.models import Command, Saga
from tests.engine import Finished, finish
from tests.integration.admin import client_of, stuck_run

pytestmark = pytest.mark.usefixtures("engine_databases")

WHY = "the bank is back"


@pytest.fixture
def stuck() -> Finished:
    return stuck_run()


@pytest.fixture
def ada() -> Client:
    return client_of("ada", "view_run", "view_saga", "view_alert", "operate_saga")


def form(run: Finished, act: str = "retry") -> str:
    return f"/admin/sagas/saga/{run.sagas[0].pk}/act/{act}/"


def last(run: Finished) -> int:
    return run.entries[-1].seq


def commands(run: Finished) -> list[Command]:
    return list(Command.objects.filter(run=run.run.pk))


def test_rule_34_a_retry_is_journaled_with_who_why_and_what_they_saw(ada: Client, stuck: Finished) -> None:
    answer = ada.post(form(stuck), {"why": WHY, "saw": last(stuck)})
    (command,) = commands(stuck)
    page = f"/admin/sagas/saga/{stuck.sagas[0].pk}/change/?asked={command.pk}"
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert "data-waits" in ada.get(page).content.decode()

    (after,) = finish(stuck.run)
    assert after.states == ["compensated"]
    (acted,) = after.kinds(Kind.OPERATOR_ACTED)
    assert acted.detail == {"action": "retry", "who": "ada", "why": WHY, "saw": last(stuck)}
    shown = ada.get(page).content.decode()
    assert "data-waits" not in shown
    assert f"entry {acted.seq}</a>" in shown
    assert re.search(
        rf"<dt>who</dt><dd>ada</dd>.*<dt>why</dt><dd>{WHY}</dd>.*<dt>saw</dt><dd>{last(stuck)}</dd>", shown
    )


def test_to_look_at_the_form_does_nothing(ada: Client, stuck: Finished) -> None:
    shown = ada.get(f"{form(stuck)}?saw=7")
    assert shown.status_code == 200
    assert re.search(r'name="saw" value="7"', shown.content.decode())
    assert commands(stuck) == []


def test_rule_34_without_a_reason_nothing_is_done(ada: Client, stuck: Finished) -> None:
    for said in (
        {"saw": 7},
        {"why": "   ", "saw": 7},
        {"why": WHY},
        {"why": WHY, "saw": "x"},
        {"why": "x" * 1001, "saw": 7},
    ):
        answer = ada.post(form(stuck), said)
        assert answer.status_code == 422, said
        assert "errornote" in answer.content.decode() or 'class="error"' in answer.content.decode()
    assert commands(stuck) == []


def test_who_may_only_look_may_not_act(stuck: Finished) -> None:
    bob = client_of("bob", "view_run", "view_saga", "view_alert")
    assert bob.get(form(stuck)).status_code == 403
    assert bob.post(form(stuck), {"why": WHY, "saw": last(stuck)}).status_code == 403
    assert "/act/" not in bob.get(f"/admin/sagas/saga/{stuck.sagas[0].pk}/change/").content.decode()
    assert "/act/" not in bob.get("/admin/sagas/alert/").content.decode()
    assert commands(stuck) == []


def test_a_post_from_elsewhere_is_refused(stuck: Finished) -> None:
    client = client_of("ada", "view_saga", "operate_saga", strict=True)
    assert client.post(form(stuck), {"why": WHY, "saw": last(stuck)}).status_code == 403
    assert commands(stuck) == []
    page = client.get(form(stuck)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    said = {"why": WHY, "saw": last(stuck), "csrfmiddlewaretoken": token[1]}
    assert client.post(form(stuck), said).status_code == 302


def test_rule_34_a_saga_that_has_moved_on_is_left_alone(ada: Client, stuck: Finished) -> None:
    saw = next(e.seq for e in stuck.entries if e.kind is Kind.SAGA_COMPENSATING)
    answer = ada.post(form(stuck), {"why": WHY, "saw": saw}, follow=True)
    assert f"the saga has moved on since entry {saw}" in answer.content.decode()
    assert commands(stuck) == []


def test_a_saga_that_waits_for_nobody_is_left_alone(ada: Client, stuck: Finished) -> None:
    ada.post(form(stuck), {"why": WHY, "saw": last(stuck)})
    (after,) = finish(stuck.run)
    assert "it waits for nobody" in ada.get(form(stuck)).content.decode()
    answer = ada.post(form(stuck), {"why": WHY, "saw": last(after)}, follow=True)
    assert "Refused, and nothing was done: cannot retry: the state is" in answer.content.decode()
    assert len(commands(stuck)) == 1


def test_two_operators_who_press_at_once_act_once(ada: Client, stuck: Finished) -> None:
    bob = client_of("bob", "view_saga", "operate_saga")
    ada.post(form(stuck), {"why": WHY, "saw": last(stuck)})
    answer = bob.post(form(stuck), {"why": "me, too", "saw": last(stuck)}, follow=True)
    assert "a retry is under way" in answer.content.decode()
    assert [command.who for command in commands(stuck)] == ["ada"]


def test_what_other_sagas_of_the_run_do_is_no_reason_to_refuse(stuck: Finished) -> None:
    saga = Saga.objects.get(pk=stuck.sagas[0].pk)
    (needs,) = stuck.kinds(Kind.SAGA_NEEDS_OPERATOR)
    assert not acts.moved_on(saga, needs.seq), "run-finished is no decision about the saga"
    assert acts.moved_on(saga, needs.seq - 1)
    with pytest.raises(acts.MovedOn):
        acts.perform(acts.RETRY, saga, "ada", {"why": WHY, "saw": needs.seq - 1})


def test_an_act_or_a_saga_that_is_not_there_is_not_found(ada: Client, stuck: Finished) -> None:
    assert ada.get(form(stuck, "explode")).status_code == 404
    assert ada.get("/admin/sagas/saga/nobody-1/act/retry/").status_code == 404
