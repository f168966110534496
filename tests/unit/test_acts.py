"""What the acts make of a form and of an address, and back."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from playground.acts import act0, act1, act2
from playground.acts.act1 import Pair
from playground.acts.base import PICKS, STEPS
from playground.scenario import Scenario, ScenarioInvalid


def kinds(scenario: Scenario) -> list[tuple[str, str, str]]:
    return [(fault.step, fault.on, fault.kind) for fault in scenario.faults]


def test_an_empty_address_shows_each_act_at_its_most_telling() -> None:
    assert kinds(act0.ACT.from_address("")) == [("notify-warehouse", "action", "error")]
    assert kinds(act2.ACT.from_address("")) == [("notify-warehouse", "action", "error")]
    pair = act1.pair_from_address("")
    assert kinds(pair.choreography) == [("notify-warehouse", "action", "drop-event")]
    assert kinds(pair.orchestration) == [("notify-warehouse", "action", "timeout")]


@pytest.mark.parametrize("down", [True, False])
def test_act_0_keeps_its_choice(down: bool) -> None:
    choice = act0.Choice(down)
    scenario = act0.scenario_of(choice)
    assert scenario.mode == "none"
    assert act0.choice_of(scenario) == choice == act0.choice_from_form({"down": "on" if down else "off"})
    assert act0.broken_service(scenario) == ("warehouse" if down else "")


def test_the_one_database_breaks_where_the_first_call_does() -> None:
    broken = act0.ACT.from_address("fault=book-delivery:error&fault=create-order:timeout")
    assert act0.broken_service(broken) == "orders"
    assert act0.broken_service(act0.ACT.from_address("fault=create-order:duplicate")) == ""


@pytest.mark.parametrize("fail", PICKS)
@pytest.mark.parametrize("undo", [True, False])
def test_act_2_keeps_its_choice(fail: str, undo: bool) -> None:
    choice = act2.Choice(fail, undo and fail not in ("none", "1"))
    scenario = act2.scenario_of(choice)
    assert act2.choice_of(scenario) == choice
    if scenario.faults:
        assert act2.ACT.from_address(act2.ACT.query_of(scenario)) == scenario


@pytest.mark.parametrize("fail", PICKS)
@pytest.mark.parametrize("kill", [True, False])
@pytest.mark.parametrize("watch", [True, False])
def test_act_1_keeps_its_choice_and_is_fair(fail: str, kill: bool, watch: bool) -> None:
    choice = act1.Choice(fail, kill, watch)
    pair = act1.pair_of(choice)
    assert act1.choice_of(pair) == choice
    if choice.value() != {"faults": []}:
        assert act1.pair_from_address(act1.query_of(pair)) == pair
    differs = {key for key, value in pair.choreography.full().items() if pair.orchestration.full()[key] != value}
    assert differs <= {"mode", "faults", "watcher_ms"}
    assert (pair.choreography.watcher_ms is None) is not watch


def test_act_1_tells_a_lost_message_in_the_words_of_each_mode() -> None:
    for word in ("drop-event", "timeout"):
        pair = act1.pair_from_address(f"fault=create-order:{word}:1&fault=book-delivery:error")
        assert kinds(pair.choreography)[0] == ("create-order", "action", "drop-event")
        assert kinds(pair.orchestration)[0] == ("create-order", "action", "timeout")
        assert pair.choreography.faults[0].times == pair.orchestration.faults[0].times == 1
        assert pair.choreography.faults[1] == pair.orchestration.faults[1]


def test_a_killed_orchestrator_dies_where_the_message_is_lost() -> None:
    pair = act1.pair_of(act1.Choice("2", kill=True))
    assert kinds(pair.orchestration) == [
        ("create-order", "action", "crash-before"),
        ("create-order", "action", "timeout"),
    ]
    assert kinds(pair.choreography) == [("create-order", "action", "drop-event")]
    assert kinds(act1.pair_of(act1.Choice("none", kill=True)).orchestration) == [
        (act1.CRASH_AT, "action", "crash-before")
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("mode=none", "mode"),
        ("fault=nothing:timeout", "faults.0.step"),
        ("stock=900", "stock"),
        ("colour=red", "colour"),
    ],
)
def test_act_1_names_the_field_that_is_wrong(query: str, field: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        act1.pair_from_address(query)
    assert [error["field"] for error in refused.value.errors] == [field]


def test_what_an_address_adds_to_an_act_is_written_back() -> None:
    query = "fault=create-order:decline&latency_ms=250&seed=7"
    scenario = act2.ACT.from_address(query)
    assert scenario.latency_ms == 250, "the default of scenarios, and not the act's own"
    assert parse_qs(act2.ACT.query_of(scenario)) == parse_qs(query)
    pair = act1.pair_from_address("fault=create-order:timeout&latency_ms=250&watcher_ms=900")
    assert parse_qs(act1.query_of(pair)) == parse_qs("fault=create-order:timeout&latency_ms=250&watcher_ms=900")


@pytest.mark.parametrize("form", [{"fail": "6"}, {"fail": "one"}, {"watch": "yes"}, {"kill": "1"}])
def test_a_form_that_no_page_sends_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        act1.choice_from_form(form)
    assert [error["field"] for error in refused.value.errors] == list(form)


def test_a_pair_is_two_scenarios_that_the_lab_can_open() -> None:
    pair: Pair = act1.pair_of(act1.Choice("3", kill=True, watch=True))
    for scenario in (pair.choreography, pair.orchestration):
        assert Scenario.from_query(scenario.query()) == scenario
    assert STEPS[2] in pair.choreography.query()
