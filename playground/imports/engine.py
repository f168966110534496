"""A history of this project's own engine: its activities are the jobs of a run, and each says what it is for. Pure.

One workflow drives every order of a run, so what is shown is the first order of it. What an order came to is
in the entries that the workflow had written, also where it is still open because a person may be asked.
What a job and its answer hold: `sagas.engines.jobs`; what a run's beginning is answered: `sagas.engines.desk`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.imports.history import slug
from playground.imports.scribe import Failure, Part
from sagas.engines.jobs import Do
from sagas.entries import Kind, Op

BEGIN, JOB = "saga-begin", "saga-job"  # what its activities are called
ENDS = {str(kind): kind for kind in (Kind.SAGA_COMPLETED, Kind.SAGA_COMPENSATED, Kind.SAGA_NEEDS_OPERATOR)}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The order that is shown, and its definition: `steps` maps each step to its service and its compensation, or ""."""

    saga: str
    order: str
    steps: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What an activity is for. `part` is None where it calls no service for the order that is shown.

    `end` is what it writes down of that order's end, and why.
    """

    part: Part | None = None
    service: str = ""
    key: str = ""
    attempt: int = 0
    end: tuple[Kind, str] | None = None


def begun(answer: object) -> Begun | None:
    """Return what the beginning of a run was answered, None for any other activity's answer."""
    if not isinstance(answer, Mapping) or not (sagas := _object(answer.get("sagas"))):
        return None
    saga, order = next(iter(sagas.items()))
    declared = _object(answer.get("definition")).get("steps")
    steps = {}
    for step in map(_object, declared if isinstance(declared, list) else ()):
        name, service, undo = (slug(_text(step.get(key))) for key in ("name", "service", "compensation"))
        steps[name] = service, undo
    steps.pop("", None)
    return Begun(saga=str(saga), order=_text(order), steps=steps) if steps else None


def job_of(run: Begun, name: str, inputs: Sequence[object]) -> Job | None:
    """Return what an activity of a run is for, None for one that is no job of the engine's."""
    if name == BEGIN:
        return Job()
    job = _object(inputs[0]) if name == JOB and inputs else {}
    what = _object(job.get("what"))
    match job.get("do"):
        case Do.APPEND:
            return Job(end=_end(run, what.get("entries")))
        case Do.ATTEMPT if what.get("saga") == run.saga:
            return _call(run, _object(what.get("call")))
        case Do.SETTLE if what.get("saga") == run.saga:
            return _call(run, {**what, "op": "settlement"})
        case str() as do if do in set(Do):
            return Job()
    return None


def failure_in(answer: Json) -> Failure | None:
    """Return why a call was not done by a job's answer, None where it was."""
    heard = _object(answer.get("heard"))
    detail, reason = _object(heard.get("detail")), _text(_object(heard.get("detail")).get("reason"))
    match heard.get("kind"):
        case Kind.ATTEMPT_SUCCEEDED | Kind.LOCK_RELEASED:
            return None
        case Kind.ATTEMPT_FAILED:
            retryable, whole_key = detail.get("retryable") is True, detail.get("whole_key") is True
            return Failure(reason=reason, is_definite=True, retryable=retryable, whole_key=whole_key)
        case Kind.LOCK_DENIED:
            return Failure(reason="queued", is_definite=True)
    return Failure(reason=reason or "no answer")


def _call(run: Begun, call: Json) -> Job | None:
    step, op, attempt = slug(_text(call.get("step"))), call.get("op"), call.get("attempt")
    if step not in run.steps:
        return None
    service, compensation = run.steps[step]
    parts = {
        "action": Part(step, Op.ACTION, step),
        "compensation": Part(step, Op.COMPENSATION, compensation or step),
        "settlement": Part(step, None, step),
    }
    number = attempt if isinstance(attempt, int) else 0
    found = parts.get(_text(op))
    return Job(part=found, service=service, key=_text(call.get("key")), attempt=number) if found else None


def _end(run: Begun, entries: object) -> tuple[Kind, str] | None:
    written = [_object(entry) for entry in entries] if isinstance(entries, list) else []
    ends = [entry for entry in written if entry.get("saga") == run.saga and _text(entry.get("kind")) in ENDS]
    return (ENDS[ends[-1]["kind"]], _text(_object(ends[-1].get("detail")).get("reason"))) if ends else None


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
