"""One rule held twice: Inventory changes its own, and whoever copied the old one goes on selling."""

from __future__ import annotations

from typing import Any

import pytest

from playground import facts
from sagas import secondhand
from sagas.simulation import simulate
from tests.engine import Finished, drive, scenario

LAST_ONE: dict[str, Any] = {"stock": 1, "keep_back": 1}
OWN_RULE = ["fail-fast", "wait"]
COPIED_RULE = ["off", "naive"]

pytestmark = pytest.mark.usefixtures("engine_databases")


def judged(done: Finished) -> dict[str, Any]:
    return facts.read(done.run).facts(4900, at_rest=True)


@pytest.mark.parametrize("lock", OWN_RULE)
def test_inventory_does_not_sell_what_it_keeps_back(lock: str) -> None:
    (done,) = drive(scenario(**LAST_ONE, lock=lock))
    books = judged(done)
    assert done.states == ["compensated"]
    assert done.sagas[0].cause["reason"] == "not for sale"
    assert (books["units_sold"], books["kept_back_sold"], books["stock_left"]) == (0, 0, 1)
    assert books["consistent"]


@pytest.mark.parametrize("lock", COPIED_RULE)
def test_a_copy_of_the_rule_sells_what_inventory_keeps_back(lock: str) -> None:
    (done,) = drive(scenario(**LAST_ONE, lock=lock))
    books = judged(done)
    assert done.states == ["completed"]
    assert (books["units_sold"], books["kept_back_sold"], books["oversold"]) == (1, 1, 0)
    assert books["violations"] == ["Inventory has promised 1 of what it keeps back."]


@pytest.mark.parametrize("lock", COPIED_RULE)
def test_it_is_the_copy_that_decides(lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secondhand, "KEPT_BACK", 1)
    (done,) = drive(scenario(**LAST_ONE, lock=lock))
    assert done.states == ["compensated"]
    assert judged(done)["kept_back_sold"] == 0


@pytest.mark.parametrize("lock", OWN_RULE)
def test_what_is_not_kept_back_is_sold_and_nobody_waits_for_the_rest(lock: str) -> None:
    (done,) = drive(scenario(stock=3, keep_back=1, orders=4, lock=lock))
    books = judged(done)
    assert (books["units_sold"], books["stock_left"], books["pending"]) == (2, 1, 0)
    assert sorted(done.states) == ["compensated", "compensated", "completed", "completed"]
    assert books["consistent"]


def test_who_waits_is_not_given_what_is_kept_back_when_another_order_is_undone() -> None:
    first_fails = {"step": "book-delivery", "on": "action", "kind": "decline", "times": None, "saga": 0}
    (done,) = drive(scenario(first_fails, stock=2, keep_back=1, orders=2, lock="wait"))
    books = judged(done)
    assert done.states == ["compensated", "completed"]
    assert (books["units_sold"], books["kept_back_sold"], books["stock_left"]) == (1, 0, 1)


@pytest.mark.parametrize("keep_back", [2, 5])
def test_more_may_be_kept_back_than_there_is(keep_back: int) -> None:
    run = simulate(scenario(stock=2, keep_back=keep_back, lock="off", orders=2), 1)
    assert (run.facts["units_sold"], run.facts["kept_back_sold"], run.facts["oversold"]) == (2, 2, 0)
