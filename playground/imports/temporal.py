"""The history of a workflow of Temporal, as `temporal workflow show --output json` prints it. Pure.

An activity that is tried again leaves one pair of events: when its last attempt began, and how that ended,
with the attempt's number. When the attempts before it began and ended is not in a history, so they have no
entries here; the number is kept. An input with `step` and `op` says what its activity is for, as those of the workflows
that are exported here do. Any other activity that is a command of the services here, by its own name, its id or a name in its
input, is that command; and one named `undo <step>` is taken for what it says. A run of this project's own engine has jobs
for activities: see `playground.imports.engine`.
Source: temporal.api.history.v1, HistoryEvent, in its protobuf JSON form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.imports import engine
from playground.imports.history import (
    History,
    HistoryInvalid,
    events_of,
    moment_at,
    number_at,
    object_in,
    slug,
    text_at,
)
from playground.imports.payloads import decoded, inputs_of, said_in
from playground.imports.scribe import Failure, Part, Scribe, known_part, own_part
from playground.scenario_errors import shown
from sagas.entries import Kind, Op

PLATFORM, TITLE = "temporal", "Temporal"
MAX_ATTEMPTS = 100_000
FIRST = "WORKFLOW_EXECUTION_STARTED"
NAMED_BY = ("command", "step", "name", "activity")  # fields of an input that may name a command
OPS: Mapping[str, Op | None] = {"action": Op.ACTION, "compensation": Op.COMPENSATION, "settlement": None}
UNCERTAIN = ("Unknown", "RefusedInDoubt")  # errors by which a task says itself that it cannot tell
# What the activities of an exported workflow raise, where that says for certain that this attempt did nothing.
DEFINITE: Mapping[str, dict[str, bool]] = {
    "Refused": {"retryable": False, "whole_key": False},
    "RefusedForGood": {"retryable": False, "whole_key": True},
    "ServiceError": {"retryable": True, "whole_key": False},
    "Failed": {"retryable": True, "whole_key": False},
}

SCHEDULED, STARTED, COMPLETED = "ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED"
HEARD = (COMPLETED, "ACTIVITY_TASK_FAILED", "ACTIVITY_TASK_TIMED_OUT", "ACTIVITY_TASK_CANCELED")
BROKE = "WORKFLOW_EXECUTION_FAILED"
ENDED = {
    BROKE: "the workflow failed",
    "WORKFLOW_EXECUTION_TIMED_OUT": "the workflow ran out of time",
    "WORKFLOW_EXECUTION_CANCELED": "the workflow was cancelled",
    "WORKFLOW_EXECUTION_TERMINATED": "the workflow was terminated",
}


@dataclass(slots=True)
class _Scheduled:
    """An activity that was scheduled: what it is for, and whether its attempt has been told of."""

    part: Part
    key: str
    service: str
    at: int
    attempt: int
    is_job: bool = False
    told: bool = False


def read(value: Any, definition: Any = None) -> History:
    """Return the history. Raises HistoryInvalid, which names what of it is wrong."""
    events = events_of(value)
    if _type(events[0], 0) != FIRST:
        raise HistoryInvalid("history.events.0.eventType", f"must be {FIRST}, not {shown(events[0].get('eventType'))}")
    began = _attributes(events[0], FIRST)
    run = _begun(events)
    orders = [run.order] if run else [given.get("order") for given in inputs_of(began)] + decoded(began.get("input"))
    order = next((text for text in orders if isinstance(text, str)), "")
    scribe = Scribe(PLATFORM, order or str(began.get("workflowId") or ""), moment_at(events[0], 0, "eventTime"))
    reader = _Reader(scribe, run)
    for n, event in enumerate(events):
        reader.take(n, event)
    reader.close()
    return scribe.history(TITLE)


class _Reader:
    """Goes through the events. How an activity went refers to the event by which it was scheduled."""

    def __init__(self, scribe: Scribe, run: engine.Begun | None) -> None:
        self._scribe, self._run = scribe, run
        self._scheduled: dict[int, _Scheduled] = {}
        self._silent: dict[int, engine.Job] = {}
        self._end: tuple[int, Kind, str] | None = None  # of an order of the engine's, as it last wrote one down
        self._steps: set[str] = set()

    def take(self, n: int, event: Mapping[str, Any]) -> None:
        kind, at = _type(event, n), moment_at(event, n, "eventTime")
        said = _attributes(event, kind)
        if kind == SCHEDULED:
            self._schedule(n, event, at, said)
        elif kind == STARTED or kind in HEARD:
            self._went(n, event, at, kind, said)
        elif kind == "WORKFLOW_EXECUTION_COMPLETED" and self._run is None:
            self._went_through(at, said)
        elif kind in ENDED and self._end is None:
            why = object_in(said.get("failure")).get("message") or said.get("reason") or ""
            self._scribe.broke(at, ENDED[kind], str(why), by_itself=kind == BROKE)

    def close(self) -> None:
        """Say how an order of the engine's ended, unless it went on after that."""
        if self._end is not None:
            at, kind, reason = self._end
            self._scribe.end(at, kind, reason)

    def _schedule(self, n: int, event: Mapping[str, Any], at: int, said: Mapping[str, Any]) -> None:
        name = text_at(event, n, "activityTaskScheduledEventAttributes", "activityType", "name")
        job = engine.job_of(self._run, name, decoded(said.get("input"))) if self._run else None
        if job is not None:
            self._schedule_job(number_at(event, n, "eventId"), at, job)
            return
        inputs = list(inputs_of(said))
        part = self._part(n, name, str(said.get("activityId") or ""), inputs)
        number = next((given["attempt"] for given in inputs if type(given.get("attempt")) is int), 0)
        self._steps.add(part.step)
        self._scheduled[number_at(event, n, "eventId")] = _Scheduled(
            part, said_in(inputs, "key"), said_in(inputs, "service"), at, number if 0 < number < MAX_ATTEMPTS else 0
        )

    def _schedule_job(self, number: int, at: int, job: engine.Job) -> None:
        if job.part is None:
            self._silent[number] = job
            return
        attempt = job.attempt if 0 < job.attempt < MAX_ATTEMPTS else 0
        self._scheduled[number] = _Scheduled(job.part, job.key, job.service, at, attempt, is_job=True)

    def _went(self, n: int, event: Mapping[str, Any], at: int, kind: str, said: Mapping[str, Any]) -> None:
        """Take how a scheduled activity went."""
        number = number_at(event, n, field := f"{_camel(kind)}EventAttributes", "scheduledEventId")
        if number in self._silent:
            end = self._silent[number].end
            if kind == COMPLETED and end is not None:
                self._end = (at, *end)
        elif number not in self._scheduled:
            raise HistoryInvalid(f"history.events.{n}.{field}.scheduledEventId", f"{number} scheduled no activity")
        elif kind == STARTED:
            self._start(self._scheduled[number], at, number_at({"attempt": 1, **said}, n, "attempt"))
        else:
            self._heard(self._scheduled[number], at, kind, said)

    def _start(self, one: _Scheduled, at: int, attempt: int) -> None:
        one.told, self._end = True, None
        self._scribe.called(at, one.part, service=one.service, key=one.key, attempt=one.attempt or attempt)

    def _heard(self, one: _Scheduled, at: int, kind: str, said: Mapping[str, Any]) -> None:
        if not one.told:  # it never began: there was nobody to take it
            self._start(one, one.at, 1)
        answer = next((said for said in decoded(said.get("result")) if isinstance(said, Mapping)), {})
        if kind == COMPLETED and one.is_job and (failure := engine.failure_in(answer)):
            self._scribe.failed(at, one.part, failure, one.key)
        elif kind == COMPLETED and answer.get("verdict") == "queued":
            queued = Failure(reason=f"queued: {answer.get('reason', '')}", is_definite=True)
            self._scribe.failed(at, one.part, queued, one.key)
        elif kind == COMPLETED:
            self._scribe.done(at, one.part, one.key)
        else:
            self._scribe.failed(at, one.part, _failure(kind, said), one.key)

    def _went_through(self, at: int, said: Mapping[str, Any]) -> None:
        """Tell how a workflow ended that went through: by its own word, where its result has one of ours."""
        result = decoded(said.get("result"))
        words = [str(one.get("end", one.get("state", ""))) if isinstance(one, Mapping) else str(one) for one in result]
        if "needs-operator" in words:
            self._scribe.end(at, Kind.SAGA_NEEDS_OPERATOR)
        else:
            self._scribe.went_through(at, undone="compensated" in words)

    def _part(self, n: int, name: str, activity: str, inputs: Sequence[Mapping[str, Any]]) -> Part:
        step, op, key = slug(said_in(inputs, "step")), said_in(inputs, "op"), said_in(inputs, "key")
        if step and op in OPS:
            return Part(step, OPS[op], slug(key.rpartition(":")[2]) or step)
        named = [given[key] for given in inputs for key in NAMED_BY if isinstance(given.get(key), str)]
        for word in (name, slug(name), activity, *named):
            if known := known_part(word):
                return known
        own = own_part(name, self._steps)
        if own is None:
            field = f"history.events.{n}.activityTaskScheduledEventAttributes.activityType.name"
            raise HistoryInvalid(field, f"must have a letter or a digit, not {shown(name)}")
        return own


