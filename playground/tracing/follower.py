"""Spans from what was committed: a listener of the journal, on a thread of its own.

It emits what `Spans` gives for each committed entry, so a span exists if and only if its facts
are durable. What this thread missed of a run that it follows is read from the journal, and so is all of a
run that began somewhere else; ids are hashes, so it goes on in the same trace. What a worker had
made and not sent when it died is sent again by the one that takes over: the same spans, bit by bit.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Full, Queue
from threading import Thread

from django.db import DatabaseError, connections

from playground.tracing.sdk import FLUSH_SECONDS, Tracing
from playground.tracing.span import Span
from playground.tracing.spans import Spans
from sagas import catalog, journal
from sagas.databases import mend
from sagas.entries import Entry, Kind
from sagas.errors import DefinitionUnknown
from sagas.models import Run
from sagas.plan import plan_from_json

logger = logging.getLogger(__name__)

WAITING = 10_000  # appends; beyond that they are let go, and read from the journal later
FOLLOWED = 5_000  # runs that are kept in mind; the one that was silent longest is forgotten
RESEND_MS = 60_000  # before a worker's last entry: nothing older can have waited in it to be sent

Appended = tuple[str, Sequence[Entry]]


@dataclass(slots=True)
class Followed:
    spans: Spans
    head: int


class Follower:
    """Follows the journal of this process. `hear` is its listener and never waits; `close` ends the thread."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._waiting: Queue[Appended | None] = Queue(WAITING)
        self._runs: OrderedDict[str, Followed] = OrderedDict()
        self._thread = Thread(target=self._work, name="tracing", daemon=True)
        self._thread.start()

    def hear(self, run: str, entries: Sequence[Entry]) -> None:
        """Take committed entries. What finds no room is missed, and noticed at the run's next ones."""
        if not entries or not self._tracing.is_kept(run):
            return
        try:
            self._waiting.put_nowait((run, entries))
        except Full:
            logger.warning("tracing.behind", extra={"run": run})

    def close(self) -> None:
        """Return when all that was heard is emitted, or has taken too long."""
        try:
            self._waiting.put(None, timeout=FLUSH_SECONDS)
        except Full:
            return
        self._thread.join(FLUSH_SECONDS)

    def _work(self) -> None:
        while (appended := self._waiting.get()) is not None:
            try:
                self._take(*appended)
            except DatabaseError as error:
                logger.error("tracing.journal-unread: %s", error, extra={"run": appended[0]})
                mend("default")
            except Exception:
                logger.exception("tracing.failed", extra={"run": appended[0]})
                self._runs.pop(appended[0], None)
        connections["default"].close()

    def _take(self, run: str, entries: Sequence[Entry]) -> None:
        followed = self._runs.get(run) or self._taken_over(run, entries[0].seq)
        if followed is None:
            return
        self._runs[run] = followed
        self._runs.move_to_end(run)
        if len(self._runs) > FOLLOWED:
            self._runs.popitem(last=False)
        missed = entries[0].seq - followed.head - 1
        if missed > 0:
            self._follow(followed, journal.read(run, followed.head, missed))
        self._follow(followed, entries)
        if entries[-1].kind is Kind.RUN_FINISHED:
            del self._runs[run]

    def _follow(self, followed: Followed, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.seq > followed.head:
                followed.head = entry.seq
                self._emit(followed.spans.add(entry))

    def _taken_over(self, run: str, until: int) -> Followed | None:
        """Return a run as it is before entry `until`; None for one that is gone, or of which nothing is known here.

        What its last worker may have made and not sent is sent again.
        """
        row = Run.objects.filter(pk=run).first()
        if row is None:
            return None
        try:
            definition = catalog.definition(row.definition, row.version)
        except DefinitionUnknown:
            return None
        spans, made = Spans(run, plan_from_json(row.scenario).mode, definition), list[Span]()
        earlier = journal.read(run, limit=until - 1)
        for entry in earlier:
            made += spans.add(entry)
            if entry.kind is Kind.RUN_FINISHED:
                made.clear()  # whoever finished it lived on, and has sent them
        since = earlier[-1].at - RESEND_MS if earlier else 0
        self._emit([span for span in made if span.ended_ms >= since])
        return Followed(spans, until - 1)

    def _emit(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self._tracing.emit(span)
