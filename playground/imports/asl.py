"""The history of an execution of AWS Step Functions, as `GetExecutionHistory` gives it. Pure.

Which state undoes which is said by the machine's own definition, where it is given along: by comments that
begin with `undo <step>` and `settle <step>`. Without it, tasks of the machines that are exported
here say it themselves, and of any other a state named `undo <step>` is taken for what it says.
Source: AWS Step Functions API reference, GetExecutionHistory, HistoryEvent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from playground.imports.history import (
    History,
    HistoryInvalid,
    events_of,
    moment_at,
    number_at,
    object_in,
    short,
    slug,
    text_at,
)
from playground.imports.scribe import Failure, Part, Scribe, known_part, own_part
from playground.scenario_errors import shown
from playground.step_functions.machine import COMPENSATED, NEEDS_OPERATOR, SETTLE, UNDO
from sagas.entries import Op

PLATFORM, TITLE = "asl", "AWS Step Functions"
FIRST = "ExecutionStarted"

CALLED = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")
DONE = ("TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded")
FAILED = (
    *("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"),
    *("LambdaFunctionFailed", "LambdaFunctionTimedOut", "LambdaFunctionScheduleFailed", "LambdaFunctionStartFailed"),
    *("ActivityFailed", "ActivityTimedOut", "ActivityScheduleFailed"),
)
BROKE = "ExecutionFailed"
ENDED = {
    BROKE: "the execution failed",
    "ExecutionTimedOut": "the execution ran out of time",
    "ExecutionAborted": "the execution was stopped",
}
# What the tasks of an exported machine raise, where that says for certain that nothing happened.
DEFINITE: Mapping[str, dict[str, bool]] = {
    "Refused": {"retryable": False, "whole_key": True},
    "DeadlinePassed": {"retryable": False, "whole_key": True},
    "RefusedInDoubt": {"retryable": False, "whole_key": False},
    "Failed": {"retryable": True, "whole_key": False},
    "Queued": {"retryable": True, "whole_key": False},
}

_MARKED = re.compile(rf"({UNDO}|{SETTLE})\s+([^\s:]+)")


def read(value: Any, definition: Any = None) -> History:
    """Return the history. Raises HistoryInvalid, which names what of it is wrong."""
    events, marks = events_of(value), _marks(definition)
    if events[0].get("type") != FIRST:
        raise HistoryInvalid("history.events.0.type", f"must be {FIRST}, not {shown(events[0].get('type'))}")
    given = object_in(_details(events[0]).get("input"))
    scribe = Scribe(PLATFORM, str(given.get("order") or ""), moment_at(events[0], 0, "timestamp"))
    reader = _Reader(scribe, marks)
    for n, event in enumerate(events):
        reader.take(n, event)
    return scribe.history(TITLE)


class _Reader:
    """Goes through the events. Every event belongs to the state that those before it, by their ids, lead back to."""

    def __init__(self, scribe: Scribe, marks: Mapping[str, Part]) -> None:
        self._scribe, self._marks = scribe, marks
        self._state_of: dict[int, str] = {}
        self._parts: dict[str, Part] = {}
        self._keys: dict[str, str] = {}
        self._last_state = ""

    def take(self, n: int, event: Mapping[str, Any]) -> None:
        kind, at = text_at(event, n, "type"), moment_at(event, n, "timestamp")
        number = number_at(event, n, "id")
        state = self._state_of.get(_before(event), "")
        if kind.endswith("StateEntered"):
            state = self._last_state = text_at(event, n, "stateEnteredEventDetails", "name")
        self._state_of[number] = state
        if kind in CALLED:
            self._called(n, event, at, state)
        elif kind in DONE or kind in FAILED:
            self._heard(n, event, at, state, done=kind in DONE)
        elif kind == "ExecutionSucceeded":
            self._scribe.went_through(at, undone=self._last_state == COMPENSATED)
        elif kind in ENDED:
            details = _details(event)
            said = ": ".join(str(details[key]) for key in ("error", "cause") if details.get(key))
            by_itself = kind == BROKE and self._last_state != NEEDS_OPERATOR
            self._scribe.broke(at, ENDED[kind], said, by_itself=by_itself)

    def _called(self, n: int, event: Mapping[str, Any], at: int, state: str) -> None:
        if not state:
            raise HistoryInvalid(f"history.events.{n}.previousEventId", "must lead back to the state of this task")
        details = _details(event)
        asked = object_in(details.get("parameters") or details.get("input"))
        payload = asked.get("Payload", asked)
        payload = payload if isinstance(payload, Mapping) else {}
        if state not in self._parts:
            self._parts[state] = self._part(state, payload)
        service = str(asked.get("FunctionName") or details.get("resource") or "").rpartition(":")[2]
        self._keys[state] = str(payload.get("key") or "")
        self._scribe.called(at, self._parts[state], service=service, key=self._keys[state])

    def _heard(self, n: int, event: Mapping[str, Any], at: int, state: str, *, done: bool) -> None:
        part = self._parts.get(state)
        if part is None:
            raise HistoryInvalid(f"history.events.{n}.previousEventId", "must lead back to a task that was scheduled")
        if done:
            self._scribe.done(at, part, self._keys[state])
        else:
            self._scribe.failed(at, part, _failure(event), self._keys[state])

    def _part(self, state: str, payload: Mapping[str, Any]) -> Part:
        """Return what a state is for: by the machine's definition, by its task's own word, by its name."""
        own = own_part(state, {part.step for part in self._parts.values()})
        if own is None:
            raise HistoryInvalid("history.events", f"name a state {shown(state)}, which has no letter and no digit")
        if state in self._marks:
            return self._marks[state]
        if known := known_part(str(payload.get("command") or state)):
            return known
        return own


def _marks(definition: Any) -> dict[str, Part]:
    """Return what the marked states of a machine are for, by name."""
    if definition is None:
        return {}
    if isinstance(definition, Mapping) and isinstance(definition.get("definition"), str):
        definition = object_in(definition["definition"])  # as DescribeStateMachine gives it
    states = definition.get("States") if isinstance(definition, Mapping) else None
    if not isinstance(states, Mapping):
        raise HistoryInvalid("definition.States", "must be an object: the states of the machine")
    marks = {}
    for name, state in states.items():
        comment = state.get("Comment", "") if isinstance(state, Mapping) else ""
        found = _MARKED.match(comment) if isinstance(comment, str) else None
        if found and found[2] not in states:
            raise HistoryInvalid(f"definition.States.{short(name)}.Comment", f"names {found[2]}, which is no state")
        if found:
            op = Op.COMPENSATION if found[1] == UNDO else None
            marks[name] = Part(slug(found[2]), op, slug(name))
    return marks


def _failure(event: Mapping[str, Any]) -> Failure:
    """Return what a failed task says. Only what the service itself said is definite; whose error it is shows its name."""
    details = _details(event)
    error = str(details.get("error") or event["type"])
    cause = object_in(details.get("cause")).get("errorMessage") or details.get("cause") or ""
    reason = f"{error}: {cause}" if cause else error
    if error in DEFINITE:
        return Failure(reason=str(cause or error), is_definite=True, **DEFINITE[error])
    return Failure(reason=reason)


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = str(event.get("type"))
    found = event.get(f"{kind[:1].lower()}{kind[1:]}EventDetails")
    return found if isinstance(found, Mapping) else {}


def _before(event: Mapping[str, Any]) -> int:
    before = event.get("previousEventId", 0)
    return before if type(before) is int else 0
