"""Actions and compensations in every order, once, often and at the same time.

`T` is the delivery of an action, `C` of its compensation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from sagas.services.base import Verdict
from sagas.services.payments.handlers import charge_card
from tests.integration.conftest import DESKS, UNDOABLE

if TYPE_CHECKING:
    from tests.integration.conftest import Shop

WORDS = ["".join(letters) for length in range(1, 5) for letters in product("TC", repeat=length)]
ROUNDS = 1000 // len(UNDOABLE)

for_each_service = pytest.mark.parametrize("service", UNDOABLE)


@for_each_service
def test_rule_14_every_word_leaves_one_effect_or_none_at_all(open_shop: Callable[..., Shop], service: str) -> None:
    shop = open_shop(orders=len(WORDS), stock=len(WORDS))
    desk = shop[service]
    for order, word in zip(shop.orders, WORDS, strict=True):
        desk.word(order, word)
    net = desk.net()
    assert len(WORDS) == 30
    assert {word: net.get(order, 0) for order, word in zip(shop.orders, WORDS, strict=True)} == {
        word: 0 if "C" in word else 1 for word in WORDS
    }


@pytest.mark.parametrize(("service", "action"), [("mail", DESKS["mail"].action), ("payments", charge_card)])
def test_rule_14_what_is_never_undone_happens_once_however_often_it_is_asked_for(
    open_shop: Callable[..., Shop], service: str, action: Any
) -> None:
    shop = open_shop(orders=4)
    desk = replace(shop[service], action=action, compensation=None)
    for order, word in zip(shop.orders, ("T", "TT", "TTT", "TTTT"), strict=True):
        answers = desk.word(order, word)
        assert [answer.replayed for answer in answers] == [False] + [True] * (len(word) - 1)
        assert len({answer.body for answer in answers}) == 1
    assert desk.net() == dict.fromkeys(shop.orders, 1)
    assert desk.facts()["orders_confirmed" if service == "mail" else "charges"] == 4


@for_each_service
def test_without_stored_answers_each_delivery_counts_and_the_barrier_still_fences(
    open_shop: Callable[..., Shop], service: str
) -> None:
    shop = open_shop(orders=len(WORDS), stock=3 * len(WORDS))
    desk = shop[service]
    for order, word in zip(shop.orders, WORDS, strict=True):
        answers = desk.word(order, word, idempotency=False)
        first = word.find("C")
        assert [a.verdict is Verdict.FENCED for a in answers] == [
            letter == "T" and -1 < first < at for at, letter in enumerate(word)
        ], word
        assert not any(answer.replayed for answer in answers)
    net = desk.net()
    assert [net.get(order, 0) for order in shop.orders] == [_actions_in_force(word) for word in WORDS]
    assert desk.tables()["StoredAnswer"] == []


def test_without_stored_answers_a_card_is_charged_twice(open_shop: Callable[..., Shop]) -> None:
    desk = open_shop()["payments"]
    desk.word("ord-8412", "TT", idempotency=False)
    assert desk.facts() == {"charged": 9800, "refunded": 0, "charges": 2, "double_charges": 1}
    desk.undo("ord-8412", idempotency=False)
    assert desk.facts()["refunded"] == 4900
    desk.undo("ord-8412", idempotency=False)
    desk.undo("ord-8412", idempotency=False)
    assert desk.facts()["refunded"] == 9800


@for_each_service
def test_rule_15_an_empty_compensation_leaves_a_mark_that_fences_its_action(
    open_shop: Callable[..., Shop], service: str
) -> None:
    desk = open_shop()[service]
    empty = desk.undo("ord-8412")
    assert (empty.verdict, empty.status, empty.body, empty.rows) == (Verdict.OK, 200, b'{"empty":true}', ())
    marks = desk.service.marks.objects.filter(world=desk.world, inserted_by="compensation", op="action")
    assert marks.count() == 1
    fenced = desk.act("ord-8412")
    assert (fenced.verdict, fenced.status, fenced.rows) == (Verdict.FENCED, 410, ())
    assert desk.act("ord-8412") == fenced
    assert desk.undo("ord-8412").body == empty.body
    assert desk.rows() == []
    assert desk.act("ord-8413").verdict is Verdict.OK, "another order is not fenced"


@for_each_service
def test_rule_18_a_fence_is_never_a_stored_answer(open_shop: Callable[..., Shop], service: str) -> None:
    desk = open_shop()[service]
    desk.word("ord-8412", "CT")
    key = desk.call("ord-8412", desk.action, None).key
    assert not desk.service.stored_answers.objects.filter(world=desk.world, key=key).exists()


@for_each_service
@pytest.mark.parametrize("word", ["T", ""])
def test_rule_13_a_compensation_needs_no_more_than_its_key(
    open_shop: Callable[..., Shop], service: str, word: str
) -> None:
    desk = open_shop()[service]
    desk.word("ord-8412", word)
    undone = desk.undo("ord-8412", body={})
    assert (undone.verdict, len(undone.rows)) == (Verdict.OK, len(word))
    assert desk.net().get("ord-8412", 0) == 0
    assert desk.service.pending(desk.world) == []


@for_each_service
def test_rule_16_an_action_and_its_compensation_that_race_leave_nothing(
    open_shop: Callable[..., Shop], race: Callable[..., list[tuple[Any, ...]]], service: str
) -> None:
    shop = open_shop(orders=ROUNDS, stock=ROUNDS)
    desk = shop[service]
    answers = race(lambda n: desk.act(shop.orders[n]), lambda n: desk.undo(shop.orders[n]), rounds=ROUNDS)
    ends = {(acted.verdict, undone.verdict) for acted, undone in answers}
    assert len(answers) == ROUNDS
    assert ends == {(Verdict.OK, Verdict.OK), (Verdict.FENCED, Verdict.OK)}, "each side comes first now and then"
    assert set(desk.net().values()) <= {0}
    assert desk.service.pending(shop.world) == []


def _actions_in_force(word: str) -> int:
    """Return what a word leaves without stored answers: a `C` takes one back, none counts after it."""
    stands = 0
    for at, letter in enumerate(word):
        if letter == "C":
            stands = max(0, stands - 1)
        elif "C" not in word[:at]:
            stands += 1
    return stands
