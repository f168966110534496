"""Visitors do not meet: what one run does, or is asked, never changes what another one holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from sagas import catalog, journal
from sagas.models import JournalEntry, Run, Saga, Step
from sagas.runs import ID_LENGTH, ID_LETTERS, create_run, new_id
from tests.engine import Finished, drive, fault, finish, read, scenario, until, working

pytestmark = pytest.mark.usefixtures("engine_databases")

STUCK = scenario(
    fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation"), orders=2, stock=2
)
MINE = {Run: "pk", Saga: "run", Step: "saga__run", JournalEntry: "run"}


def holdings(run: str) -> dict[str, list[Any]]:
    """Return every row that a run owns, in every database."""
    found = {model.__name__: _rows(model, **{key: run}) for model, key in MINE.items()}
    for name in catalog.SERVICES:
        for model in apps.get_app_config(name).get_models():
            found[f"{name}.{model.__name__}"] = _rows(model, world=run)
    return found


def _rows(model: Any, **mine: str) -> list[Any]:
    rows = model._default_manager.filter(**mine).order_by("pk").values()
    return [{name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()} for row in rows]


def ask(address: str, **value: Any) -> dict[str, Any]:
    """Return what the API answered to a visitor whom it took at their word."""
    answer = Client().post(address, value, content_type="application/json")
    assert answer.status_code in (201, 202), answer.content
    said: dict[str, Any] = answer.json()
    return said


def two_stuck() -> tuple[Finished, Finished]:
    """Return two runs of two strangers: the same orders, keys and records, at the same time."""
    one, other = drive(STUCK, STUCK)
    assert one.states == other.states == ["needs-operator"] * 2
    names = [{row["key"] for row in _rows(Step, saga__run=each.run)} for each in (one, other)]
    assert names[0] == names[1], "both must use the same keys, or nothing is shown"
    return one, other


def resolve(run: str) -> None:
    ask(f"/api/sagas/{run}-1/resolve", who="Ana", why="seen", evidence="receipt 7")


def retry(run: str) -> None:
    ask(f"/api/sagas/{run}-1/retry")


def release(run: str) -> None:
    (held, *_) = catalog.SERVICES["inventory"].pending(run)
    number = "1" if held["owner"] == "ord-8412" else "2"
    ask(f"/api/sagas/{run}-{number}/release", who="Ana", why="sold elsewhere", record=held["record"])


@pytest.mark.parametrize("act", [resolve, retry, release])
def test_what_an_operator_does_to_one_run_leaves_the_other_as_it_was(act: Callable[[str], None]) -> None:
    one, other = two_stuck()
    mine, theirs = holdings(one.run.pk), holdings(other.run.pk)
    act(one.run.pk)
    finish(one.run)
    assert holdings(one.run.pk) != mine, "the act must have done something"
    assert holdings(other.run.pk) == theirs


def test_a_fork_leaves_its_parent_and_everybody_else_as_they_were() -> None:
    one, other = two_stuck()
    before = holdings(one.run.pk), holdings(other.run.pk)
    fork = ask(f"/api/runs/{one.run.pk}/fork", at=8, faults=[])["id"]
    (forked,) = finish(Run.objects.get(pk=fork))
    assert forked.states == ["completed", "completed"]
    assert (holdings(one.run.pk), holdings(other.run.pk)) == before


def test_to_cancel_one_run_turns_no_other_one() -> None:
    slow = {**scenario(), "latency_ms": 40, "orders": 2, "stock": 2}
    one, other = create_run(slow), create_run(slow)

    async def race() -> None:
        async with working() as (_, _, wait):
            await asyncio.to_thread(until, one.pk, lambda entries: len(entries) > 6)
            await asyncio.to_thread(ask, f"/api/runs/{one.pk}/cancel")
            await wait([one.pk, other.pk])

    asyncio.run(race())
    assert read(one.pk).states == ["compensated"] * 2
    assert read(other.pk).states == ["completed"] * 2
    assert read(other.pk).facts()["orders_confirmed"] == 2
    assert not any(entry.kind == "operator-acted" for entry in journal.read_all(other.pk))


def test_a_saga_is_asked_by_the_run_that_it_is_of() -> None:
    one, other = two_stuck()
    before = holdings(one.run.pk), holdings(other.run.pk)
    answer = Client().post(f"/runs/{one.run.pk}/sagas/{other.run.pk}-1/retry")
    assert answer.status_code == 404
    assert (holdings(one.run.pk), holdings(other.run.pk)) == before


def test_nobody_guesses_the_id_of_a_run() -> None:
    ids = {new_id() for _ in range(20_000)}
    assert len(ids) == 20_000
    assert len(ID_LETTERS) ** ID_LENGTH > 2**77
    for place in range(ID_LENGTH):
        seen = [each[place] for each in ids]
        assert {*seen} == {*ID_LETTERS}, "every letter can stand at every place"
        assert max(map(seen.count, ID_LETTERS)) < 2 * len(seen) / len(ID_LETTERS), "and none much more often"
