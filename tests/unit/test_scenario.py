"""A scenario: its ranges, its rules, and the names of the fields that are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from playground.scenario import Scenario, ScenarioInvalid, refuse_unbuilt
from sagas.plan import RunPlan

CRASH = {"step": "create-order", "kind": "crash-after"}


def fields(value: object) -> list[str]:
    """Return the names of the fields that are wrong with a scenario."""
    with pytest.raises(ScenarioInvalid) as refused:
        Scenario.parse(value)
    assert all(error["message"] for error in refused.value.errors)
    return [error["field"] for error in refused.value.errors]


def nested(path: str, value: object) -> dict[str, Any]:
    """Return `{"retry": {"factor": value}}` for `retry.factor`."""
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def at(value: object, path: str) -> Any:
    for key in path.split("."):
        value = value[key]  # type: ignore[index]
    return value


RANGES = {
    "orders": (1, 8),
    "stock": (0, 100),
    "latency_ms": (0, 5000),
    "timeout_ms": (1, 60_000),
    "deadline_ms": (1, 600_000),
    "seed": (0, 2**31 - 1),
    **{
        f"{retry}.{key}": limits
        for retry in ("retry", "compensation_retry")
        for key, limits in {
            "max_attempts": (1, 10),
            "initial_ms": (0, 60_000),
            "max_ms": (0, 60_000),
            "factor": (1, 10),
        }.items()
    },
}


@pytest.mark.parametrize(("field", "limits"), RANGES.items())
def test_both_ends_of_a_range_are_inside_and_their_neighbours_are_not(field: str, limits: tuple[int, int]) -> None:
    low, high = limits
    for inside in limits:
        assert at(Scenario.parse(nested(field, inside)).full(), field) == inside
    for outside in (low - 1, high + 1):
        assert fields(nested(field, outside)) == [field]


def test_a_watcher_has_a_range_too() -> None:
    for inside in (1, 600_000):
        assert Scenario.parse({"mode": "choreography", "watcher_ms": inside}).watcher_ms == inside
    for outside in (0, 600_001):
        assert fields({"mode": "choreography", "watcher_ms": outside}) == ["watcher_ms"]


@pytest.mark.parametrize("times", [1, 100])
def test_a_fault_hits_one_to_a_hundred_times(times: int) -> None:
    fault = {"step": "create-order", "kind": "error", "times": times}
    assert Scenario.parse({"faults": [fault]}).faults[0].times == times


@pytest.mark.parametrize("times", [0, 101, 1.5, "2", True])
def test_a_fault_hits_no_other_number_of_times(times: object) -> None:
    assert fields({"faults": [{"step": "create-order", "kind": "error", "times": times}]}) == ["faults.0.times"]


def test_twenty_faults_are_the_most() -> None:
    fault = {"step": "create-order", "kind": "error"}
    assert len(Scenario.parse({"faults": [fault] * 20}).faults) == 20
    assert fields({"faults": [fault] * 21}) == ["faults"]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"step": 1}, "step"),
        ({"retry": {"tries": 1}}, "retry.tries"),
        ({"faults": [{"step": "create-order", "kind": "error", "size": 1}]}, "faults.0.size"),
        ({"saga": "parcel"}, "saga"),
        ({"mode": "chaos"}, "mode"),
        ({"lock": "hard"}, "lock"),
        ({"key_scope": "run"}, "key_scope"),
        ({"schedule": "late"}, "schedule"),
        ({"schedule": []}, "schedule"),
        ({"schedule": [0] * 201}, "schedule"),
        ({"schedule": [True], "orders": 2}, "schedule"),
        ({"faults": [{"step": "create-order", "kind": "meteor"}]}, "faults.0.kind"),
        ({"faults": [{"step": "refund-payment", "kind": "error"}]}, "faults.0.step"),
        ({"faults": [{"step": "create-order"}]}, "faults.0.kind"),
        ({"faults": [{"step": "create-order", "on": "both", "kind": "error"}]}, "faults.0.on"),
        ({"faults": {}}, "faults"),
        ({"orders": True}, "orders"),
        ({"orders": "2"}, "orders"),
        ({"orders": 2.0}, "orders"),
        ({"idempotency": "on"}, "idempotency"),
        ({"retry": {"factor": float("inf")}}, "retry.factor"),
        ({"retry": None}, "retry"),
        ({"seed": 10**400}, "seed"),
        ([], ""),
        ("orders", ""),
        (None, ""),
    ],
)
def test_what_is_unknown_or_of_another_type_is_refused_by_name(value: object, field: str) -> None:
    assert fields(value) == [field]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"faults": [{"step": "create-order", "kind": "drop-event"}]}, "faults.0.kind"),
        ({"mode": "none", "faults": [{"step": "create-order", "kind": "drop-event"}]}, "faults.0.kind"),
        ({"mode": "none", "faults": [CRASH]}, "faults.0.kind"),
        ({"mode": "choreography", "faults": [CRASH]}, "faults.0.kind"),
        ({"faults": [{**CRASH, "times": None}]}, "faults.0.times"),
        ({"mode": "none", "faults": [{"step": "create-order", "on": "compensation", "kind": "error"}]}, "faults.0.on"),
        ({"watcher_ms": 1000}, "watcher_ms"),
        ({"mode": "none", "watcher_ms": 1000}, "watcher_ms"),
        ({"orders": 2, "schedule": [0, 2]}, "schedule"),
    ],
)
def test_a_combination_that_makes_no_sense_is_refused_by_name(value: object, field: str) -> None:
    assert fields(value) == [field]


def test_every_wrong_field_is_named_at_once() -> None:
    assert fields({"orders": 0, "mode": "x", "retry": {"factor": 0}}) == ["mode", "orders", "retry.factor"]


def test_text_that_no_encoding_can_hold_is_refused_like_any_other() -> None:
    assert fields({"mode": "\ud800"}) == ["mode"]
    with pytest.raises(ScenarioInvalid) as refused:
        Scenario.parse({"saga": "\ud800", "lock": "\ud800"})
    assert str(refused.value).isascii()


def test_a_crash_happens_once_unless_it_says_otherwise() -> None:
    assert Scenario.parse({"faults": [CRASH]}).faults[0].times == 1
    assert Scenario.parse({"faults": [{**CRASH, "times": 1}]}).compact() == {"faults": [CRASH]}
    assert Scenario.parse({"faults": [{**CRASH, "times": 2}]}).compact() == {"faults": [{**CRASH, "times": 2}]}


def test_the_full_form_has_every_key_and_becomes_the_plan_of_the_engine() -> None:
    assert Scenario.parse({}).plan() == RunPlan()
    assert Scenario.parse(Scenario.parse({}).full()) == Scenario.parse({})


def test_a_partial_budget_keeps_the_other_defaults_of_its_own_direction() -> None:
    scenario = Scenario.parse({"retry": {"initial_ms": 5}, "compensation_retry": {"initial_ms": 5}})
    assert (scenario.retry.max_attempts, scenario.compensation_retry.max_attempts) == (3, 4)


@pytest.mark.parametrize(
    ("value", "field"),
    [({"mode": "choreography", "schedule": [0]}, "schedule")],
)
def test_what_nothing_here_can_run_yet_is_said_at_its_field(value: object, field: str) -> None:
    scenario = Scenario.parse(value)
    with pytest.raises(ScenarioInvalid, match="not available") as refused:
        refuse_unbuilt(scenario)
    assert [error["field"] for error in refused.value.errors] == [field]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"lock": "wait", "orders": 2},
        {"lock": "off"},
        {"lock": "naive"},
        {"schedule": "free"},
        {"schedule": [0]},
        {"mode": "none", "schedule": [0]},
        {"mode": "choreography", "watcher_ms": 1000},
    ],
)
def test_what_can_be_run_is_not_refused(value: object) -> None:
    refuse_unbuilt(Scenario.parse(value))
