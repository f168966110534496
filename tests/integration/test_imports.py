"""Histories of sagas that ran elsewhere, recorded from real executions, opened on this stage."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from playground import imported, imports
from playground.imports import HistoryInvalid, scenes
from playground.imports.history import MAX_EVENTS, History, from_json
from playground.models import ImportedHistory
from sagas import catalog
from sagas.entries import Kind, Lane, Op
from sagas.language import sentence_violations
from tests.play import ROOT

pytestmark = pytest.mark.usefixtures("engine_databases")

HISTORIES = ROOT / "tests" / "data" / "histories"
STEPS = [step.name for step in catalog.ORDER.steps]
UNDOS = [step.compensation_name for step in reversed(catalog.ORDER.steps)]
FOREIGN = {
    "events": [
        {"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": 1_795_000_000.5},
        {"id": 2, "previousEventId": 0, "type": "TaskStateEntered", "timestamp": 1_795_000_001, "stateEnteredEventDetails": {"name": "BookHotel"}},
        {"id": 3, "previousEventId": 2, "type": "LambdaFunctionScheduled", "timestamp": 1_795_000_001, "lambdaFunctionScheduledEventDetails": {"resource": "arn:aws:lambda:eu-west-1:1:function:hotels"}},
        {"id": 4, "previousEventId": 3, "type": "LambdaFunctionSucceeded", "timestamp": 1_795_000_002},
        {"id": 5, "previousEventId": 4, "type": "TaskStateEntered", "timestamp": 1_795_000_002, "stateEnteredEventDetails": {"name": "Pay"}},
        {"id": 6, "previousEventId": 5, "type": "LambdaFunctionScheduled", "timestamp": 1_795_000_002},
        {"id": 7, "previousEventId": 6, "type": "LambdaFunctionFailed", "timestamp": 1_795_000_003, "lambdaFunctionFailedEventDetails": {"error": "NoMoney", "cause": "{}"}},
        {"id": 8, "previousEventId": 7, "type": "TaskStateEntered", "timestamp": 1_795_000_003, "stateEnteredEventDetails": {"name": "GiveRoomBack"}},
        {"id": 9, "previousEventId": 8, "type": "LambdaFunctionScheduled", "timestamp": 1_795_000_003},
        {"id": 10, "previousEventId": 9, "type": "LambdaFunctionSucceeded", "timestamp": 1_795_000_004},
        {"id": 11, "previousEventId": 10, "type": "FailStateEntered", "timestamp": 1_795_000_004, "stateEnteredEventDetails": {"name": "Sorry"}},
        {"id": 12, "previousEventId": 11, "type": "ExecutionFailed", "timestamp": 1_795_000_004, "executionFailedEventDetails": {"error": "NoTrip"}},
    ]
}  # fmt: skip
MARKED = {
    "States": {
        "BookHotel": {"Comment": "first"},
        "Pay": {},
        "GiveRoomBack": {"Comment": "undo BookHotel: it is free"},
        "Sorry": {},
    }
}


def text_of(name: str) -> str:
    return (HISTORIES / f"{name}.json").read_text()


def opened(name: str) -> History:
    return imports.read(name.partition("-")[0], text_of(name))


def told(history: History, *kinds: Kind) -> list[str]:
    """Return the calls of a history's entries of some kinds, in order."""
    undos = {step.name: step.undo for step in history.steps}
    return [undos[e.step] if e.op is Op.COMPENSATION else e.step for e in history.entries if e.kind in kinds]


def end_of(history: History) -> str:
    assert history.entries[-1].kind is Kind.RUN_FINISHED
    return str(history.entries[-2].kind)


