"""Forks over HTTP: a new run with all its addresses, and every wrong field by its name."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from playground import worlds
from playground.scenario import FaultSpec
from sagas.models import Run
from tests.engine import drive, fault, finish, read, scenario

AT_FOUR = fault("notify-warehouse", "decline")


@pytest.fixture(scope="module")
def parent(engine_databases: None) -> Run:
    (done,) = drive(scenario(AT_FOUR, timeout_ms=5000))
    return done.run


def fork(parent: Run, value: object, **headers: str) -> Any:
    address = f"/api/runs/{parent.pk}/fork"
    client = Client(enforce_csrf_checks=True)
    return client.post(address, value, content_type="application/json", headers=headers)


def test_a_fork_is_made_with_all_its_addresses_and_new_faults(parent: Run) -> None:
    answer = fork(parent, {"at": 5, "faults": [{"step": "book-delivery", "kind": "error"}]})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == made["url"] == f"http://testserver/runs/{made['id']}/"
    run = Run.objects.get(pk=made["id"])
    assert (run.forked_from_id, run.forked_at, run.last_seq) == (parent.pk, 5, 5)
    (done,) = finish(run)
    assert done.states == ["compensated"]
    assert done.sagas[0].cause["step"] == "book-delivery"


def test_without_faults_in_the_request_a_fork_keeps_its_parents(parent: Run) -> None:
    run = Run.objects.get(pk=fork(parent, {"at": 1}).json()["id"])
    assert [each["step"] for each in run.scenario["faults"]] == ["notify-warehouse"]
    (done,) = finish(run)
    assert done.states == ["compensated"]


def test_a_fork_of_a_finished_moment_is_finished(parent: Run) -> None:
    run = Run.objects.get(pk=fork(parent, {"at": parent.last_seq, "faults": []}).json()["id"])
    assert (run.state, read(run.pk).states) == ("finished", ["compensated"])
    assert Client().get(f"/api/runs/{run.pk}").json()["facts"]["consistent"] is True


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({}, ["at"]),
        ({"at": 0}, ["at"]),
        ({"at": True}, ["at"]),
        ({"at": "3"}, ["at"]),
        ({"at": 10_000, "faults": [{"step": "nothing", "kind": "error"}]}, ["at", "faults.0.step"]),
        ({"at": 1, "faults": [AT_FOUR, {"step": "create-order", "kind": "meteor"}]}, ["faults.1.kind"]),
        ({"at": 1, "faults": 3}, ["faults"]),
        ({"at": 1, "seed": 4}, ["seed"]),
        ([1], [""]),
    ],
)
def test_every_wrong_field_is_named(parent: Run, value: object, fields: list[str]) -> None:
    answer = fork(parent, value)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, fields)


def test_an_unknown_run_is_a_404_and_one_key_makes_one_fork(parent: Run) -> None:
    assert fork(Run(id="nothing"), {"at": 1}).status_code == 404
    key = {"Idempotency-Key": f"fork {parent.pk} once"}
    first, second = (fork(parent, {"at": 2}, **key) for _ in range(2))
    assert (first.status_code, first.content) == (201, second.content)
    assert Run.objects.filter(forked_from=parent, forked_at=2).count() == 1


def test_pages_fork_with_faults_that_are_validated_already(parent: Run) -> None:
    run = worlds.fork(parent, 3, [FaultSpec(step="create-order", kind="timeout", times=1)])
    assert run.scenario["faults"] == [
        {"step": "create-order", "on": "action", "kind": "timeout", "times": 1, "saga": None}
    ]
    assert (run.forked_from_id, run.forked_at) == (parent.pk, 3)


def test_the_call_is_described() -> None:
    described = Client().get("/api/openapi.json").json()["paths"]["/api/runs/{id}/fork"]["post"]
    assert {"201", "404", "409", "422"} <= set(described["responses"])
    assert set(described["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"at", "faults"}