def _begun(events: Sequence[Mapping[str, Any]]) -> engine.Begun | None:
    """Return how a run of this project's own engine began, None for any other workflow."""
    kinds = [_type(event, n) for n, event in enumerate(events)]
    if SCHEDULED not in kinds or COMPLETED not in kinds:
        return None
    asked, answered = events[kinds.index(SCHEDULED)], events[kinds.index(COMPLETED)]
    if object_in(_attributes(asked, SCHEDULED).get("activityType")).get("name") != engine.BEGIN:
        return None
    return next(filter(None, map(engine.begun, decoded(_attributes(answered, COMPLETED).get("result")))), None)


def _failure(kind: str, said: Mapping[str, Any]) -> Failure:
    """Return what a failed activity says. What its code raised on purpose, never to be retried, is a refusal."""
    if kind == "ACTIVITY_TASK_CANCELED":
        return Failure(reason="cancelled")
    failure = object_in(said.get("failure"))
    own = object_in(failure.get("applicationFailureInfo"))
    error, message = str(own.get("type") or ""), str(failure.get("message") or "")
    reason = ": ".join(word for word in (error, message) if word) or kind.lower().replace("_", " ")
    if kind == "ACTIVITY_TASK_FAILED" and error in DEFINITE:
        return Failure(reason=message or reason, is_definite=True, **DEFINITE[error])
    if kind == "ACTIVITY_TASK_FAILED" and own.get("nonRetryable") is True and error not in UNCERTAIN:
        return Failure(reason=message or reason, is_definite=True, retryable=False, whole_key=True)
    return Failure(reason=reason)


def _type(event: Mapping[str, Any], n: int) -> str:
    """Return an event's type in the words of the protobuf, which older command lines write in their own way."""
    kind = text_at(event, n, "eventType")
    if kind.startswith("EVENT_TYPE_"):
        return kind.removeprefix("EVENT_TYPE_")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()


def _attributes(event: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = event.get(f"{_camel(kind)}EventAttributes")
    return found if isinstance(found, Mapping) else {}


def _camel(kind: str) -> str:
    first, *more = kind.lower().split("_")
    return first + "".join(word.capitalize() for word in more)
