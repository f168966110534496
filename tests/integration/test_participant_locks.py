"""Semantic locks: one owner, first come first served, and nothing PENDING read as final."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connections

from sagas.errors import ServiceMisused
from sagas.services import locks
from sagas.services.base import Verdict
from sagas.services.inventory.models import Ticket, Unit
from sagas.services.payments.models import Card

if TYPE_CHECKING:
    from tests.integration.conftest import Shop

PATIENCE = 30  # seconds
PRICE = 4900  # cents

OpenShop = Callable[..., "Shop"]
Race = Callable[..., list[tuple[Any, ...]]]


def test_rule_29_a_claim_is_one_conditional_update_whatever_was_read_before(open_shop: OpenShop) -> None:
    world = open_shop(stock=1)["inventory"].world
    read_by_one, read_by_other = Unit.objects.get(world=world), Unit.objects.get(world=world)
    assert locks.claim(read_by_one, "ord-8412")
    assert not locks.claim(read_by_other, "ord-8413")
    assert locks.pending(Unit, world) == [{"record": "unit-1", "owner": "ord-8412"}]


def test_rule_29_only_the_owner_lets_go(open_shop: OpenShop) -> None:
    desk = open_shop(orders=3, stock=1)["inventory"]
    desk.act("ord-8412")
    assert desk.act("ord-8413").verdict is Verdict.REFUSED
    assert desk.undo("ord-8413").rows == (), "it was refused and holds nothing"
    assert desk.undo("ord-8414").rows == (), "it never asked"
    assert desk.settle("ord-8413").verdict is Verdict.REFUSED
    with pytest.raises(ServiceMisused):
        locks.give_back(Unit, desk.world, "unit-1", "ord-8413")
    with pytest.raises(ServiceMisused):
        locks.settle(Unit, desk.world, "unit-1", "ord-8413", "sold")
    assert desk.service.pending(desk.world) == [{"record": "unit-1", "owner": "ord-8412"}]
    row = desk.undo("ord-8412").rows[0]
    assert (row.record, row.lock) == ("unit-1", "released")
    assert desk.service.pending(desk.world) == []


def test_rule_29_waiting_is_first_come_first_served(open_shop: OpenShop) -> None:
    shop = open_shop(orders=5, stock=1)
    desk = shop["inventory"]
    first, second, third, fourth, newcomer = shop.orders

    def ask(order: str) -> Verdict:
        return desk.act(order, lock="wait").verdict

    assert [ask(order) for order in (first, second, third, fourth)] == [Verdict.OK, *[Verdict.QUEUED] * 3]
    assert [ask(order) for order in (fourth, third, second)] == [Verdict.QUEUED] * 3, "asking again keeps the place"
    desk.undo(first, lock="wait")
    assert desk.service.pending(shop.world) == [{"record": "unit-1", "owner": second}], "handed over, never free"
    assert [ask(order) for order in (newcomer, fourth, third)] == [Verdict.QUEUED] * 3, "nobody barges in"
    got = desk.act(second, lock="wait")
    assert (got.verdict, got.rows[0].record, got.rows[0].lock) == (Verdict.OK, "unit-1", "acquired")
    for before, after in ((second, third), (third, fourth), (fourth, newcomer)):
        desk.undo(before, lock="wait")
        assert ask(after) is Verdict.OK
    desk.undo(newcomer, lock="wait")
    assert desk.facts()["stock_left"] == 1
    assert desk.tables()["Ticket"] == []


def test_rule_29_who_leaves_the_line_makes_way(open_shop: OpenShop) -> None:
    shop = open_shop(orders=4, stock=1)
    desk = shop["inventory"]
    first, second, third, fourth = shop.orders
    for order in shop.orders:
        desk.act(order, lock="wait")
    assert desk.undo(second, lock="wait").rows == (), "it only gave up its place"
    desk.undo(first, lock="wait")
    assert desk.service.pending(shop.world) == [{"record": "unit-1", "owner": third}]
    passed_on = desk.undo(third, lock="wait").rows
    assert [(row.kind, row.amount, row.record, row.lock) for row in passed_on] == [("release", 0, "unit-1", "released")]
    assert desk.act(fourth, lock="wait").verdict is Verdict.OK
    assert desk.act(second, lock="wait").verdict is Verdict.FENCED
    assert desk.act(third, lock="wait").verdict is Verdict.FENCED


def test_rule_29_a_sale_of_the_last_unit_ends_the_line(open_shop: OpenShop) -> None:
    desk = open_shop(stock=1)["inventory"]
    desk.act("ord-8412", lock="wait")
    desk.act("ord-8413", lock="wait")
    desk.settle("ord-8412")
    assert desk.tables()["Ticket"] == []
    answer = desk.act("ord-8413", lock="wait")
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, "out of stock")


def test_rule_29_a_release_that_races_a_request_never_loses_the_wake_up(open_shop: OpenShop, race: Race) -> None:
    shop = open_shop(orders=101, stock=1)
    desk, orders = shop["inventory"], shop.orders
    assert desk.act(orders[0], lock="wait").verdict is Verdict.OK

    def ask_after_release(n: int) -> Verdict:
        first = desk.act(orders[n + 1], lock="wait").verdict
        released.wait(PATIENCE)
        return first if first is Verdict.OK else desk.act(orders[n + 1], lock="wait").verdict

    def release(n: int) -> Verdict:
        verdict = desk.undo(orders[n], lock="wait").verdict
        released.wait(PATIENCE)
        return verdict

    released = threading.Barrier(2)
    assert set(race(release, ask_after_release, rounds=100)) == {(Verdict.OK, Verdict.OK)}


def test_rule_29_eight_sagas_that_wait_all_get_their_turn(open_shop: OpenShop, race: Race) -> None:
    shop = open_shop(orders=8, stock=2)
    desk = shop["inventory"]
    changed = threading.Condition()
    inside: list[str] = []
    crowds: list[int] = []

    def saga(n: int, order: str) -> bool:
        with changed:
            if not changed.wait_for(lambda: desk.act(order, lock="wait").verdict is Verdict.OK, PATIENCE):
                return False
            inside.append(order)
            crowds.append(len(inside))
        with changed:
            inside.remove(order)
            desk.undo(order, lock="wait")
            changed.notify_all()
        return True

    turns = race(*[lambda n, order=order: saga(n, order) for order in shop.orders])
    assert turns == [(True,) * 8]
    assert max(crowds) <= 2, "as many owners as units"
    assert desk.facts() == {
        "units_held": 0,
        "units_sold": 0,
        "stock_left": 2,
        "oversold": 0,
        "kept_back_sold": 0,
        "pending": 0,
    }


@pytest.mark.parametrize(("lock", "loser"), [("fail-fast", Verdict.REFUSED), ("wait", Verdict.QUEUED)])
def test_rule_31_fail_fast_and_wait_never_oversell(open_shop: OpenShop, race: Race, lock: str, loser: Verdict) -> None:
    shop = open_shop(orders=8, stock=3)
    desk = shop["inventory"]
    [verdicts] = race(*[lambda n, order=order: desk.act(order, lock=lock).verdict for order in shop.orders])
    assert sorted(verdicts) == sorted([Verdict.OK] * 3 + [loser] * 5)
    assert desk.facts() == {
        "units_held": 3,
        "units_sold": 0,
        "stock_left": 0,
        "oversold": 0,
        "kept_back_sold": 0,
        "pending": 3,
    }
    for order in desk.net():
        assert desk.settle(order).verdict is Verdict.OK
    assert desk.facts() == {
        "units_held": 0,
        "units_sold": 3,
        "stock_left": 0,
        "oversold": 0,
        "kept_back_sold": 0,
        "pending": 0,
    }


def test_rule_31_a_locked_unit_refuses_by_name_and_an_empty_shelf_for_good(open_shop: OpenShop) -> None:
    desk = open_shop(orders=3, stock=1)["inventory"]
    desk.act("ord-8412")
    locked = desk.act("ord-8413")
    assert (locked.reason, locked.status, locked.record, locked.owner) == ("locked", 409, "unit-1", "ord-8412")
    desk.settle("ord-8412")
    gone = desk.act("ord-8414")
    assert (gone.reason, gone.status, gone.record, gone.owner) == ("out of stock", 409, "", "")


def test_a_lock_mode_that_inventory_does_not_have_is_an_error(open_shop: OpenShop) -> None:
    desk = open_shop()["inventory"]
    with pytest.raises(ServiceMisused, match="no-such-lock"):
        desk.act("ord-8412", lock="no-such-lock")


def test_rule_32_a_refund_is_a_difference(open_shop: OpenShop) -> None:
    desk = open_shop()["payments"]
    desk.act("ord-8412")
    other = desk.call("ord-8412", desk.action, None).key + "-extra"
    desk.act("ord-8412", key=other, action_key=other, body={"amount": 700})
    desk.undo("ord-8412")
    assert Card.objects.get(world=desk.world, order="ord-8412").spent == 700
    assert [(row.kind, row.amount) for row in desk.rows()] == [("charge", 4900), ("charge", 700), ("refund", -4900)]


@pytest.mark.parametrize("service", ["inventory", "warehouse", "delivery"])
def test_rule_32_what_others_took_in_between_stays_taken(open_shop: OpenShop, service: str) -> None:
    desk = open_shop(orders=3)[service]
    for order in ("ord-8412", "ord-8413", "ord-8414"):
        desk.act(order)
    desk.undo("ord-8413")
    assert desk.net() == {"ord-8412": 1, "ord-8413": 0, "ord-8414": 1}
    taken = {"inventory": _taken_units, "warehouse": _taken_picks, "delivery": _taken_slots}[service](desk)
    assert taken == 2


def test_rule_32_pending_is_never_final(open_shop: OpenShop) -> None:
    shop = open_shop()
    for desk in shop.desks.values():
        desk.act("ord-8412")
    facts = shop.facts()
    assert (facts["units_held"], facts["units_sold"], facts["orders_confirmed"], facts["pending"]) == (1, 0, 0, 2)
    for service in ("inventory", "orders"):
        assert shop[service].settle("ord-8412").rows[0].lock == "released"
    facts = shop.facts()
    assert (facts["units_held"], facts["units_sold"], facts["orders_confirmed"], facts["pending"]) == (0, 1, 1, 0)


@pytest.mark.parametrize("lock", ["fail-fast", "wait"])
@pytest.mark.parametrize("seed", range(3))
def test_rule_33_nothing_is_made_or_lost_on_the_way(open_shop: OpenShop, lock: str, seed: int) -> None:
    shop = open_shop(orders=6, stock=3)
    dice = random.Random(seed)
    sagas = [list(_saga(shop, order, dice.randrange(6), lock)) for order in shop.orders]
    while any(sagas):
        dice.choice([moves for moves in sagas if moves]).pop(0)()
        facts = shop.facts()
        assert facts["stock_left"] + facts["units_held"] + facts["units_sold"] == 3
        assert facts["oversold"] == facts["double_charges"] == 0
    facts = shop.facts()
    assert facts["charged"] - facts["refunded"] == facts["orders_confirmed"] * PRICE
    assert facts["orders_confirmed"] == facts["units_sold"] == facts["picks_active"] == facts["slots_booked"]
    assert facts["pending"] == facts["units_held"] == 0
    assert not Ticket.objects.filter(world=shop.world).exists()


def test_rule_33_facts_are_of_one_moment(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = open_shop(stock=1)
    desk = shop["inventory"]
    count = desk.service.count
    meanwhile: list[str] = []

    def count_while_another_asks(world: str) -> dict[str, int]:
        with ThreadPoolExecutor(1) as pool:
            meanwhile.append(pool.submit(_ask_impatiently, desk).result(PATIENCE))
        return count(world)

    monkeypatch.setattr(desk.service, "count", count_while_another_asks)
    assert desk.facts()["stock_left"] == 1
    assert meanwhile == ["has to wait"]


def _saga(shop: Shop, order: str, ends_before: int, lock: str) -> list[Callable[[], object]]:
    """Return the calls of one saga: it fails before the step of that number, or not at all with 5.

    Without a unit of its own it turns back at once.
    """
    desks = list(shop.desks.values())
    done: list[Any] = []

    def act(n: int) -> None:
        if n < ends_before and len(done) == n and desks[n].act(order, lock=lock).verdict is Verdict.OK:
            done.append(desks[n])

    def undo(n: int) -> None:
        if len(done) < len(desks):
            desks[n].undo(order, lock=lock)

    def settle(n: int) -> None:
        if len(done) == len(desks):
            assert desks[n].settle(order).verdict is Verdict.OK

    forth = [lambda n=n: act(n) for n in range(5)]
    back = [lambda n=n: undo(n) for n in (4, 3, 2, 1, 0)]
    return [*forth, *back, *[lambda n=n: settle(n) for n in (0, 1)]]


def _ask_impatiently(desk: Any) -> str:
    connection = connections["inventory"]
    no_patience = {"sqlite": "PRAGMA busy_timeout = 0", "postgresql": "SET lock_timeout = '1ms'"}
    try:
        with connection.cursor() as cursor:
            cursor.execute(no_patience[connection.vendor])
        return str(desk.act("ord-8412").verdict)
    except OperationalError:
        return "has to wait"
    finally:
        connection.close()


def _taken_units(desk: Any) -> int:
    return Unit.objects.filter(world=desk.world, state=locks.PENDING).count()


def _taken_picks(desk: Any) -> int:
    return int(desk.tables()["Shift"][0]["taken"])


def _taken_slots(desk: Any) -> int:
    return int(desk.tables()["Van"][0]["taken"])
