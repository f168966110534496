"""`Idempotency-Key`: the API keeps the rule that the services keep."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client

from playground import worlds
from playground.models import ApiAnswer
from sagas.models import Run

pytestmark = pytest.mark.usefixtures("engine_databases")


def post(value: object, key: str, path: str = "/api/runs") -> Any:
    headers = {"idempotency-key": key}
    return Client(raise_request_exception=False).post(path, value, content_type="application/json", headers=headers)


@pytest.fixture
def key() -> str:
    return str(uuid4())


def test_rule_18_the_same_request_gets_the_stored_answer_byte_for_byte(key: str) -> None:
    first, second = post({"seed": 7}, key), post({"seed": 7}, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert Run.objects.filter(pk=first.json()["id"]).count() == 1


def test_rule_18_the_same_request_makes_one_run(key: str) -> None:
    before = Run.objects.count()
    for _ in range(3):
        post({}, key)
    assert Run.objects.count() == before + 1


def test_rule_18_another_body_under_the_same_key_is_refused(key: str) -> None:
    post({"seed": 7}, key)
    answer = post({"seed": 8}, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_rule_18_another_address_under_the_same_key_is_refused(key: str) -> None:
    post({}, key)
    assert post({}, key, "/api/sagas/nothing-1/retry").status_code == 422


def test_rule_18_a_request_still_in_progress_is_a_conflict(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, start = threading.Event(), threading.Event(), worlds.start

    def slow(*given: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return start(*given)

    def first() -> Any:
        try:
            return post({}, key)
        finally:
            connections.close_all()

    monkeypatch.setattr(worlds, "start", slow)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(first)
        assert begun.wait(30)
        assert post({}, key).status_code == 409
        go_on.set()
        answer = under_way.result()
    assert answer.status_code == 201
    assert post({}, key).content == answer.content


def test_a_refusal_is_an_answer_too(key: str) -> None:
    first = post({"orders": 9}, key)
    again = post({"orders": 9}, key)
    assert (first.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (422, 422, "true")
    assert first.content == again.content


def test_rule_18_an_error_is_never_stored_as_an_answer(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(worlds, "start", broken)
        assert post({}, key).status_code == 500
    assert not ApiAnswer.objects.filter(pk=key).exists()
    assert post({}, key).status_code == 201


def test_rule_17_answer_and_run_are_both_there_or_neither(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Run.objects.count()
    with monkeypatch.context() as patched:
        patched.setattr(ApiAnswer.objects, "create", lambda **given: 1 / 0)
        assert post({}, key).status_code == 500
    assert Run.objects.count() == before


@pytest.mark.parametrize("bad", ["", "k" * 256])
def test_a_key_that_is_none_is_refused(bad: str) -> None:
    answer = post({}, bad)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_without_a_key_every_request_is_a_new_one() -> None:
    client = Client()
    ids = {client.post("/api/runs", {}, content_type="application/json").json()["id"] for _ in range(2)}
    assert len(ids) == 2
