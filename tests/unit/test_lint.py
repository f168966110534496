"""The linter reads declarations: each rule with one that it finds and one that it does not, and what the constructor refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.lint import advise
from playground.scenario import Scenario
from sagas import catalog
from sagas.budgets import span_ms
from sagas.decider import delay_ms
from sagas.definition import Declaration, Retry, SagaDefinition, Step
from sagas.entries import Op
from sagas.errors import DefinitionInvalid
from sagas.lint import Finding, lint
from sagas.lint_budgets import ENDURING_MS, lint_budgets
from sagas.plan import RunPlan
from tests.builders import final, handler, undoable

HOTEL = undoable("book-hotel", "cancel-hotel", "hotels")
FLIGHT = undoable("book-flight", "cancel-flight", "flights")
BARE = final("book-flight", "compensatable", "flights")
PIVOT = final("charge-card", "pivot", "payments")
ENDURING = Retry(max_attempts=1000, max_ms=600_000, initial_ms=60_000)
TICKET = final("send-ticket", "retriable", "mail", retry=ENDURING)
SOUND = (FLIGHT, HOTEL, PIVOT, TICKET)

# Each rule: a declaration that it finds, at a step, and one like it that it has nothing against.
STEPS: dict[str, tuple[Sequence[Step], str, Sequence[Step]]] = {
    "no-steps": ([], "", [FLIGHT]),
    "unusable-name": ([undoable("Book Flight", "cancel-flight", "flights")], "Book Flight", [FLIGHT]),
    "shared-name": ([FLIGHT, undoable("book-bus", "cancel-flight", "buses")], "book-bus", [FLIGHT, HOTEL]),
    "missing-compensation": ([BARE, PIVOT], "book-flight", [FLIGHT, PIVOT, TICKET]),
    "late-compensation": (
        [BARE, HOTEL, undoable("check-in", "cancel-flight", "flights")],
        "book-flight",
        [FLIGHT, HOTEL],
    ),
    "idle-compensation": (
        [undoable("charge-card", "refund-card", "payments", kind="pivot")],
        "charge-card",
        [PIVOT, TICKET],
    ),
    "compensatable-after-pivot": ([FLIGHT, PIVOT, HOTEL], "book-hotel", SOUND),
    "second-pivot": ([PIVOT, final("pay-again", "pivot", "payments")], "pay-again", [PIVOT, TICKET]),
    "retriable-before-pivot": ([FLIGHT, TICKET, PIVOT], "charge-card", SOUND),
    "pivot-at-the-end": ([FLIGHT, PIVOT], "charge-card", [FLIGHT, PIVOT, TICKET]),
}

QUICK = Retry(max_attempts=2, initial_ms=0)
BUDGETS: dict[str, tuple[RunPlan, str, RunPlan]] = {
    "timeout-below-latency": (
        RunPlan(latency_ms=300, timeout_ms=299), "reserve-inventory", RunPlan(latency_ms=300, timeout_ms=300),
    ),
    "deadline-too-short": (
        RunPlan(latency_ms=100, deadline_ms=400), "book-delivery", RunPlan(latency_ms=100, deadline_ms=401),
    ),
    "tries-beyond-deadline": (
        RunPlan(latency_ms=0, timeout_ms=1000, retry=QUICK, deadline_ms=1999),
        "reserve-inventory",
        RunPlan(latency_ms=0, timeout_ms=1000, retry=QUICK, deadline_ms=2000),
    ),
    "compensation-tried-once": (
        RunPlan(compensation_retry=Retry(max_attempts=1)), "reserve-inventory", RunPlan(compensation_retry=Retry()),
    ),
    "compensation-gives-up-first": (
        RunPlan(compensation_retry=Retry(max_attempts=2)), "reserve-inventory", RunPlan(compensation_retry=Retry()),
    ),
    "tried-once": (RunPlan(retry=Retry(max_attempts=1)), "reserve-inventory", RunPlan(retry=QUICK)),
}  # fmt: skip
SETTINGS: dict[str, tuple[str, str]] = {
    "no-saga": ("mode=none", ""),
    "keys-off": ("idempotency=off", "idempotency=on"),
    "key-without-step": ("key_scope=order", "key_scope=order&mode=none"),
    "unlocked-race": ("lock=naive&orders=4", "lock=naive&orders=3"),
    "wait-without-end": ("lock=wait&orders=4", "lock=wait&orders=4&deadline_ms=9000"),
    "nobody-watches": ("mode=choreography", "mode=choreography&watcher_ms=2000"),
    "impatient-watcher": ("mode=choreography&watcher_ms=249", "mode=choreography&watcher_ms=250"),
    "unheeded-deadline": ("mode=choreography&deadline_ms=9000", "deadline_ms=9000"),
    "retriable-gives-up": ("saga=trip", ""),
}


def declared(steps: Sequence[Step]) -> Declaration:
    return Declaration(name="trip", steps=tuple(steps))


def places(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the first step of each rule that found something."""
    found: dict[str, str] = {}
    for finding in findings:
        found.setdefault(finding.rule, finding.step)
    return found


