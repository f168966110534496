"""A trace per saga, as the OTLP JSON of an `ExportTraceServiceRequest`: Jaeger and others open it.

The saga is the root span. Each attempt, of an action or of a compensation, is a span of whoever
made it; what the service really did meanwhile is a span of that service below it, so a lost reply
shows as an error above a piece of work that was done. Waits, turns and people are events. Ids are
hashes of run, saga, step, direction and attempt: the same run gives the same bytes.
Source: opentelemetry.io/docs/specs/otlp, "JSON Protobuf encoding": ids in hex, 64-bit numbers as text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from playground.export.attempts import Attempt, Attempts
from playground.export.taken import Taken, TakenSaga
from playground.sentences import call_name, sentence
from sagas.entries import Entry, Kind, Op
from sagas.state import Phase

INTERNAL, SERVER, CLIENT, CONSUMER = 1, 2, 3, 5  # span kinds
UNSET, OK, ERROR = 0, 1, 2  # status codes
DRIVERS: Mapping[str, str] = {"orchestration": "orchestrator", "none": "caller", "choreography": "shop"}
SCOPE = {"name": "five-ledgers", "version": "1"}
OUTCOMES: Mapping[Kind, tuple[str, int]] = {
    Kind.ATTEMPT_SUCCEEDED: ("ok", OK),
    Kind.ATTEMPT_FAILED: ("failed", ERROR),
    Kind.ATTEMPT_UNKNOWN: ("unknown", ERROR),
    Kind.LOCK_DENIED: ("queued", UNSET),
}
ENDS: Mapping[str, int] = {Phase.COMPLETED: OK, Phase.RUNNING: UNSET, Phase.PENDING: UNSET, Phase.COMPENSATING: UNSET}

Span = dict[str, Any]


def write(taken: Taken) -> str:
    """Return the request; the same run gives the same text."""
    spans = sorted(Traces(taken).spans(), key=lambda one: one[0])
    resources = [
        {
            "resource": {"attributes": _attributes({"service.name": service, "service.namespace": "five-ledgers"})},
            "scopeSpans": [{"scope": SCOPE, "spans": [span for _, span in group]}],
        }
        for service, group in groupby(spans, key=lambda one: one[0])
    ]
    return json.dumps({"resourceSpans": resources}, indent=1, ensure_ascii=False) + "\n"


class Traces:
    """The spans of one run, each with the name of the service that it belongs to."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._attempts = Attempts(taken.entries)
        self._mode = str(taken.scenario["mode"])
        self._last_ms = taken.entries[-1].at if taken.entries else taken.created_ms

    def spans(self) -> Iterable[tuple[str, Span]]:
        """Yield (service, span)."""
        for saga in self._taken.sagas:
            yield DRIVERS[self._mode], self._root(saga)
        for attempt in self._attempts:
            service = self._service(attempt)
            if self._mode == "choreography":
                yield service, self._attempt(attempt, CONSUMER, attempt.service)
                continue
            yield DRIVERS[self._mode], self._attempt(attempt, CLIENT, [])
            if attempt.service:
                yield service, self._work(attempt, service)

    def _root(self, saga: TakenSaga) -> Span:
        own = [entry for entry in self._taken.entries if entry.saga in ("", saga.id)]
        began = own[0].at if own else self._taken.created_ms
        told = [entry for entry in own if self._attempts.of(entry) is None or entry.kind is Kind.RETRY_SCHEDULED]
        cause = saga.cause or {}
        about = {"saga.state": saga.state, **{f"saga.cause.{key}": value for key, value in cause.items()}}
        code = ENDS.get(saga.state, ERROR)
        return {
            "traceId": self._trace(saga.id),
            "spanId": self._id(saga.id),
            "name": f"{self._taken.definition} {saga.order}",
            "kind": INTERNAL,
            **_times(began, own[-1].at if own else began),
            "attributes": _attributes({**self._about(saga.id, saga.order), **about}),
            "events": [_event(entry) for entry in told],
            "status": _status(code, "" if code != ERROR else f"{saga.state}: {cause.get('reason') or 'no cause'}"),
        }

    def _attempt(self, attempt: Attempt, kind: int, reports: Iterable[Entry]) -> Span:
        started, ended = attempt.started, attempt.ended
        outcome, code = OUTCOMES[ended.kind] if ended else ("open", UNSET)
        reason = str(ended.detail.get("reason", "")) if ended else ""
        status = ended.detail.get("status") if ended else None
        about = {"saga.outcome": outcome, "saga.status": status, "saga.reason": reason or None}
        return {
            "traceId": self._trace(started.saga),
            "spanId": self._id_of(started),
            "parentSpanId": self._id(started.saga),
            "name": call_name(started),
            "kind": kind,
            **_times(started.at, ended.at if ended else self._last_ms),
            "attributes": _attributes(self._about_attempt(started) | about),
            "events": [_event(entry) for entry in reports],
            "links": list(self._links(started)),
            "status": _status(code, reason if code == ERROR else ""),
        }

    def _work(self, attempt: Attempt, service: str) -> Span:
        started, reports = attempt.started, attempt.service
        return {
            "traceId": self._trace(started.saga),
            "spanId": self._id_of(started, service),
            "parentSpanId": self._id_of(started),
            "name": call_name(started),
            "kind": SERVER,
            **_times(reports[0].at, reports[-1].at),
            "attributes": _attributes(self._about_attempt(started)),
            "events": [_event(entry) for entry in reports],
            "status": _status(OK, ""),
        }

    def _links(self, started: Entry) -> Iterable[dict[str, Any]]:
        """Yield the attempt before this one, and for a first compensation the attempt that it undoes."""
        trace = self._trace(started.saga)
        if started.attempt > 1:
            before = self._id(started.saga, started.step, str(started.op), str(started.attempt - 1))
            yield _link(trace, before, "retry of")
        elif started.op is Op.COMPENSATION:
            same = (started.saga, started.step, Op.ACTION)
            done = [a.started for a in self._attempts if (a.started.saga, a.started.step, a.started.op) == same]
            if done:
                yield _link(trace, self._id_of(done[-1]), "undoes")

    def _service(self, attempt: Attempt) -> str:
        return self._taken.steps.step(attempt.started.step).service

    def _about(self, saga: str, order: str) -> dict[str, Any]:
        return {"saga.run": self._taken.run, "saga.id": saga, "saga.order": order, "saga.mode": self._mode}

    def _about_attempt(self, started: Entry) -> dict[str, Any]:
        return {
            **self._about(started.saga, started.order),
            "saga.step": started.step,
            "saga.op": str(started.op),
            "saga.attempt": started.attempt,
            "saga.key": started.key,
            "saga.event": started.detail.get("event"),
        }

    def _trace(self, saga: str) -> str:
        return _hash(16, self._taken.run, saga)

    def _id_of(self, started: Entry, *more: str) -> str:
        return self._id(started.saga, started.step, str(started.op), str(started.attempt), *more)

    def _id(self, saga: str, *more: str) -> str:
        return _hash(8, self._taken.run, saga, *more)


def _event(entry: Entry) -> dict[str, Any]:
    about = {"saga.seq": entry.seq, "saga.lane": str(entry.lane), "saga.step": entry.step or None}
    detail = {f"saga.{key}": value for key, value in entry.detail.items() if isinstance(value, str | int | bool)}
    said = {"saga.sentence": sentence(entry)}
    return {"timeUnixNano": _nano(entry.at), "name": str(entry.kind), "attributes": _attributes(about | detail | said)}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return OTLP's list of keys and typed values; what is None is left out."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


def _link(trace: str, span: str, why: str) -> dict[str, Any]:
    return {"traceId": trace, "spanId": span, "attributes": _attributes({"saga.link": why})}


def _status(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message} if message else {"code": code}


def _times(began_ms: int, ended_ms: int) -> dict[str, str]:
    return {"startTimeUnixNano": _nano(began_ms), "endTimeUnixNano": _nano(max(began_ms, ended_ms))}


def _nano(ms: int) -> str:
    return str(ms * 1_000_000)


def _hash(size: int, *parts: str) -> str:
    """Return `size` bytes in hex."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[: 2 * size]
