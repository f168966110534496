"""What a lock is for: without one, or with one that is set after looking, a unit is sold twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sagas.entries import Kind, Op
from sagas.services.base import Answer, Verdict
from tests.engine import drive, fault, scenario

if TYPE_CHECKING:
    from tests.integration.conftest import Desk, Shop

OpenShop = Callable[..., "Shop"]

NO_LOCK = ["off", "naive"]
LOCKS = ["fail-fast", "wait"]
ANA, BEN, CARA = "ord-8412", "ord-8413", "ord-8414"


def look(desk: Desk, order: str, lock: str) -> Callable[[], Answer]:
    """Look for a unit now; the function that is returned acts on what was seen."""
    call = desk.call(order, desk.action, Op.ACTION, lock=lock)
    seen = desk.service.look(desk.action, call)
    return lambda: desk.service.deliver(desk.action, call, seen)


def both_hold(desk: Desk, lock: str) -> None:
    for act in [look(desk, order, lock) for order in (ANA, BEN)]:
        assert act().verdict is Verdict.OK


def facts(desk: Desk) -> dict[str, Any]:
    """Return what the desk counts, without what concerns units that are kept back: here none are."""
    return {name.removeprefix("units_"): n for name, n in desk.facts().items() if name != "kept_back_sold"}


@pytest.mark.parametrize("lock", NO_LOCK)
def test_rule_31_who_looked_before_the_other_wrote_holds_the_same_unit(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop(stock=1)["inventory"]
    both_hold(desk, lock)
    assert [(row.order, row.kind, row.record) for row in desk.rows()] == [(o, "hold", "unit-1") for o in (ANA, BEN)]
    flagged = lock == "naive"
    assert {row.lock for row in desk.rows()} == {"acquired" if flagged else ""}
    assert facts(desk) == {"held": 2, "sold": 0, "stock_left": 0, "oversold": 1, "pending": int(flagged)}
    assert desk.service.pending(desk.world) == ([{"record": "unit-1", "owner": BEN}] if flagged else [])


@pytest.mark.parametrize("lock", NO_LOCK)
def test_rule_31_who_looks_after_the_other_wrote_is_refused(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop(stock=1)["inventory"]
    assert look(desk, ANA, lock)().verdict is Verdict.OK
    refused = look(desk, BEN, lock)()
    expected = ("locked", "unit-1", ANA) if lock == "naive" else ("out of stock", "", "")
    assert (refused.verdict, refused.whole_key) == (Verdict.REFUSED, True)
    assert (refused.reason, refused.record, refused.owner) == expected
    desk.settle(ANA, lock=lock)
    gone = look(desk, CARA, lock)()
    assert (gone.reason, gone.record) == ("out of stock", "")


@pytest.mark.parametrize("lock", NO_LOCK)
def test_a_delivery_that_nobody_looked_for_looks_in_its_own_transaction(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop(stock=1)["inventory"]
    assert [desk.act(order, lock=lock).verdict for order in (ANA, BEN)] == [Verdict.OK, Verdict.REFUSED]


@pytest.mark.parametrize("lock", NO_LOCK)
def test_what_was_seen_is_not_looked_at_again(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop(orders=3, stock=1)["inventory"]
    early = look(desk, ANA, lock)
    both_are_gone = [desk.act(BEN, lock=lock), desk.settle(BEN, lock=lock)]
    assert {answer.verdict for answer in both_are_gone} == {Verdict.OK}
    assert early().verdict is Verdict.OK, "it saw the unit free, and takes it although it is sold"
    assert (facts(desk)["sold"], facts(desk)["held"], facts(desk)["oversold"]) == (1, 1, 1)

    desk = open_shop(orders=3, stock=1)["inventory"]
    desk.act(BEN, lock=lock)
    late = look(desk, ANA, lock)
    desk.undo(BEN, lock=lock)
    assert late().verdict is Verdict.REFUSED, "it saw none free, and takes none although one is"


@pytest.mark.parametrize("lock", NO_LOCK)
def test_a_unit_that_two_hold_is_sold_to_both(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop(stock=1)["inventory"]
    both_hold(desk, lock)
    for order in (ANA, BEN):
        assert desk.settle(order, lock=lock).verdict is Verdict.OK
    assert facts(desk) == {"held": 0, "sold": 2, "stock_left": 0, "oversold": 1, "pending": 0}
    for order in (ANA, BEN):
        assert desk.settle(order, lock=lock, idempotency=False).rows == (), "told twice, sold once"
        assert desk.undo(order, lock=lock).verdict is Verdict.REFUSED
    assert facts(desk)["sold"] == 2


ENDS = list(itertools.permutations([(ANA, "sell"), (BEN, "release")])) + list(
    itertools.permutations([(ANA, "release"), (BEN, "release")])
)


@pytest.mark.parametrize("lock", NO_LOCK)
@pytest.mark.parametrize("ends", ENDS, ids=lambda ends: "-".join(f"{order}-{end}" for order, end in ends))
def test_rule_32_a_release_leaves_the_unit_to_the_other(
    open_shop: OpenShop, lock: str, ends: list[tuple[str, str]]
) -> None:
    desk = open_shop(orders=3, stock=1)["inventory"]
    both_hold(desk, lock)
    for n, (order, end) in enumerate(ends):
        answer = (desk.settle if end == "sell" else desk.undo)(order, lock=lock)
        assert answer.verdict is Verdict.OK
        assert {row.lock for row in answer.rows} == {"released" if lock == "naive" else ""}
        if n == 0:
            assert facts(desk)["stock_left"] == 0, "the other one still holds it"
            assert look(desk, CARA, lock)().verdict is Verdict.REFUSED
    sold = sum(end == "sell" for _, end in ends)
    assert facts(desk) == {"held": 0, "sold": sold, "stock_left": 1 - sold, "oversold": 0, "pending": 0}


@pytest.mark.parametrize("lock", NO_LOCK)
@pytest.mark.parametrize(("orders", "stock"), [(3, 3), (2, 5), (8, 3), (4, 1)])
def test_rule_33_no_unit_is_made_or_lost_but_those_that_were_promised_twice(
    open_shop: OpenShop, lock: str, orders: int, stock: int
) -> None:
    shop = open_shop(orders=orders, stock=stock)
    desk = shop["inventory"]
    acts = [look(desk, order, lock) for order in shop.orders]
    for taken, act in enumerate(acts, 1):
        act()
        counted = facts(desk)
        assert counted["oversold"] == max(0, taken - stock)
        assert counted["stock_left"] + counted["held"] == stock + counted["oversold"]
    for order in shop.orders:
        desk.settle(order, lock=lock)
    assert facts(desk)["sold"] - facts(desk)["oversold"] == min(orders, stock)


@pytest.mark.parametrize("lock", NO_LOCK)
def test_keys_and_fences_hold_without_a_lock_too(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop(stock=2)["inventory"]
    first, again, late = look(desk, ANA, lock), look(desk, ANA, lock), look(desk, BEN, lock)
    answers = [first(), again()]
    assert answers[0].body == answers[1].body
    assert [answer.replayed for answer in answers] == [False, True]
    desk.undo(BEN, lock=lock)
    assert late().verdict is Verdict.FENCED
    assert facts(desk)["held"] == 1


def test_only_a_reservation_without_a_lock_looks_first(open_shop: OpenShop) -> None:
    shop = open_shop()
    looking = {
        (name, lock)
        for name, desk in shop.desks.items()
        for lock in LOCKS + NO_LOCK
        for handler in (desk.action, desk.compensation, desk.settlement)
        if handler is not None and desk.service.looks_first(handler, lock)
    }
    assert looking == {("inventory", lock) for lock in NO_LOCK}


@pytest.mark.parametrize("lock", NO_LOCK)
def test_to_look_leaves_no_trace(open_shop: OpenShop, lock: str) -> None:
    desk = open_shop()["inventory"]
    before = desk.tables()
    look(desk, ANA, lock)
    assert desk.tables() == before


def test_rule_31_two_orders_for_one_unit_in_real_runs(engine_databases: None) -> None:
    patient: dict[str, Any] = {"orders": 2, "stock": 1, "timeout_ms": 5000}
    runs = dict(zip(NO_LOCK + LOCKS, drive(*(scenario(lock=lock, **patient) for lock in NO_LOCK + LOCKS)), strict=True))
    for lock in NO_LOCK:
        done = runs[lock]
        assert done.states == ["completed", "completed"]
        assert (done.facts()["units_sold"], done.facts()["oversold"], done.facts()["pending"]) == (2, 1, 0)
    for lock in LOCKS:
        done = runs[lock]
        assert sorted(done.states) == ["compensated", "completed"]
        assert (done.facts()["units_sold"], done.facts()["oversold"], done.facts()["pending"]) == (1, 0, 0)


def test_rule_31_eight_orders_without_a_lock_oversell_what_is_missing(engine_databases: None) -> None:
    for done in drive(*(scenario(lock=lock, orders=8, stock=3, timeout_ms=20_000) for lock in NO_LOCK)):
        assert done.states == ["completed"] * 8
        assert (done.facts()["units_sold"], done.facts()["oversold"], done.facts()["stock_left"]) == (8, 5, 0)


def test_a_saga_that_holds_a_unit_twice_promised_gives_back_only_its_own(engine_databases: None) -> None:
    turn = fault("notify-warehouse", "decline")
    patient: dict[str, Any] = {"orders": 2, "stock": 1, "timeout_ms": 5000}
    for done in drive(*(scenario(turn, lock=lock, **patient) for lock in NO_LOCK)):
        assert len(done.kinds(Kind.ATTEMPT_FAILED, step="notify-warehouse")) == 2, "the fault was never met"
        assert done.states == ["compensated", "compensated"]
        counted = done.facts()
        assert (counted["units_held"], counted["stock_left"], counted["oversold"], counted["pending"]) == (0, 1, 0, 0)