def rules_of(query: str) -> set[str]:
    return {each.finding.rule for each in advise(Scenario.from_query(query))}


@pytest.mark.parametrize("rule", STEPS)
def test_a_rule_about_steps_finds_what_breaks_it_and_nothing_else(rule: str) -> None:
    bad, step, good = STEPS[rule]
    assert places(lint(declared(bad)))[rule] == step
    assert rule not in places(lint(declared(good)))


@pytest.mark.parametrize("rule", BUDGETS)
def test_a_rule_about_budgets_draws_the_line_at_the_millisecond(rule: str) -> None:
    bad, step, good = BUDGETS[rule]
    assert places(lint_budgets(catalog.ORDER, bad))[rule] == step
    assert rule not in places(lint_budgets(catalog.ORDER, good))


@pytest.mark.parametrize("rule", SETTINGS)
def test_a_rule_about_settings_finds_the_one_and_not_the_other(rule: str) -> None:
    bad, good = SETTINGS[rule]
    assert rule in rules_of(bad)
    assert rule not in rules_of(good)


def test_a_step_that_must_go_through_needs_a_budget_of_a_day() -> None:
    short = Retry(max_attempts=2, initial_ms=ENDURING_MS - 2001, max_ms=ENDURING_MS)
    long = Retry(max_attempts=2, initial_ms=ENDURING_MS - 2000, max_ms=ENDURING_MS)
    for retry, found in ((short, True), (long, False)):
        steps = [FLIGHT, PIVOT, final("send-ticket", "retriable", "mail", retry=retry)]
        assert ("retriable-gives-up" in places(lint_budgets(declared(steps), RunPlan()))) is found


def test_nothing_is_found_in_what_is_sound() -> None:
    assert lint(declared(SOUND)) == []
    assert advise(Scenario()) == []
    assert lint_budgets(declared(SOUND), RunPlan(deadline_ms=60_000)) == []


KINDS = ("compensatable", "pivot", "retriable")
NAMES = ("book-flight", "book-hotel", "charge-card", "Not a name")


@st.composite
def a_step(draw: Any) -> Step:
    """Draw a step that may be anything that a `Step` can be."""
    undo = draw(st.sampled_from((None, "cancel-flight", "cancel-hotel", "book-flight", "Not one either")))
    return Step(
        draw(st.sampled_from(NAMES)),
        service=draw(st.sampled_from(("flights", "hotels"))),
        action=handler("action"),
        compensation=None if undo is None else handler("undo"),
        compensation_name=undo or "",
        kind=draw(st.sampled_from(KINDS)),
    )


@given(steps=st.lists(a_step(), max_size=4), name=st.sampled_from(("trip", "A trip")), version=st.sampled_from((0, 1)))
def test_the_constructor_refuses_what_the_linter_marks_as_refused_and_nothing_else(
    steps: list[Step], name: str, version: int
) -> None:
    given_up = Declaration(name=name, steps=tuple(steps), version=version)
    refused = {finding.step for finding in lint(given_up) if finding.refused}
    if not refused:
        assert SagaDefinition(name, steps=steps, version=version).steps == given_up.steps
        return
    with pytest.raises(DefinitionInvalid) as refusal:
        SagaDefinition(name, steps=steps, version=version)
    assert refusal.value.declared == given_up
    assert refusal.value.step in refused


@given(
    attempts=st.integers(1, 8),
    initial_ms=st.integers(0, 5000),
    factor=st.floats(1, 10),
    max_ms=st.integers(0, 60_000),
    seed=st.integers(0, 99),
)
def test_no_drawn_wait_is_longer_than_the_worst_case(
    attempts: int, initial_ms: int, factor: float, max_ms: int, seed: int
) -> None:
    retry = Retry(max_attempts=attempts, initial_ms=initial_ms, factor=factor, max_ms=max_ms, jitter=True)
    waits = [delay_ms(retry, n, seed, "ord-1", "step", Op.ACTION, n + 1) for n in range(1, attempts)]
    assert attempts * 7 + sum(waits) <= span_ms(retry, 7)