ENDS = {
    "asl-completed": "saga-completed",
    "asl-compensated": "saga-compensated",
    "asl-stuck": "saga-needs-operator",
    "asl-trip": "saga-compensated",
    "temporal-completed": "saga-completed",
    "temporal-compensated": "saga-compensated",
    "temporal-stuck": "saga-needs-operator",
    "temporal-exported": "saga-compensated",
    "temporal-engine": "saga-compensated",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_recorded_history_is_a_journal_without_a_gap_and_ends_as_it_ended(name: str) -> None:
    history = opened(name)
    assert (history.order, history.finished, end_of(history)) == ("ord-8412", True, ENDS[name])
    assert [entry.seq for entry in history.entries] == list(range(1, len(history.entries) + 1))
    assert [entry.at for entry in history.entries] == sorted(entry.at for entry in history.entries)
    assert from_json(json.loads(json.dumps(history.to_json()))) == history
    assert {entry.lane for entry in history.entries[:-1]} == {Lane.ORCHESTRATOR}, (
        "what services did is not in a history"
    )


@pytest.mark.parametrize("name", ["asl-completed", "asl-compensated", "asl-stuck"])
def test_the_calls_of_a_machine_of_ours_are_a_sentence_of_the_language_of_sagas(name: str) -> None:
    """But for what no history holds: the policy, and what was owed before it was called."""
    untold = re.compile(
        "it is a saga of|back-off|settlement of|nothing is owed|turns without reason|budget is not spent"
    )
    wrong = sentence_violations(list(opened(name).entries), catalog.ORDER)
    assert [line for line in wrong if not untold.search(line)] == []


@pytest.mark.parametrize("platform", ["asl", "temporal"])
def test_what_was_unknown_is_undone_with_all_that_came_before(platform: str) -> None:
    history = opened(f"{platform}-compensated")
    assert told(history, Kind.ATTEMPT_SUCCEEDED) == [*STEPS[:4], *UNDOS]
    assert set(told(history, Kind.ATTEMPT_UNKNOWN)) == {"book-delivery"}
    (turn,) = (entry for entry in history.entries if entry.kind is Kind.SAGA_COMPENSATING)
    assert (turn.detail["cause"]["step"], turn.detail["cause"]["outcome"]) == ("book-delivery", "unknown")


def test_each_wait_and_each_attempt_of_a_machine_is_told() -> None:
    history = opened("asl-compensated")
    attempts = [e.attempt for e in history.entries if e.kind is Kind.ATTEMPT_STARTED and e.step == "book-delivery"]
    (wait,) = (entry for entry in history.entries if entry.kind is Kind.RETRY_SCHEDULED)
    assert attempts[:2] == [1, 2]
    assert 1000 <= wait.detail["delay_ms"] < 5000, "the machine waits a second"
    assert wait.detail["due_at"] == wait.at + wait.detail["delay_ms"]


def test_temporal_keeps_the_number_of_the_last_attempt_and_no_other() -> None:
    history = opened("temporal-compensated")
    attempts = [e.attempt for e in history.entries if e.kind is Kind.ATTEMPT_STARTED and e.step == "book-delivery"]
    assert attempts == [3, 1]
    assert not [entry for entry in history.entries if entry.kind is Kind.RETRY_SCHEDULED], "nobody said when it waited"


def test_a_workflow_that_tries_again_by_itself_is_read_attempt_by_attempt() -> None:
    history = opened("temporal-exported")
    assert [(step.name, step.service, step.undo) for step in history.steps] == [
        ("reserve-inventory", "inventory", "release-inventory"),
        ("charge-payment", "payments", "refund-payment"),
    ]
    charged = [e for e in history.entries if e.step == "charge-payment" and e.op is Op.ACTION]
    assert [(str(entry.kind), entry.attempt) for entry in charged] == [
        ("attempt-started", 1),
        ("attempt-failed", 1),
        ("retry-scheduled", 2),
        ("attempt-started", 2),
        ("attempt-unknown", 2),
        ("retry-scheduled", 3),
        ("attempt-started", 3),
        ("attempt-unknown", 3),
    ]


def test_a_run_of_this_projects_own_engine_shows_the_steps_of_its_first_order() -> None:
    """Its activities are jobs: of this run and of another order, which write entries, too."""
    history = opened("temporal-engine")
    undone = ["refund-payment", "cancel-order", "release-inventory"]
    assert [(step.name, step.service, step.undo) for step in history.steps] == [
        (step.name, step.service, step.compensation_name) for step in catalog.ORDER.steps[:4]
    ]
    assert [(str(entry.kind), entry.step, entry.attempt) for entry in history.entries[1:15]] == [
        ("attempt-started", "reserve-inventory", 1),
        ("attempt-succeeded", "reserve-inventory", 1),
        ("attempt-started", "create-order", 1),
        ("attempt-failed", "create-order", 1),
        ("retry-scheduled", "create-order", 2),
        ("attempt-started", "create-order", 2),
        ("attempt-succeeded", "create-order", 2),
        ("attempt-started", "charge-payment", 1),
        ("attempt-unknown", "charge-payment", 1),
        ("retry-scheduled", "charge-payment", 2),
        ("attempt-started", "charge-payment", 2),
        ("attempt-succeeded", "charge-payment", 2),
        ("attempt-started", "notify-warehouse", 1),
        ("attempt-failed", "notify-warehouse", 1),
    ]
    assert told(history, Kind.ATTEMPT_SUCCEEDED)[-3:] == undone


@pytest.mark.parametrize("platform", ["asl", "temporal"])
def test_a_refusal_undoes_nothing_of_its_own_step_and_a_stuck_undo_stops_it(platform: str) -> None:
    history = opened(f"{platform}-stuck")
    assert told(history, Kind.ATTEMPT_FAILED)[0] == "book-delivery"
    assert told(history, Kind.COMPENSATION_OWED) == ["recall-pick", "refund-payment"]
    stuck = history.entries[-2]
    assert (stuck.step, stuck.op) == ("charge-payment", Op.COMPENSATION)


def test_a_machine_of_somebody_else_is_read_by_its_definition() -> None:
    history = imports.read("asl", json.dumps(FOREIGN), json.dumps(MARKED))
    assert [(step.name, step.service, step.undo) for step in history.steps] == [
        ("book-hotel", "hotels", "give-room-back"),
        ("pay", "pay", ""),
    ]
    assert end_of(history) == "saga-compensated"
    assert told(history, Kind.ATTEMPT_UNKNOWN) == ["pay"], "an error of a function says nothing of what it did before"
    described = {"definition": json.dumps(MARKED)}
    assert imports.read("asl", json.dumps(FOREIGN), json.dumps(described)) == history


def test_without_the_definition_no_state_is_taken_for_an_undo_that_does_not_say_so() -> None:
    history = imports.read("asl", json.dumps(FOREIGN))
    assert [step.undo for step in history.steps] == ["", "", ""]
    assert end_of(history) == "saga-needs-operator"
    named = json.dumps(FOREIGN).replace("GiveRoomBack", "UndoBookHotel")
    assert [step.undo for step in imports.read("asl", named).steps] == ["undo-book-hotel", ""]


def test_a_success_that_left_an_undo_undone_is_not_taken_for_one() -> None:
    events = json.loads(json.dumps(FOREIGN["events"]))
    events[9] |= {"type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": {"error": "Oops"}}
    events[10:] = [{**events[11], "previousEventId": 10, "id": 11, "type": "ExecutionSucceeded"}]
    history = imports.read("asl", json.dumps(events), json.dumps(MARKED))
    assert end_of(history) == "saga-needs-operator"
    assert "give-room-back" in history.entries[-2].detail["reason"]


def test_an_execution_that_still_runs_has_no_end() -> None:
    events = json.loads(text_of("asl-compensated"))["events"][:26]
    history = imports.read("asl", json.dumps(events))
    assert (history.finished, history.entries[-1].kind) == (False, Kind.ATTEMPT_STARTED)


def changed(at: int, **fields: Any) -> str:
    events = json.loads(json.dumps(FOREIGN["events"]))
    events[at] |= fields
    return json.dumps({"events": events})


@pytest.mark.parametrize(
    ("platform", "text", "definition", "field"),
    [
        ("asl", "", "", "history"),
        ("asl", "{", "", "history"),
        ("asl", "[" * 100_000, "", "history"),
        ("asl", "{}", "", "history.events"),
        ("asl", "[]", "", "history.events"),
        ("asl", json.dumps([{}] * (MAX_EVENTS + 1)), "", "history.events"),
        ("asl", "[1]", "", "history.events.0"),
        ("asl", text_of("temporal-completed"), "", "history.events.0.type"),
        ("temporal", text_of("asl-completed"), "", "history.events.0.eventType"),
        ("asl", changed(1, timestamp="soon"), "", "history.events.1.timestamp"),
        ("asl", changed(1, timestamp=10**20), "", "history.events.1.timestamp"),
        ("asl", changed(1, timestamp="0001-01-01T00:00:00Z"), "", "history.events.1.timestamp"),
        ("asl", changed(1, id="x"), "", "history.events.1.id"),
        ("asl", changed(1, stateEnteredEventDetails={}), "", "history.events.1.stateEnteredEventDetails.name"),
        ("asl", changed(2, previousEventId=99), "", "history.events.2.previousEventId"),
        ("asl", changed(3, previousEventId=99), "", "history.events.3.previousEventId"),
        ("asl", json.dumps(FOREIGN["events"][:1]), "", "history.events"),
        ("asl", json.dumps(FOREIGN), "{", "definition"),
        ("asl", json.dumps(FOREIGN), "[]", "definition.States"),
        ("asl", json.dumps(FOREIGN), '{"States": {"A": {"Comment": "undo B"}}}', "definition.States.A.Comment"),
        ("camunda", "{}", "", "platform"),
    ],
)  # fmt: skip
def test_what_is_no_history_is_refused_by_field(platform: str, text: str, definition: str, field: str) -> None:
    with pytest.raises(HistoryInvalid) as refused:
        imports.read(platform, text, definition)
    assert [error["field"] for error in refused.value.errors] == [field]


@pytest.mark.parametrize("name", ENDS)
def test_no_scene_says_more_than_was_heard(name: str) -> None:
    history = opened(name)
    shown = list(scenes.frames(history))
    assert [frame["scene"]["seq"] for frame in shown] == list(range(1, len(history.entries) + 1))
    for frame in shown:
        scene = frame["scene"]
        assert {leg["service"]["total"] for leg in scene["legs"]} == {scenes.NOT_TOLD}
        assert not any(leg["service"]["rows"] or leg["service"]["pending"] for leg in scene["legs"])
        assert {value for fact, value in scene["facts"].items() if fact != "knows"} == {scenes.NOT_TOLD}
        assert scene["alert"] is None
    said = " ".join(frame["scene"]["entry"]["say"] for frame in shown)
    assert not re.search(r"charged|refunded|shelf|held by|\$|lamp|did the work|Nothing is written", said), said
    tags = {frame["scene"]["token"]["tag"] for frame in shown if frame["scene"]["token"]}
    assert not tags & {"call lost", "reply lost"}, "a history does not say where a message was lost"


def post(**fields: Any) -> Any:
    return Client().post("/import/", {"platform": "asl", **fields})


def test_a_history_is_opened_from_a_file_or_from_text_and_is_kept_once() -> None:
    text = text_of("asl-compensated")
    pasted = post(history=text)
    uploaded = post(**{"history-file": SimpleUploadedFile("h.json", text.encode())})
    assert pasted.status_code == uploaded.status_code == 303
    assert pasted.headers["Location"] == uploaded.headers["Location"]
    assert ImportedHistory.objects.filter(pk=pasted.headers["Location"].split("/")[2]).count() == 1


def test_a_pasted_history_may_be_as_long_as_a_file() -> None:
    assert post(history=text_of("asl-trip") + " " * 100_000).status_code == 303


def test_its_page_is_read_only_and_says_that_there_are_no_books() -> None:
    page = Client().get(post(history=text_of("asl-compensated")).headers["Location"]).content.decode()
    assert "What a history does not tell" in page
    assert 'id="records"' not in page
    assert 'id="lights"' not in page
    assert 'id="beliefs"' not in page
    assert 'method="post"' not in page
    assert page.count('class="span"') >= 12, "every attempt has a bar"
    assert "all undone" in page


def test_a_moment_has_an_address_and_a_wrong_one_is_named() -> None:
    url = post(history=text_of("asl-completed")).headers["Location"]
    first = Client().get(f"{url}?at=1&speed=2").content.decode()
    assert 'data-at="1"' in first
    assert "Step Functions begins with ord-8412" in first
    for query, field in (("at=0", "at"), ("at=999", "at"), ("at=x", "at"), ("speed=9", "speed")):
        answer = Client().get(f"{url}?{query}")
        assert (answer.status_code, f'data-field="{field}"' in answer.content.decode()) == (400, True), query


def test_its_scenes_are_read_a_page_at_a_time() -> None:
    url = post(history=text_of("asl-completed")).headers["Location"]
    whole = Client().get(f"{url}scenes").json()
    part = Client().get(f"{url}scenes", {"after": 3, "limit": 2, "saga": "import-1"}).json()
    assert whole["finished"] is True
    assert part["frames"] == whole["frames"][3:5]
    for query, field in (("after=-1", "after"), ("limit=0", "limit"), ("limit=501", "limit")):
        answer = Client().get(f"{url}scenes?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"history": "{"}, "history"),
        ({}, "history"),
        ({"history": "{}", "platform": "x"}, "platform"),
        ({"history-file": SimpleUploadedFile("h.json", b"\xff\xfe\x00")}, "history"),
    ],
)
def test_a_form_says_what_is_wrong_and_keeps_what_was_typed(fields: Mapping[str, Any], field: str) -> None:
    before = ImportedHistory.objects.count()
    answer = post(**fields)
    page = answer.content.decode()
    assert (answer.status_code, f'data-field="{field}"' in page) == (422, True)
    assert str(fields.get("history", "")) in page
    assert ImportedHistory.objects.count() == before


def test_a_form_from_elsewhere_opens_nothing() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/import/", {"platform": "asl", "history": text_of("asl-completed")}).status_code == 403


def test_an_unknown_import_is_404_and_an_old_one_is_forgotten() -> None:
    assert Client().get("/import/nothing/").status_code == 404
    url = post(history=text_of("temporal-completed"), platform="temporal").headers["Location"]
    row = ImportedHistory.objects.get(pk=url.split("/")[2])
    imported.drop(round(row.created_at.timestamp() * 1000) - 1)
    assert Client().get(url).status_code == 200
    imported.drop(round(row.created_at.timestamp() * 1000) + 1)
    assert Client().get(url).status_code == 404


def test_inputs_and_results_are_not_kept() -> None:
    secret = text_of("asl-completed").replace('\\"item\\": \\"lamp\\"', '\\"item\\": \\"a-secret\\"')
    assert "a-secret" in secret
    history = imports.read("asl", secret)
    assert "a-secret" not in json.dumps(history.to_json())


def test_every_recorded_history_is_told_of_here() -> None:
    assert {path.stem for path in Path(HISTORIES).glob("*.json")} == set(ENDS)
