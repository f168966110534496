"""What the API and a run's page can ask of a run, over real databases and a real worker."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from sagas.entries import Kind
from sagas.models import Command, Run
from sagas.runs import create_run
from tests.engine import finish, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

KINDS = ["pause", "resume", "step", "cancel"]


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


def post(client: Client, path: str, value: object = None, **headers: str) -> Any:
    body = {} if value is None else {"data": value}
    return client.post(path, **body, content_type="application/json", headers=headers)


def new_run() -> str:
    return create_run(scenario(timeout_ms=5000)).pk


def test_what_is_asked_is_accepted_and_done(client: Client) -> None:
    run = new_run()
    answers = [
        post(client, f"/api/runs/{run}/{kind}", {"who": "ada", "why": "to see"}) for kind in KINDS[:1] + KINDS[2:]
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert answers[0].json() == {"id": run, "state": "accepted"}
    assert post(client, f"/api/runs/{run}/resume").status_code == 202
    (done,) = finish(Run.objects.get(pk=run))
    acted = [(e.detail["action"], e.detail["who"]) for e in done.kinds(Kind.OPERATOR_ACTED)]
    assert acted == [("pause", "ada"), ("step", "ada"), ("cancel", "ada"), ("resume", "someone, through the API")]
    assert done.states == ["compensated"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_run_is_a_404_and_a_finished_one_a_409(client: Client, kind: str) -> None:
    assert post(client, f"/api/runs/nothing/{kind}").status_code == 404
    (done,) = finish(Run.objects.get(pk=new_run()))
    answer = post(client, f"/api/runs/{done.run.pk}/{kind}")
    assert (answer.status_code, answer.json()["errors"]) == (
        409,
        [{"field": "id", "message": f"cannot {kind}: the state is 'finished'"}],
    )


def test_a_key_asks_once(client: Client) -> None:
    run, key = new_run(), {"Idempotency-Key": "pause it once, please"}
    first, second = (post(client, f"/api/runs/{run}/pause", {}, **key) for _ in range(2))
    assert (first.status_code, first.content) == (second.status_code, second.content) == (202, first.content)
    assert Command.objects.filter(run=run).count() == 1


@pytest.mark.parametrize(("body", "field"), [({"who": 7}, "who"), ({"evidence": "x"}, "evidence"), ([1], "")])
def test_a_wrong_reason_is_named(client: Client, body: object, field: str) -> None:
    answer = post(client, f"/api/runs/{new_run()}/pause", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_the_page_asks_with_a_form_and_its_token() -> None:
    run, client = new_run(), Client()
    address = f"/runs/{run}/ask/"
    assert client.post(f"{address}pause", headers={"hx-request": "true"}).status_code == 204
    refused = client.post(f"{address}pause")
    assert (refused.status_code, refused.content) == (409, b"cannot pause: the run is paused already.")
    assert refused.headers["Content-Type"].startswith("text/plain")
    plain = client.post(f"{address}resume")
    assert (plain.status_code, plain.headers["Location"]) == (302, f"/runs/{run}/")
    assert client.post("/runs/nothing/ask/pause").status_code == 404
    assert client.get(f"{address}pause").status_code == 405
    assert Client(enforce_csrf_checks=True).post(f"{address}pause").status_code == 403
    assert list(Command.objects.filter(run=run).values_list("kind", flat=True)) == ["pause", "resume"]


def test_each_call_is_described(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    for kind in KINDS:
        described = paths[f"/api/runs/{{id}}/{kind}"]["post"]
        assert {"202", "404", "409"} <= set(described["responses"])
        assert "who" in described["requestBody"]["content"]["application/json"]["schema"]["properties"]
