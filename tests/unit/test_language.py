"""The automaton itself: it takes every right sentence and names what breaks a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from sagas.definition import Retry, SagaDefinition
from sagas.entries import Entry, Kind, Lane
from sagas.language import sentence_violations
from sagas.state import Policy
from tests.builders import (
    ACTION,
    COMPENSATION,
    ORDER,
    TRIP,
    fact,
    operator,
    started,
    stuck,
    turned,
    unknown,
)
from tests.simulator import Play

PLAYED: dict[str, dict[str, list[str]]] = {
    "completed": {},
    "compensated": {"notify-warehouse": ["error", "error", "refused"], "cancel-order": ["lost"]},
    "stuck": {"notify-warehouse": ["refused"], "cancel-order": ["error"] * 4},
    "queued": {"reserve-inventory": ["queued", "queued"]},
    "passed": {"send-ticket": ["error"] * 5},
}
UNDO_CREATE = fact(Kind.ATTEMPT_STARTED, "create-order", COMPENSATION, 1, "saga:ord-8412:cancel-order")
FINISHED = fact(Kind.RUN_FINISHED, lane=Lane.OBSERVER)

Edit = Callable[[list[Entry]], list[Entry]]


def saga_of(name: str) -> SagaDefinition:
    return TRIP if name == "passed" else ORDER


@cache
def right(name: str) -> tuple[Entry, ...]:
    """Return a right sentence, played once."""
    return tuple(Play(saga_of(name), replies=PLAYED[name]).run().entries)


def at(entries: list[Entry] | tuple[Entry, ...], kind: Kind, step: str = "", nth: int = 0) -> int:
    return [n for n, e in enumerate(entries) if e.kind is kind and step in ("", e.step)][nth]


def without(kind: Kind, step: str = "", nth: int = 0) -> Edit:
    return lambda entries: [e for n, e in enumerate(entries) if n != at(entries, kind, step, nth)]


def twice(kind: Kind, step: str = "") -> Edit:
    return lambda entries: [e for n, e in enumerate(entries) for _ in range(1 + (n == at(entries, kind, step)))]


def changed(kind: Kind, of: str = "", nth: int = 0, **fields: object) -> Edit:
    def edit(entries: list[Entry]) -> list[Entry]:
        n = at(entries, kind, of, nth)
        return [*entries[:n], replace(entries[n], **fields), *entries[n + 1 :]]

    return edit


def with_detail(kind: Kind, step: str = "", **fields: object) -> Edit:
    def edit(entries: list[Entry]) -> list[Entry]:
        old = entries[at(entries, kind, step)]
        return changed(kind, step, detail={**old.detail, **fields})(entries)

    return edit


def plus(*more: Entry) -> Edit:
    return lambda entries: [*entries, *more]


def cut(kind: Kind, step: str = "", *more: Entry) -> Edit:
    """Return the sentence up to this entry and without it, with another ending."""
    return lambda entries: [*entries[: at(entries, kind, step)], *more]


def swapped(kind: Kind, step: str, other: str) -> Edit:
    def edit(entries: list[Entry]) -> list[Entry]:
        n, m = at(entries, kind, step), at(entries, kind, other)
        out = list(entries)
        out[n], out[m] = out[m], out[n]
        return out

    return edit


WRONG: dict[str, tuple[str, Edit, str]] = {
    "no start": ("completed", without(Kind.SAGA_STARTED), "a saga starts before all else"),
    "two starts": ("completed", twice(Kind.SAGA_STARTED), "a saga starts once"),
    "a skipped step": ("completed", cut(Kind.ATTEMPT_STARTED, "create-order", fact(Kind.ATTEMPT_STARTED, "charge-payment", ACTION, 1, "saga:ord-8412:charge-payment")), "'create-order' is next"),
    "an outcome of nothing": ("completed", without(Kind.ATTEMPT_STARTED, "create-order"), "it awaits no outcome"),
    "two outcomes": ("completed", twice(Kind.ATTEMPT_SUCCEEDED, "create-order"), "it awaits no outcome"),
    "an outcome of another attempt": ("completed", changed(Kind.ATTEMPT_SUCCEEDED, "create-order", attempt=2), "it awaits no outcome"),
    "no outcome": ("completed", without(Kind.ATTEMPT_SUCCEEDED, "create-order"), "while create-order awaits an answer"),
    "an attempt left out": ("compensated", changed(Kind.ATTEMPT_STARTED, "notify-warehouse", 1, attempt=3), "attempt 3 of action of notify-warehouse follows attempt 1"),
    "a key with the attempt": ("compensated", changed(Kind.ATTEMPT_STARTED, "notify-warehouse", 1, key="saga:ord-8412:notify-warehouse:2"), "has the key"),
    "an undo under the action's key": ("compensated", changed(Kind.ATTEMPT_STARTED, "charge-payment", 1, key="saga:ord-8412:charge-payment"), "has the key"),
    "a hasty retry": ("compensated", without(Kind.RETRY_SCHEDULED), "without a retry-scheduled"),
    "a retry before it is due": ("compensated", changed(Kind.ATTEMPT_STARTED, "notify-warehouse", 1, at=0), "before it is due"),
    "a wait beyond the formula": ("compensated", with_detail(Kind.RETRY_SCHEDULED, delay_ms=201), "a back-off of 201 ms"),
    "a wait below the formula": ("compensated", with_detail(Kind.RETRY_SCHEDULED, delay_ms=199), "without jitter"),
    "one try too many": ("compensated", with_detail(Kind.SAGA_STARTED, policy=Policy(retry=Retry(max_attempts=2)).to_json()), "after its budget is spent"),
    "a turn before the budget is spent": ("compensated", cut(Kind.RETRY_SCHEDULED, "", *turned("notify-warehouse", "charge-payment")), "turns without reason"),
    "a turn without reason": ("completed", cut(Kind.ATTEMPT_STARTED, "create-order", *turned("create-order", "reserve-inventory")), "turns without reason"),
    "a cancel of nobody": ("completed", cut(Kind.ATTEMPT_STARTED, "create-order", *turned("create-order", outcome="cancelled")), "turns without reason"),
    "a deadline of nobody": ("completed", cut(Kind.ATTEMPT_STARTED, "create-order", *turned("create-order", outcome="deadline")), "turns without reason"),
    "a cancel that was not obeyed": ("completed", lambda e: [*e[:3], operator("cancel"), *e[3:]], "after the saga was cancelled"),
    "a turn after the last success": ("completed", cut(Kind.SETTLEMENT_OWED, "", operator("cancel"), *turned("book-delivery", outcome="cancelled")), "after the point of no return"),
    "a turn after the pivot": ("passed", cut(Kind.SAGA_NEEDS_OPERATOR, "", *turned("send-ticket", "book-hotel")), "after the point of no return"),
    "a second turn": ("compensated", twice(Kind.SAGA_COMPENSATING), "turns in stage backward"),
    "a forgotten compensation": ("compensated", without(Kind.COMPENSATION_OWED, "create-order"), "nothing is owed to ['create-order']"),
    "a compensation of nothing": ("compensated", changed(Kind.COMPENSATION_OWED, step="book-delivery"), "cannot have taken effect"),
    "owed out of order": ("compensated", swapped(Kind.COMPENSATION_OWED, "charge-payment", "create-order"), "owed after an older step"),
    "owed twice": ("compensated", twice(Kind.COMPENSATION_OWED, "create-order"), "owed its compensation twice"),
    "undone out of order": ("compensated", lambda e: [*e[: at(e, Kind.ATTEMPT_STARTED, "charge-payment", 1)], UNDO_CREATE], "'charge-payment' is the newest owed"),
    "undone without being asked": ("compensated", without(Kind.SAGA_COMPENSATING), "in stage forward"),
    "undone twice": ("compensated", cut(Kind.SAGA_COMPENSATED, "", fact(Kind.ATTEMPT_STARTED, "create-order", COMPENSATION, 3, "saga:ord-8412:cancel-order")), "'' is the newest owed"),
    "compensated without evidence": ("compensated", cut(Kind.ATTEMPT_STARTED, "create-order", fact(Kind.SAGA_COMPENSATED)), "compensated in stage forward"),
    "compensated before the last success": ("compensated", lambda e: [*e[:-3], e[-1]], "without the success of ['reserve-inventory']"),
    "completed without settlement": ("completed", without(Kind.LOCK_RELEASED), "completed without settlement"),
    "settled out of order": ("completed", swapped(Kind.LOCK_RELEASED, "reserve-inventory", "create-order"), "create-order is settled, left were"),
    "settled too early": ("completed", cut(Kind.ATTEMPT_STARTED, "book-delivery", fact(Kind.SETTLEMENT_OWED, steps=[])), "before the last success"),
    "called after the end": ("completed", plus(unknown("book-delivery", 2)), "attempt-unknown after the end"),
    "a fourth end": ("completed", cut(Kind.SETTLEMENT_OWED, "", fact(Kind.SAGA_ABANDONED)), "no end of an orchestrated saga"),
    "lost": ("completed", cut(Kind.SETTLEMENT_OWED, "", fact(Kind.SAGA_LOST)), "no end of an orchestrated saga"),
    "a person called too early": ("compensated", cut(Kind.COMPENSATION_OWED, "charge-payment", stuck("charge-payment", COMPENSATION)), "its budget is not spent"),
    "a person called instead of a turn": ("compensated", cut(Kind.SAGA_COMPENSATING, "", stuck("notify-warehouse", ACTION)), "but could be undone"),
    "on its own after a person was called": ("stuck", plus(fact(Kind.ATTEMPT_STARTED, "create-order", COMPENSATION, 5, "saga:ord-8412:cancel-order")), "in stage stuck"),
    "a refusal as a place in a line": ("queued", with_detail(Kind.LOCK_DENIED, waiting=False), "a refused lock is an attempt-failed"),
    "a word of the other lane": ("completed", plus(fact(Kind.EFFECT, "book-delivery")), "effect is no word of the orchestrator"),
    "a step of another saga": ("completed", changed(Kind.ATTEMPT_STARTED, step="book-flight"), "no step 'book-flight'"),
    "a definition of another version": ("completed", with_detail(Kind.SAGA_STARTED, version=2), "it is a saga of"),
    "finished on its way": ("completed", lambda e: [*e[:5], FINISHED], "the run is finished and world-1 is in stage forward"),
    "finished while parked for nobody": ("queued", lambda e: [*e[:3], FINISHED], "the run is finished and world-1 is in stage forward"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_rule_02_a_broken_sentence_is_refused_with_its_reason(case: str) -> None:
    name, edit, reason = WRONG[case]
    found = sentence_violations(edit(list(right(name))), saga_of(name))
    assert any(reason in violation for violation in found), found


@pytest.mark.parametrize("name", PLAYED)
def test_rule_02_a_right_sentence_and_each_of_its_beginnings_is_taken(name: str) -> None:
    sentence = right(name)
    for length in range(len(sentence) + 1):
        assert sentence_violations(sentence[:length], saga_of(name)) == []
    assert sentence_violations([*sentence, FINISHED], saga_of(name)) == []


def test_the_sagas_of_a_run_are_read_apart() -> None:
    other = [
        replace(e, saga="world-2", order="ord-8413", key=e.key.replace("8412", "8413")) for e in right("compensated")
    ]
    mixed = [
        e
        for n in range(max(len(right("completed")), len(other)))
        for e in (*right("completed")[n : n + 1], *other[n : n + 1])
    ]
    assert sentence_violations([*mixed, FINISHED], ORDER) == []
    assert sentence_violations([*mixed[:-1], FINISHED], ORDER) == [
        "seq 0: the run is finished and world-2 is in stage backward"
    ]


def test_a_saga_may_stay_parked_for_a_lock_that_a_stuck_one_keeps() -> None:
    parked = [replace(e, saga="world-2", key=e.key) for e in right("queued")[:3]]
    assert sentence_violations([*right("stuck"), *parked, FINISHED], ORDER) == []


def test_what_services_and_observers_say_is_not_the_orchestrators_sentence() -> None:
    heard = fact(Kind.EFFECT, "create-order", lane=Lane.SERVICE)
    seen = fact(Kind.SAGA_STARTED, lane=Lane.OBSERVER)
    assert sentence_violations([seen, heard, *right("completed"), heard], ORDER) == []
    assert sentence_violations([], ORDER) == []


def test_a_place_names_saga_and_seq() -> None:
    assert sentence_violations([started().placed(7, 0), started().placed(8, 0)], ORDER) == [
        "world-1, seq 8: a saga starts once"
    ]
