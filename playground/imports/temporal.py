"""The history of a workflow of Temporal, as `temporal workflow show --output json` prints it. Pure.

An activity that is tried again leaves one pair of events: when its last attempt began, and how that ended,
with the attempt's number. When the attempts before it began and ended is not in a history, so they have no
entries here; the number is kept. An input with `step` and `op` says what its activity is for, as those of the workflows
that are exported here do. Any other activity that is a command of the services here, by its own name, its id or a name in its
input, is that command; and one named `undo <step>` is taken for what it says.
Source: temporal.api.history.v1, HistoryEvent, in its protobuf JSON form.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    told: bool = False


def read(value: Any, definition: Any = None) -> History:
    """Return the history. Raises HistoryInvalid, which names what of it is wrong."""
    events = events_of(value)
    if _type(events[0], 0) != FIRST:
        raise HistoryInvalid("history.events.0.eventType", f"must be {FIRST}, not {shown(events[0].get('eventType'))}")
    began = _attributes(events[0], FIRST)
    orders = [given.get("order") for given in _inputs(began)] + _decoded(began.get("input"))
    order = next((text for text in orders if isinstance(text, str)), "")
    scribe = Scribe(PLATFORM, order or str(began.get("workflowId") or ""), moment_at(events[0], 0, "eventTime"))
    reader = _Reader(scribe)
    for n, event in enumerate(events):
        reader.take(n, event)
    return scribe.history(TITLE)


class _Reader:
    """Goes through the events. How an activity went refers to the event by which it was scheduled."""

    def __init__(self, scribe: Scribe) -> None:
        self._scribe = scribe
        self._scheduled: dict[int, _Scheduled] = {}
        self._steps: set[str] = set()

    def take(self, n: int, event: Mapping[str, Any]) -> None:
        kind, at = _type(event, n), moment_at(event, n, "eventTime")
        said = _attributes(event, kind)
        if kind == "ACTIVITY_TASK_SCHEDULED":
            self._schedule(n, event, at, said)
        elif kind == "ACTIVITY_TASK_STARTED":
            self._start(self._of(n, event, kind), at, number_at({"attempt": 1, **said}, n, "attempt"))
        elif kind in (
            "ACTIVITY_TASK_COMPLETED",
            "ACTIVITY_TASK_FAILED",
            "ACTIVITY_TASK_TIMED_OUT",
            "ACTIVITY_TASK_CANCELED",
        ):
            self._heard(self._of(n, event, kind), at, kind, said)
        elif kind == "WORKFLOW_EXECUTION_COMPLETED":
            self._went_through(at, said)
        elif kind in ENDED:
            why = object_in(said.get("failure")).get("message") or said.get("reason") or ""
            self._scribe.broke(at, ENDED[kind], str(why), by_itself=kind == BROKE)

    def _schedule(self, n: int, event: Mapping[str, Any], at: int, said: Mapping[str, Any]) -> None:
        name = text_at(event, n, "activityTaskScheduledEventAttributes", "activityType", "name")
        inputs = list(_inputs(said))
        part = self._part(n, name, str(said.get("activityId") or ""), inputs)
        number = next((given["attempt"] for given in inputs if type(given.get("attempt")) is int), 0)
        self._steps.add(part.step)
        self._scheduled[number_at(event, n, "eventId")] = _Scheduled(
            part, _said(inputs, "key"), _said(inputs, "service"), at, number if 0 < number < MAX_ATTEMPTS else 0
        )

    def _start(self, one: _Scheduled, at: int, attempt: int) -> None:
        one.told = True
        self._scribe.called(at, one.part, service=one.service, key=one.key, attempt=one.attempt or attempt)

    def _heard(self, one: _Scheduled, at: int, kind: str, said: Mapping[str, Any]) -> None:
        if not one.told:  # it never began: there was nobody to take it
            self._start(one, one.at, 1)
        answer = next((said for said in _decoded(said.get("result")) if isinstance(said, Mapping)), {})
        if kind == "ACTIVITY_TASK_COMPLETED" and answer.get("verdict") == "queued":
            queued = Failure(reason=f"queued: {answer.get('reason', '')}", is_definite=True)
            self._scribe.failed(at, one.part, queued, one.key)
        elif kind == "ACTIVITY_TASK_COMPLETED":
            self._scribe.done(at, one.part, one.key)
        else:
            self._scribe.failed(at, one.part, _failure(kind, said), one.key)

    def _of(self, n: int, event: Mapping[str, Any], kind: str) -> _Scheduled:
        field = f"{_camel(kind)}EventAttributes"
        number = number_at(event, n, field, "scheduledEventId")
        if number not in self._scheduled:
            raise HistoryInvalid(f"history.events.{n}.{field}.scheduledEventId", f"{number} scheduled no activity")
        return self._scheduled[number]

    def _went_through(self, at: int, said: Mapping[str, Any]) -> None:
        """Tell how a workflow ended that went through: by its own word, where its result has one of ours."""
        result = _decoded(said.get("result"))
        words = [str(one.get("end", one.get("state", ""))) if isinstance(one, Mapping) else str(one) for one in result]
        if "needs-operator" in words:
            self._scribe.end(at, Kind.SAGA_NEEDS_OPERATOR)
        else:
            self._scribe.went_through(at, undone="compensated" in words)

    def _part(self, n: int, name: str, activity: str, inputs: Sequence[Mapping[str, Any]]) -> Part:
        step, op, key = slug(_said(inputs, "step")), _said(inputs, "op"), _said(inputs, "key")
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


def _inputs(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each object among the inputs of an event, and each one right inside of such an object."""
    for value in _decoded(said.get("input")):
        if isinstance(value, Mapping):
            yield value
            yield from (each for each in value.values() if isinstance(each, Mapping))


def _said(inputs: Iterable[Mapping[str, Any]], key: str) -> str:
    """Return what the first input with a text under this key says, or ""."""
    return next((text for given in inputs if isinstance(text := given.get(key), str)), "")


def _decoded(payloads: Any) -> list[Any]:
    """Return the values of payloads that are JSON; one that is encoded in another way says nothing here."""
    found = payloads.get("payloads") if isinstance(payloads, Mapping) else payloads
    values = []
    for payload in found if isinstance(found, list) else ():
        data = payload.get("data") if isinstance(payload, Mapping) else None
        try:
            text = base64.b64decode(data, validate=True).decode() if isinstance(data, str) else ""
        except (binascii.Error, UnicodeDecodeError):
            continue
        values += [value] if (value := _json(text)) is not None else []
        if not isinstance(data, str) and payload is not None:
            values.append(payload)
    return values


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
