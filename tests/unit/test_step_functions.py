"""A scenario as a state machine: its budgets, its ways back, its words; and the project around it."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from moto.stepfunctions.parser.asl.static_analyser.static_analyser import StaticAnalyser

from playground.export.asl import project
from playground.export.project import Project
from playground.scenario import Scenario
from playground.step_functions.machine import ENDS, FOR_EVER, TRANSIENT, machine
from sagas import catalog

RETRY = {"max_attempts": 5, "initial_ms": 1500, "factor": 3.0, "max_ms": 20_000, "jitter": True}


def machine_of(**fields: Any) -> dict[str, Any]:
    scenario = Scenario.parse(fields)
    return machine(scenario.plan(), catalog.definition(scenario.saga))


def leads_to(state: Mapping[str, Any]) -> Iterator[str]:
    yield from [state["Next"]] if "Next" in state else []
    yield from (catch["Next"] for catch in state.get("Catch", ()))


@pytest.mark.parametrize("saga", ["order", "trip"])
@pytest.mark.parametrize("fields", [{}, {"lock": "wait"}, {"key_scope": "order"}, {"deadline_ms": 5000}])
def test_an_interpreter_takes_the_machine_and_every_state_can_be_reached(saga: str, fields: dict[str, Any]) -> None:
    made = machine_of(saga=saga, **fields)
    StaticAnalyser().analyse(json.dumps(made))
    reached, waiting = set[str](), [made["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += leads_to(made["States"][name])
    assert reached == set(made["States"])
    assert set(ENDS) < reached
    assert {name for name, state in made["States"].items() if state["Type"] != "Task"} == set(ENDS)


def test_a_budget_is_told_in_the_languages_own_words() -> None:
    states = machine_of(retry=RETRY, compensation_retry={"max_attempts": 2})["States"]
    (retry,) = states["charge-payment"]["Retry"]
    assert {key: value for key, value in retry.items() if key != "Comment"} == {
        "ErrorEquals": TRANSIENT,
        "IntervalSeconds": 2,
        "BackoffRate": 3.0,
        "MaxDelaySeconds": 20,
        "MaxAttempts": 4,
        "JitterStrategy": "FULL",
    }
    assert "5 attempts" in retry["Comment"]
    assert [
        (r["IntervalSeconds"], r["MaxAttempts"], r["JitterStrategy"]) for r in states["refund-payment"]["Retry"]
    ] == [(1, 1, "NONE")]
    assert machine_of(retry={"max_attempts": 1})["States"]["charge-payment"]["Retry"] == []


def test_a_task_outlasts_the_call_that_it_makes() -> None:
    task = machine_of(timeout_ms=1500)["States"]["charge-payment"]
    assert (task["TimeoutSeconds"], task["Parameters"]["Payload"]["timeout_ms"]) == (3, 1500)


def test_a_refusal_and_a_silence_part_ways() -> None:
    states = machine_of()["States"]
    ways = {name: [catch["Next"] for catch in state.get("Catch", ())] for name, state in states.items()}
    assert ways["reserve-inventory"] == ["compensated", "release-inventory"]
    assert ways["charge-payment"] == ["cancel-order", "refund-payment"]
    assert ways["refund-payment"] == ["needs-operator"]
    assert states["charge-payment"]["Catch"][0]["ErrorEquals"] == ["Refused", "DeadlinePassed"]
    assert states["charge-payment"]["Catch"][1]["ErrorEquals"] == ["States.ALL"]


def test_undos_follow_each_other_newest_first_and_say_what_they_undo() -> None:
    states = machine_of()["States"]
    chain, name = [], "cancel-delivery"
    while name != "compensated":
        chain.append(name)
        name = states[name]["Next"]
    assert chain == [step.compensation_name for step in reversed(catalog.ORDER.steps)]
    assert all(states[undo]["Comment"].startswith("undo ") for undo in chain)
    assert sum(state["Comment"].startswith("undo ") for state in states.values()) == 5


def test_what_lies_past_the_point_of_no_return_is_never_undone() -> None:
    states = machine_of(saga="trip")["States"]
    assert [catch["Next"] for catch in states["charge-card"]["Catch"]] == ["cancel-hotel", "needs-operator"]
    assert [catch["Next"] for catch in states["send-ticket"]["Catch"]] == ["needs-operator"]
    assert states["sell-seat"]["Retry"][0]["MaxAttempts"] == FOR_EVER
    assert "Catch" not in states["sell-seat"]


def test_keys_are_those_of_this_house() -> None:
    states = machine_of()["States"]
    keys = {name: state["Parameters"]["Payload"]["key.$"] for name, state in states.items() if state["Type"] == "Task"}
    assert keys["charge-payment"] == "States.Format('saga:{}:charge-payment', $.order)"
    assert keys["sell-inventory"] == "States.Format('saga:{}:settle-inventory', $.order)"
    wrong = machine_of(key_scope="order")["States"]
    assert wrong["charge-payment"]["Parameters"]["Payload"]["key.$"] == "States.Format('saga:{}', $.order)"


def test_a_project_holds_all_that_it_speaks_of() -> None:
    made = project(Scenario.parse({"saga": "trip"}), catalog.TRIP)
    assert made.name == "trip-step-functions"
    for service in ("flights", "hotels", "payments", "mail"):
        assert f'handler_for("{service}")' in made.files[f"functions/{service}.py"]
    for path, text in made.files.items():
        assert text.endswith("\n"), path
        if path.endswith(".py"):
            ast.parse(text)
    resources = yaml.load(made.files["template.yaml"].replace("!Ref ", ""), yaml.SafeLoader)["Resources"]
    called = {
        state["Parameters"]["FunctionName"]
        for state in json.loads(made.files["machine.asl.json"])["States"].values()
        if "Parameters" in state
    }
    assert called == {
        one["Properties"]["FunctionName"] for one in resources.values() if "FunctionName" in one["Properties"]
    }
    assert "`charge-card` cannot be undone" in made.files["README.md"]
    assert Scenario.parse(json.loads(made.files["scenario.json"])) == Scenario.parse({"saga": "trip"})


def test_the_same_files_give_the_same_zip_whatever_their_order() -> None:
    files = {"b/ü.txt": "ü\n", "a.txt": "a\n"}
    first = Project("p", files).zip()
    assert first == Project("p", dict(reversed(files.items()))).zip()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["p/a.txt", "p/b/ü.txt"]
        assert archive.read("p/b/ü.txt").decode() == "ü\n"
        assert archive.testzip() is None
