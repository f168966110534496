"""What each span of a run says: its name, whose it is, its attributes and its status. Pure.

Source of names: OpenTelemetry semantic conventions, `error.type`, `peer.service`, `messaging.*`;
what these have no name for begins with `saga.`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.sentences import sentence
from playground.tracing.span import Code, Span, SpanEvent, SpanKind, SpanLink, Value
from sagas import state
from sagas import tracecontext as ids
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Op
from sagas.services.events import event_id

DRIVERS: Mapping[str, str] = {"orchestration": "orchestrator", "none": "caller", "choreography": "shop"}
CODES: Mapping[Kind, Code] = {  # of every other outcome and end: an error
    Kind.ATTEMPT_SUCCEEDED: Code.OK,
    Kind.SAGA_COMPLETED: Code.OK,
    Kind.SAGA_COMPENSATED: Code.UNSET,
}
OUTCOMES: Mapping[Kind, tuple[str, Code]] = {
    **{kind: (word, CODES.get(kind, Code.ERROR)) for kind, word in state.OUTCOMES.items()},
    Kind.LOCK_DENIED: ("queued", Code.UNSET),
}
ENDS: Mapping[Kind, tuple[str, Code]] = {
    kind: (str(phase), CODES.get(kind, Code.ERROR)) for kind, phase in state.ENDS.items()
}
BROKEN = "a saga of this run is broken"


@dataclass(slots=True)
class Spell:
    """A run or a saga at work, from `began_ms` until it rests; `n` counts its spells from 1."""

    id: str
    parent: str
    began_ms: int
    n: int
    order: str = ""
    events: list[SpanEvent] = field(default_factory=list)
    is_broken: bool = False
    is_over: bool = False
    is_cut: bool = False  # it did not rest: the run ended around it


@dataclass(slots=True)
class Attempt:
    """An attempt, and the entries of the service lane that are about it."""

    started: Entry
    id: str
    parent: str
    links: Sequence[SpanLink]
    is_over: bool = False
    reports: list[Entry] = field(default_factory=list)


class Describer:
    """Makes the spans of one run. Where nobody drives, an attempt is the service's own."""

    def __init__(self, run: str, mode: str, definition: SagaDefinition) -> None:
        self._run = {"saga.run": run, "saga.mode": mode}
        self._definition, self._driver = definition, DRIVERS[mode]
        self._nobody_drives = mode == "choreography"
        self._trace = ids.trace_id(run)

    def run(self, spell: Spell, ended_ms: int) -> Span:
        """Return the span of a run."""
        before = ids.run_span(self._trace, spell.n - 1)
        return Span(
            service=self._driver,
            trace=self._trace,
            id=spell.id,
            parent=spell.parent,
            name=f"run {self._definition.name}",
            kind=SpanKind.INTERNAL,
            began_ms=spell.began_ms,
            ended_ms=ended_ms,
            attributes=known({**self._run, **self._about_definition(), "saga.spell": spell.n}),
            events=spell.events,
            links=[SpanLink(span=before, why="goes on from")] if spell.n > 1 else [],
            code=Code.ERROR if spell.is_broken else Code.UNSET,
            message=BROKEN if spell.is_broken else "",
        )

    def saga(self, saga: str, spell: Spell, ended_ms: int, end: Entry | None, cause: Mapping[str, Any]) -> Span:
        """Return the span of a saga; `end` is the entry with which it came to rest, None if it did not."""
        came, code = ENDS[end.kind] if end else ("", Code.UNSET)
        reason = str((end.detail.get("reason") if end else "") or cause.get("reason") or "no cause")
        about = {
            **self._about(saga, spell.order),
            **self._about_definition(),
            "saga.spell": spell.n,
            "saga.state": came,
            **{f"saga.cause.{name}": value for name, value in cause.items()},
            "error.type": came if code is Code.ERROR else None,
        }
        before = ids.saga_span(self._trace, saga, spell.n - 1)
        return Span(
            service=self._driver,
            trace=self._trace,
            id=spell.id,
            parent=spell.parent,
            name=f"saga {self._definition.name}",
            kind=SpanKind.INTERNAL,
            began_ms=spell.began_ms,
            ended_ms=ended_ms,
            attributes=known(about),
            events=spell.events,
            links=[SpanLink(span=before, why="goes on from")] if spell.n > 1 else [],
            code=code,
            message=f"{came}: {reason}" if code is Code.ERROR else "",
        )

    def attempt(self, attempt: Attempt, ended_ms: int, end: Entry | None) -> Span:
        """Return the span of an attempt; `end` is its outcome, None if there is none."""
        started, detail = attempt.started, end.detail if end else {}
        outcome, code = OUTCOMES[end.kind] if end else ("open", Code.UNSET)
        reason, status = str(detail.get("reason", "")), detail.get("status")
        peer = self._service(started)
        about = {
            **self._about_attempt(started),
            "saga.outcome": outcome,
            "saga.status": status,
            "saga.reason": reason,
            "saga.replayed": detail.get("replayed"),
            "error.type": str(status or outcome) if code is Code.ERROR else None,
            "peer.service": None if self._nobody_drives else peer,
            **_messaging("process", started),
        }
        return Span(
            service=peer if self._nobody_drives else self._driver,
            trace=self._trace,
            id=attempt.id,
            parent=attempt.parent,
            name=self._call_name(started),
            kind=SpanKind.CONSUMER if self._nobody_drives else SpanKind.CLIENT,
            began_ms=started.at,
            ended_ms=ended_ms,
            attributes=known(about),
            links=attempt.links,
            code=code,
            message=reason if code is Code.ERROR else "",
        )

    def work(self, attempt: Attempt) -> Span:
        """Return the span of what a service reported of an attempt."""
        started, reports = attempt.started, attempt.reports
        said = told_in(self._trace, started)
        return Span(
            service=self._service(started),
            trace=self._trace,
            id=ids.work_span(self._trace, attempt.id),
            parent=attempt.id,
            name=self._call_name(started),
            kind=SpanKind.INTERNAL if self._nobody_drives else SpanKind.SERVER,
            began_ms=reports[0].at,
            ended_ms=reports[-1].at,
            attributes=known(self._about_attempt(started)),
            events=[event_of(entry) for entry in reports],
            links=[SpanLink(span=said, why="answers")] if said else [],
            code=Code.OK,
            reported=True,
        )

    def event(self, entry: Entry, parent: str) -> Span:
        """Return the span of an event that was said: a moment."""
        return Span(
            service=entry.detail["service"],
            trace=self._trace,
            id=ids.event_span(self._trace, entry.key),
            parent=parent,
            name=entry.detail["event"],
            kind=SpanKind.PRODUCER,
            began_ms=entry.at,
            ended_ms=entry.at,
            attributes=known({**self._about(entry.saga, entry.order), **_messaging("send", entry)}),
        )

    def _service(self, started: Entry) -> str:
        return self._definition.step(started.step).service

    def _call_name(self, started: Entry) -> str:
        if started.op is not Op.COMPENSATION:
            return started.step
        return self._definition.step(started.step).compensation_name or started.step

    def _about_definition(self) -> dict[str, Value]:
        return {"saga.definition": self._definition.name, "saga.version": self._definition.version}

    def _about(self, saga: str, order: str) -> dict[str, Any]:
        return {**self._run, "saga.id": saga, "saga.order": order}

    def _about_attempt(self, started: Entry) -> dict[str, Any]:
        return {
            **self._about(started.saga, started.order),
            "saga.step": started.step,
            "saga.op": str(started.op),
            "saga.attempt": started.attempt,
            "saga.key": started.key,
            "saga.service": self._service(started),
        }


def event_of(entry: Entry) -> SpanEvent:
    """Return an entry as an event of a span."""
    about = {"saga.seq": entry.seq, "saga.lane": str(entry.lane), "saga.step": entry.step}
    detail = {f"saga.{key}": value for key, value in entry.detail.items() if isinstance(value, str | int | bool)}
    said = {"saga.sentence": sentence(entry)}
    return SpanEvent(name=str(entry.kind), at_ms=entry.at, attributes=known({**about, **detail, **said}))


def told_in(trace: str, started: Entry) -> str:
    """Return the span in which the event was said that an attempt answers, "" for a call."""
    event = started.detail.get("event")
    return ids.event_span(trace, event_id(started.order, event)) if event else ""


def known(values: Mapping[str, Any]) -> dict[str, Value]:
    """Return what is neither None nor empty, by name: a journal that was read again has lost the order of its details."""
    return {key: value for key, value in sorted(values.items()) if value is not None and value != ""}


def _messaging(operation: str, entry: Entry) -> dict[str, Any]:
    event = entry.detail.get("event")
    if event is None:
        return {}
    return {
        "messaging.system": "outbox",
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": event,
        "messaging.message.id": event_id(entry.order, event),
    }
