"""What acts 2, 3 and 4 read beside their scenes, held against real runs."""

from __future__ import annotations

import pytest

from playground.acts import act4, bet, takeaways
from playground.acts.races import cells, squares
from playground.acts.shelf import shelf_of
from playground.acts.till import till_of
from sagas import catalog
from tests.engine import drive, fault, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENT_MS = 20_000  # longer than any answer takes: what is told here must not hang on a busy machine
RACE = {"orders": 2, "stock": 1, "timeout_ms": PATIENT_MS}


def test_the_till_counts_what_was_sent_what_arrived_and_what_is_kept() -> None:
    (lost,) = drive(scenario(fault("charge-payment", "lost-reply", times=1), timeout_ms=1000))
    till = till_of(lost.run.pk)
    assert (till.sent, till.arrived, till.charges, till.wrong) == (2, 2, 1, False)
    assert [(kept.key, kept.status, kept.repeats) for kept in till.keys] == [("saga:ord-8412:charge-payment", 200, 1)]
    assert [kept.key for kept in catalog.SERVICES["payments"].answers(lost.run.pk)] == [till.keys[0].key]


def test_the_till_sees_the_refund_take_the_charges_answer() -> None:
    (short,) = drive(scenario(fault("book-delivery", "decline"), key_scope="order", timeout_ms=PATIENT_MS))
    till = till_of(short.run.pk)
    assert (till.charges, till.refunds, till.refund_believed, till.knows) == (1, 0, True, "no one")
    assert [kept.calls for kept in till.keys] == [("charge-payment", "refund-payment")]


def test_an_unknown_run_has_an_empty_till_and_a_full_shelf() -> None:
    assert till_of("no-such-run").sent == 0
    assert shelf_of("no-such-run").left == 1


def test_the_waiting_buyer_gets_the_lamp_of_the_order_that_breaks() -> None:
    (race,) = drive(scenario({**fault("book-delivery", "decline"), "saga": 0}, **RACE, lock="wait", schedule=[0, 1]))
    assert race.states == ["compensated", "completed"]
    shelf = shelf_of(race.run.pk)
    assert (shelf.state, shelf.word, shelf.promised) == ("done", "sold to ord-8413", 1)
    assert shelf.says.startswith("Ben has the lamp.")


@pytest.mark.parametrize("lock", act4.LOCKS)
def test_the_moves_of_every_square_and_cell_give_a_real_run_the_same_end(lock: str) -> None:
    shown = {each.moves: each.word for each in (*squares(lock, 1), *cells(lock))}
    plans = [scenario(**RACE, lock=lock, schedule=["AB".index(m) for m in moves]) for moves in shown]
    for word, run in zip(shown.values(), drive(*plans), strict=True):
        won = [name for name, state in zip(act4.BUYERS, run.states, strict=True) if state == "completed"]
        assert word == ("sold twice" if len(won) == 2 else f"{won[0]} has it")


def test_a_bet_is_judged_by_the_journal_and_the_books() -> None:
    (run,) = drive(scenario(fault("charge-payment", "decline"), timeout_ms=PATIENT_MS))
    right = bet.settle(run.run, "2,1", "nothing")
    wrong = bet.settle(run.run, "1,2", "lamp")
    assert right is not None
    assert (right.right, right.of) == (2, 2)
    assert wrong is not None
    assert wrong.right == 0
    assert wrong.order == "You said release-inventory, then cancel-order. It was cancel-order, then release-inventory."
    assert bet.settle(run.run, "", "") is None


def test_the_definition_of_rule_one_is_refused_for_its_first_step() -> None:
    assert takeaways.refusal().startswith("DefinitionInvalid: step 'charge-payment' of saga 'hasty-order'")


@pytest.mark.parametrize("orders", [1, 2])
def test_where_there_are_enough_lamps_the_shelf_says_so(orders: int) -> None:
    (calm,) = drive(scenario(orders=orders, stock=3, timeout_ms=PATIENT_MS))
    assert shelf_of(calm.run.pk).says.startswith("Every order has a lamp.")
