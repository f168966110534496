"""Histories of runs of this project's own engine on Temporal, whose activities are jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from playground import imports
from playground.imports.history import History
from sagas.entries import Kind
from tests.integration.test_imports import end_of, told

CHARGE = {"step": "charge-payment", "op": "action", "attempt": 1, "key": "saga:ord-1:charge-payment"}
REFUND = {"step": "charge-payment", "op": "compensation", "attempt": 1, "key": "saga:ord-1:refund-payment"}
SELL = {"do": "settle", "what": {"saga": "r-1", "step": "charge-payment", "key": "saga:ord-1:settle-payments"}}
FREE = {"heard": {"kind": "lock-released", "detail": {}}}
OK = {"heard": {"kind": "attempt-succeeded", "detail": {}}}


def attempt(call: Mapping[str, Any], saga: str = "r-1") -> dict[str, Any]:
    return {"do": "attempt", "what": {"saga": saga, "call": dict(call)}}


def ends(kind: str, **detail: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the job by which an end is written down, after another saga's, and its answer."""
    entries = [{"saga": "r-2", "kind": "saga-lost", "detail": {}}, {"saga": "r-1", "kind": kind, "detail": detail}]
    return {"do": "append", "what": {"entries": entries}}, {}


def of_engine(*jobs: tuple[Mapping[str, Any], Mapping[str, Any]]) -> History:
    """Return what is read of a run of two orders whose workflow is still open."""
    steps = [{"name": "charge-payment", "service": "payments", "compensation": "refund-payment"}]
    told = {"sagas": {"r-1": "ord-1", "r-2": "ord-2"}, "definition": {"steps": steps}}
    events: list[dict[str, Any]] = [{"eventType": "WORKFLOW_EXECUTION_STARTED"}]
    for name, given, answer in [("saga-begin", "r", told), *(("saga-job", *each) for each in jobs)]:
        n = len(events) + 1
        scheduled = {"activityType": {"name": name}, "input": {"payloads": [given]}}
        completed = {"scheduledEventId": n, "result": {"payloads": [answer]}}
        events += [
            {"eventType": "ACTIVITY_TASK_SCHEDULED", "activityTaskScheduledEventAttributes": scheduled},
            {"eventType": "ACTIVITY_TASK_STARTED", "activityTaskStartedEventAttributes": {"scheduledEventId": n}},
            {"eventType": "ACTIVITY_TASK_COMPLETED", "activityTaskCompletedEventAttributes": completed},
        ]
    placed = [{"eventId": n, "eventTime": 1_795_000_000 + n, **event} for n, event in enumerate(events, 1)]
    return imports.read("temporal", json.dumps({"events": placed}))


def test_a_settlement_of_the_engine_is_told_once_it_is_answered() -> None:
    calls = (attempt(CHARGE), OK), (attempt(CHARGE, "r-2"), OK), (SELL, {"heard": None}), (SELL, FREE)
    history = of_engine(*calls, ends("saga-completed"))
    kinds = [
        "attempt-started",
        "attempt-succeeded",
        "settlement-owed",
        "lock-released",
        "saga-completed",
        "run-finished",
    ]
    assert [str(entry.kind) for entry in history.entries[1:]] == kinds
    assert (history.order, history.finished) == ("ord-1", True)


def test_an_order_of_the_engine_that_waits_for_a_person_has_ended_unless_it_went_on() -> None:
    refused = {"heard": {"kind": "attempt-failed", "detail": {"reason": "declined"}}}
    stuck = (attempt(CHARGE), OK), (attempt(REFUND), refused), ends("saga-needs-operator", reason="declined")
    waiting, mended = of_engine(*stuck), of_engine(*stuck, (attempt(REFUND), OK), ends("saga-compensated"))
    assert (end_of(waiting), waiting.entries[-2].detail) == ("saga-needs-operator", {"reason": "declined"})
    assert (end_of(mended), told(mended, Kind.ATTEMPT_SUCCEEDED)) == (
        "saga-compensated",
        ["charge-payment", "refund-payment"],
    )
    assert not of_engine((attempt(CHARGE), OK)).finished
