"""Definitions: what is refused when it is made, and why; what a good one knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import sagas
from sagas.definition import Retry, SagaDefinition, Step, StepKind
from sagas.errors import DefinitionInvalid, SagaError
from tests.builders import ORDER, TRIP, final, handler, undoable

HOTEL = undoable("book-hotel", "cancel-hotel", "hotels")
FLIGHT = undoable("book-flight", "cancel-flight", "flights")
PIVOT = final("charge-card", "pivot", "payments")
TICKET = final("send-ticket", "retriable", "mail")

UNSAFE: dict[str, tuple[Sequence[Step], str, str]] = {
    "no steps": ([], "at least one step", ""),
    "no compensation": ([final("book-flight", "compensatable", "flights")], "has no compensation", "book-flight"),
    "no compensation before the pivot": (
        [FLIGHT, final("book-hotel", "compensatable", "hotels"), PIVOT],
        "before the point of no return and has no compensation",
        "book-hotel",
    ),
    "compensatable after the pivot": ([PIVOT, HOTEL], "could not be undone", "book-hotel"),
    "compensatable after a retriable": ([FLIGHT, TICKET, HOTEL], "could not be undone", "book-hotel"),
    "two pivots": ([PIVOT, final("pay-again", "pivot", "payments")], "a pivot comes once", "pay-again"),
    "pivot after a retriable": ([FLIGHT, TICKET, PIVOT], "before every retriable step", "charge-card"),
    "pivot with a compensation": (
        [undoable("charge-card", "refund-card", "payments", kind="pivot")],
        "a pivot step is never undone",
        "charge-card",
    ),
    "retriable with a compensation": (
        [PIVOT, undoable("send-ticket", "recall-ticket", "mail", kind="retriable")],
        "a retriable step is never undone",
        "send-ticket",
    ),
    "a handler without a name": (
        [Step("book-flight", service="flights", action=handler("book"), compensation=partial(handler("cancel")))],
        "its compensation needs a name",
        "book-flight",
    ),
}
AMBIGUOUS: dict[str, tuple[Sequence[Step], str, str]] = {
    "two steps": ([FLIGHT, undoable("book-flight", "cancel-all", "flights")], "'book-flight' is used twice", "book-flight"),
    "two compensations": ([FLIGHT, undoable("book-bus", "cancel-flight", "buses")], "'cancel-flight' is used twice", "book-bus"),
    "an action and its compensation": ([undoable("toggle", "toggle", "lamps")], "'toggle' is used twice", "toggle"),
    "an action and another's compensation": (
        [FLIGHT, undoable("cancel-flight", "undo", "flights")],
        "'cancel-flight' is used twice",
        "cancel-flight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSAFE)
def test_rule_21_a_definition_that_could_not_be_undone_is_refused_with_its_reason(case: str) -> None:
    steps, reason, step = UNSAFE[case]
    with pytest.raises(DefinitionInvalid, match=reason) as refusal:
        SagaDefinition("trip", steps=steps)
    assert (refusal.value.definition, refusal.value.step) == ("trip", step)


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_rule_19_two_calls_of_one_name_are_refused_since_they_would_share_a_key(case: str) -> None:
    steps, reason, step = AMBIGUOUS[case]
    with pytest.raises(DefinitionInvalid, match=reason) as refusal:
        SagaDefinition("trip", steps=steps)
    assert refusal.value.step == step


@pytest.mark.parametrize(
    "steps",
    [
        [FLIGHT],
        [PIVOT],
        [TICKET],
        [FLIGHT, HOTEL],
        [FLIGHT, PIVOT],
        [FLIGHT, TICKET],
        [PIVOT, TICKET],
        list(TRIP.steps),
    ],
    ids=lambda steps: "-".join(step.kind for step in steps),
)
def test_rule_21_every_order_that_can_be_undone_is_accepted(steps: Sequence[Step]) -> None:
    assert SagaDefinition("trip", steps=steps).steps == tuple(steps)


@pytest.mark.parametrize(
    "name", ["", "Trip", "book_flight", "book flight", "-book", "book-", "book--it", "1st", "a:b", "é"]
)
def test_a_name_that_would_blur_a_key_is_refused(name: str) -> None:
    with pytest.raises(DefinitionInvalid, match="lower-case words joined by dashes"):
        SagaDefinition(name, steps=[FLIGHT])
    with pytest.raises(DefinitionInvalid, match="lower-case words joined by dashes"):
        SagaDefinition("trip", steps=[undoable(name, "cancel", "flights")])


@pytest.mark.parametrize("version", [0, -1])
def test_versions_count_from_one(version: int) -> None:
    with pytest.raises(DefinitionInvalid, match="versions count from 1"):
        SagaDefinition("trip", steps=[FLIGHT], version=version)


def test_a_refusal_names_the_place_and_is_a_saga_error() -> None:
    with pytest.raises(SagaError) as refusal:
        SagaDefinition("trip", steps=[PIVOT, HOTEL])
    assert (
        str(refusal.value)
        == "step 'book-hotel' of saga 'trip': a compensatable step after the pivot could not be undone"
    )
    assert str(DefinitionInvalid("trip", "a saga has at least one step")) == "saga 'trip': a saga has at least one step"


@pytest.mark.parametrize(("field", "value"), [("name", "other"), ("version", 2), ("steps", ())])
def test_a_definition_never_changes(field: str, value: Any) -> None:
    before = getattr(ORDER, field)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(ORDER, field, value)
    with pytest.raises(FrozenInstanceError):
        ORDER.steps[0].name = "other"  # type: ignore[misc]
    assert getattr(ORDER, field) == before


def test_a_definition_keeps_its_own_list_of_steps() -> None:
    given_steps = [FLIGHT]
    definition = SagaDefinition("trip", steps=given_steps)
    given_steps.append(HOTEL)
    assert definition.steps == (FLIGHT,)


def test_a_compensation_is_named_after_its_handler_unless_it_has_a_name() -> None:
    assert HOTEL.compensation_name == "cancel-hotel"
    assert undoable("pay", "_refund_", "payments").compensation_name == "refund"
    assert undoable("pay", "refund", "payments", compensation_name="give-back").compensation_name == "give-back"
    assert PIVOT.compensation_name == ""


def test_a_kind_may_be_given_by_its_word() -> None:
    assert [step.kind for step in TRIP.steps] == [
        *[StepKind.COMPENSATABLE] * 2,
        StepKind.PIVOT,
        *[StepKind.RETRIABLE] * 2,
    ]
    with pytest.raises(ValueError, match="optional"):
        final("send-ticket", "optional", "mail")


def test_steps_are_found_by_name_and_counted_from_zero() -> None:
    assert [ORDER.index(step.name) for step in ORDER.steps] == [0, 1, 2, 3, 4]
    assert TRIP.step("charge-card") is TRIP.steps[2]
    with pytest.raises(KeyError):
        ORDER.step("charge-card")


def test_the_face_of_the_package_is_the_definition() -> None:
    assert sagas.SagaDefinition is SagaDefinition
    assert (sagas.Step, sagas.Retry, sagas.StepKind) == (Step, Retry, StepKind)


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        (Retry(), [200, 400, 800, 1600, 3200, 5000, 5000]),
        (Retry(initial_ms=100, factor=1.0), [100, 100, 100]),
        (Retry(initial_ms=100, factor=1.5, max_ms=300), [100, 150, 225, 300, 300]),
        (Retry(initial_ms=9000), [5000, 5000]),
        (Retry(initial_ms=0), [0, 0, 0]),
        (Retry(max_ms=0), [0, 0, 0]),
    ],
)
def test_rule_24_waits_grow_by_the_factor_up_to_the_cap(retry: Retry, waits: list[int]) -> None:
    assert [retry.ceiling_ms(failures) for failures in range(1, len(waits) + 1)] == waits


@given(st.integers(0, 60_000), st.floats(1, 10), st.integers(0, 60_000), st.integers(1, 400))
@example(initial=0, factor=10.0, cap=5000, failures=400)
def test_rule_24_no_wait_is_longer_than_the_formula_allows(
    initial: int, factor: float, cap: int, failures: int
) -> None:
    ceiling = Retry(initial_ms=initial, factor=factor, max_ms=cap).ceiling_ms(failures)
    formula = initial * Fraction(factor) ** (failures - 1)
    assert 0 <= ceiling <= cap
    assert ceiling <= formula * Fraction(1_000_000_001, 1_000_000_000)  # floats round


def test_a_definition_names_its_services_once_and_the_step_that_orders_compete_for() -> None:
    assert ORDER.services == ("inventory", "orders", "payments", "warehouse", "delivery")
    assert ORDER.contested is ORDER.step("reserve-inventory")
    stay = SagaDefinition("stay", steps=[HOTEL, undoable("book-spa", "cancel-spa", "hotels"), PIVOT])
    assert (stay.services, stay.contested) == (("hotels", "payments"), None)
