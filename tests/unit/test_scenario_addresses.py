"""A scenario in an address: the same one in, the same one out, and a name that stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground import scenario_query
from playground.scenario import SLUG_LETTERS, Scenario, ScenarioInvalid

STEPS = ["reserve-inventory", "create-order", "charge-payment", "notify-warehouse", "book-delivery"]
ANY_MODE = ["decline", "error", "timeout", "lost-reply", "duplicate", "late"]
PUBLISHED = {
    "": "a39ramq2qszgh",
    "fault=notify-warehouse:error": "aryad39s7nrwa",
    "mode=choreography&fault=notify-warehouse:drop-event&orders=2&stock=1&lock=off": "amg73vmyvaqcm",
    "retry=3,200,2.5,100,jitter": "asz8kfye4p9vn",
    "idempotency=off&schedule=0,0": "a6tenemcmjykd",
    "fault=charge-payment:crash-after&fault=charge-payment.compensation:error:2&key_scope=order&seed=7": "azvs8j5ddgcs5",
}

unhurried = settings(deadline=None)  # a busy machine is no failure

retries = st.fixed_dictionaries(
    {},
    optional={
        "max_attempts": st.integers(1, 10),
        "initial_ms": st.integers(0, 60_000),
        "factor": st.floats(1, 10) | st.integers(1, 10),
        "max_ms": st.integers(0, 60_000),
        "jitter": st.booleans(),
    },
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Any scenario that makes sense."""
    mode = draw(st.sampled_from(["orchestration", "choreography", "none"]))
    orders = draw(st.integers(1, 8))
    kinds = {"orchestration": [*ANY_MODE, "crash-before", "crash-after"], "choreography": [*ANY_MODE, "drop-event"]}
    fault = st.fixed_dictionaries(
        {"step": st.sampled_from(STEPS), "kind": st.sampled_from(kinds.get(mode, ANY_MODE))},
        optional={
            "on": st.sampled_from(["action"] if mode == "none" else ["action", "compensation"]),
            "times": st.integers(1, 100),
        },
    )
    value: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "stock": st.integers(0, 100),
                "faults": st.lists(fault, max_size=20),
                "idempotency": st.booleans(),
                "key_scope": st.sampled_from(["step", "order"]),
                "lock": st.sampled_from(["off", "naive", "fail-fast", "wait"]),
                "schedule": st.sampled_from(["rendezvous", "free"])
                | st.lists(st.integers(0, orders - 1), min_size=1, max_size=20),
                "retry": retries,
                "compensation_retry": retries,
                "latency_ms": st.integers(0, 5000),
                "timeout_ms": st.integers(1, 60_000),
                "deadline_ms": st.none() | st.integers(1, 600_000),
                "watcher_ms": st.integers(1, 600_000) if mode == "choreography" else st.none(),
                "seed": st.integers(0, 2**31 - 1),
            },
        )
    )
    return Scenario.parse({"mode": mode, "orders": orders, **value})


@unhurried
@given(scenarios())
def test_a_scenario_survives_the_way_through_its_address(scenario: Scenario) -> None:
    assert Scenario.from_query(scenario.query()) == scenario
    assert Scenario.from_query(scenario.query()).query() == scenario.query()


@unhurried
@given(scenarios())
def test_a_scenario_survives_the_way_through_either_json_form(scenario: Scenario) -> None:
    for form in (scenario.full(), scenario.compact()):
        again = Scenario.parse(json.loads(json.dumps(form)))
        assert again == scenario
        assert again.slug == scenario.slug


@unhurried
@given(scenarios(), scenarios())
def test_one_scenario_has_one_slug_and_two_have_two(one: Scenario, two: Scenario) -> None:
    assert (one.slug == two.slug) == (one == two)


@unhurried
@given(scenarios())
def test_a_slug_is_long_enough_and_has_no_look_alikes(scenario: Scenario) -> None:
    assert len(scenario.slug) >= 10
    assert set(scenario.slug) <= set(SLUG_LETTERS)
    assert not set(SLUG_LETTERS) & set("0o1ilu")


@pytest.mark.parametrize(("query", "slug"), PUBLISHED.items())
def test_rule_40_a_published_slug_never_changes(query: str, slug: str) -> None:
    assert Scenario.from_query(query).slug == slug


@pytest.mark.parametrize("query", PUBLISHED)
def test_rule_40_a_published_address_is_the_canonical_one(query: str) -> None:
    assert Scenario.from_query(query).query() == query


def test_defaults_that_are_written_out_change_neither_address_nor_slug() -> None:
    spelled = Scenario.from_query("?orders=1&retry=3,200,2&schedule=rendezvous&idempotency=on&fault=&deadline_ms=")
    assert (spelled.query(), spelled.slug) == ("", Scenario().slug)


def test_the_order_of_faults_counts_and_the_order_of_keys_does_not() -> None:
    ab, ba = (
        "fault=create-order:error:1&fault=create-order:timeout",
        "fault=create-order:timeout&fault=create-order:error:1",
    )
    assert Scenario.from_query(ab) != Scenario.from_query(ba)
    assert Scenario.from_query("stock=1&orders=2").slug == Scenario.from_query("orders=2&stock=1").slug


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("orders=many", "orders"),
        ("orders=9", "orders"),
        ("orders=1&orders=2", "orders"),
        ("idempotency=yes", "idempotency"),
        ("retry=3", "retry"),
        ("retry=3,200,2,5000,100", "retry"),
        ("retry=3,200,soon", "retry.factor"),
        ("compensation_retry=11,200,2", "compensation_retry.max_attempts"),
        ("schedule=0,x", "schedule"),
        ("fault=error", "faults.0"),
        ("fault=create-order:error&fault=create-order.undo:error", "faults.1"),
        ("fault=create-order:&fault=create-order:meteor", "faults.0"),
        ("fault=create-order:error:often", "faults.0.times"),
        ("faults=create-order:error", "faults"),
        ("colour=red", "colour"),
        ("&".join("a=1" for _ in range(101)), ""),
    ],
)
def test_rule_40_a_bad_address_says_what_is_wrong_with_it(query: str, field: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        Scenario.from_query(query)
    assert refused.value.errors[0]["field"] == field


def test_faults_after_an_unreadable_one_keep_their_numbers() -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        Scenario.from_query("fault=nonsense&fault=create-order:meteor")
    assert [error["field"] for error in refused.value.errors] == ["faults.0", "faults.1.kind"]
    assert refused.value.value == {"faults": ["nonsense", {"step": "create-order", "kind": "meteor"}]}


def test_keys_that_mean_something_else_to_a_page_are_passed_over() -> None:
    assert Scenario.from_query("at=12&orders=2&theme=dark", ignore=("at", "theme")) == Scenario.parse({"orders": 2})


@given(scenarios())
def test_an_address_does_not_depend_on_the_order_in_which_a_scenario_is_kept(scenario: Scenario) -> None:
    compact = scenario.compact()
    assert scenario_query.write(dict(sorted(compact.items()))) == scenario_query.write(dict(reversed(compact.items())))
    assert scenario.query() == scenario_query.write(compact)
