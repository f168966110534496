"""The spans of a run: a fold of its journal, which gives each span when the entry comes that ends it. Pure.

A run is one trace. Below the run is a span for each saga, below a saga one for each attempt at an
action or a compensation, and below an attempt what its service reported. Where nobody drives, each
event is a span of whoever says it, between the attempt that gave rise to it and those that answer it.
A span is never changed once it is given: a saga that goes on after a person acted has another one,
and so has its run. So the same journal gives the same spans, whoever folds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from playground.tracing.described import ENDS, OUTCOMES, Attempt, Describer, Spell, event_of, told_in
from playground.tracing.span import Code, Span, SpanLink
from sagas import tracecontext as ids
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.services.events import event_id

GOES_ON = ("retry", "resolve")  # what a person does to a saga that waits for one
RELAY = "relay"  # who says an event in the place of a service that could not handle one

Key = tuple[str, str, str, int]  # saga, step, direction, attempt


class Spans:
    """The fold. `add` every entry of a run in order; `rest` are the spans that no entry has ended."""

    def __init__(self, run: str, mode: str, definition: SagaDefinition) -> None:
        self._describe = Describer(run, mode, definition)
        self._trace = ids.trace_id(run)
        self._run: Spell | None = None
        self._sagas: dict[str, Spell] = {}
        self._causes: dict[str, Mapping[str, Any]] = {}
        self._attempts: dict[Key, Attempt] = {}
        self._at = 0

    def add(self, entry: Entry) -> list[Span]:
        """Return the spans that this entry ends."""
        self._at = entry.at
        run = self._run_at(entry)
        if entry.kind is Kind.RUN_FINISHED:
            run.events.append(event_of(entry))
            return self._end(run)
        if entry.kind is Kind.ATTEMPT_STARTED:
            self._start(entry, run)
            return []
        attempt = self._attempts.get(_key(entry))
        if attempt is not None and _ends(entry) and not attempt.is_over:
            attempt.is_over = True
            return [self._describe.attempt(attempt, entry.at, entry)]
        if attempt is not None and _is_report(entry):
            attempt.reports.append(entry)
            return []
        return self._tell(entry, run)

    def rest(self) -> list[Span]:
        """Return what services reported, and every span that is still open, as long as it is by the last entry."""
        made = [self._describe.work(each) for each in self._attempts.values() if each.reports]
        made += self._open()
        if self._run is not None and not self._run.is_over:
            made.append(self._describe.run(self._run, self._at))
        return made

    def _run_at(self, entry: Entry) -> Spell:
        if self._run is None or self._run.is_over:
            n = self._run.n + 1 if self._run else 1
            parent = ids.run_span(self._trace) if n > 1 else ""
            self._run = Spell(ids.run_span(self._trace, n), parent, entry.at, n)
        return self._run

    def _saga_at(self, entry: Entry, run: Spell) -> Spell:
        """Return the spell of an entry's saga. A person who has it go on begins another one."""
        spell = self._sagas.get(entry.saga)
        if spell is None or (spell.is_over and (spell.is_cut or _goes_on(entry))):
            n = spell.n + 1 if spell else 1
            spell = Spell(ids.saga_span(self._trace, entry.saga, n), run.id, entry.at, n, entry.order)
            self._sagas[entry.saga] = spell
        return spell

    def _start(self, entry: Entry, run: Spell) -> None:
        saga = self._saga_at(entry, run)
        span = ids.attempt_span(self._trace, *_key(entry))
        parent = told_in(self._trace, entry) or saga.id
        self._attempts[_key(entry)] = Attempt(entry, span, parent, list(self._links(entry)))

    def _links(self, entry: Entry) -> Iterable[SpanLink]:
        """Yield the attempt before this one, and for a compensation the last attempt at what it undoes."""
        saga, step, op, n = _key(entry)
        if before := self._attempts.get((saga, step, op, n - 1)):
            yield SpanLink(span=before.id, why="retry of")
        if entry.op is Op.COMPENSATION:
            done = [each.id for key, each in self._attempts.items() if key[:3] == (saga, step, str(Op.ACTION))]
            if done:
                yield SpanLink(span=done[-1], why="undoes")

    def _tell(self, entry: Entry, run: Spell) -> list[Span]:
        """Have an entry that is about no call told by its saga, or by the run while that rests."""
        if not entry.saga:
            run.events.append(event_of(entry))
            return []
        saga = self._saga_at(entry, run)
        (run if saga.is_over else saga).events.append(event_of(entry))
        cause = entry.detail.get("because" if entry.kind is Kind.EVENT_PUBLISHED else "cause")
        if isinstance(cause, Mapping):
            self._causes.setdefault(entry.saga, cause)
        if entry.kind is Kind.EVENT_PUBLISHED:
            return [self._describe.event(entry, self._gave_rise(entry) or saga.id)]
        if entry.kind not in ENDS or saga.is_over:
            return []
        saga.is_over = True
        run.is_broken = run.is_broken or ENDS[entry.kind][1] is Code.ERROR
        return [self._describe.saga(entry.saga, saga, entry.at, entry, self._causes.get(entry.saga, {}))]

    def _gave_rise(self, published: Entry) -> str:
        """Return the attempt that an event follows from, "" for none: its cause says only which event was answered."""
        cause, by, found = published.detail["cause"], published.detail["by"], ""
        for attempt in self._attempts.values():
            started = attempt.started
            answers = event_id(started.order, started.detail.get("event", ""))
            if answers == cause and by in (started.detail["service"], RELAY):
                found = attempt.id
        return found

    def _end(self, run: Spell) -> list[Span]:
        """End a run, and with it whatever did not come to an end of its own."""
        made = self._open()
        for attempt in self._attempts.values():
            attempt.is_over = True
        for saga in self._sagas.values():
            saga.is_cut, saga.is_over = not saga.is_over, True
        run.is_over = True
        return [*made, self._describe.run(run, self._at)]

    def _open(self) -> list[Span]:
        open_attempts = [each for each in self._attempts.values() if not each.is_over]
        open_sagas = [(saga, each) for saga, each in self._sagas.items() if not each.is_over]
        return [
            *(self._describe.attempt(each, self._at, None) for each in open_attempts),
            *(self._describe.saga(s, each, self._at, None, self._causes.get(s, {})) for s, each in open_sagas),
        ]


def fold(spans: Spans, entries: Iterable[Entry]) -> list[Span]:
    """Return the spans of a whole journal, in the order in which they ended, those that nothing ended last."""
    made = [span for entry in entries for span in spans.add(entry)]
    return made + spans.rest()


def _key(entry: Entry) -> Key:
    return entry.saga, entry.step, str(entry.op), entry.attempt


def _ends(entry: Entry) -> bool:
    if entry.kind is Kind.LOCK_DENIED:
        return bool(entry.detail.get("waiting"))
    return entry.kind in OUTCOMES


def _is_report(entry: Entry) -> bool:
    return entry.lane is Lane.SERVICE and entry.kind not in (Kind.EVENT_HANDLED, Kind.RETRY_SCHEDULED)


def _goes_on(entry: Entry) -> bool:
    return entry.kind is Kind.OPERATOR_ACTED and entry.detail.get("action") in GOES_ON
