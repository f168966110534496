"""The attempts of a run, each with its beginning, its end and what the service did meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sagas.entries import Entry, Kind, Lane, Op
from sagas.state import OUTCOMES

Key = tuple[str, str, Op | None, int]


@dataclass(slots=True)
class Attempt:
    """One attempt. `ended` is None while it has no outcome; `service` holds what its service reported of it."""

    started: Entry
    ended: Entry | None = None
    service: list[Entry] = field(default_factory=list)

    @property
    def is_call_lost(self) -> bool:
        """Whether no answer came, and nothing shows that the service had been asked by then."""
        return self._is_unknown and not self._arrived

    @property
    def is_reply_lost(self) -> bool:
        """Whether no answer came, though the service had done its part by then."""
        return self._is_unknown and self._arrived

    @property
    def first_report(self) -> Entry | None:
        """The first thing that the service reported before the outcome was known."""
        last = self.ended.seq if self.ended else self.started.seq + 10**9
        return next((e for e in self.service if e.seq < last), None)

    @property
    def _is_unknown(self) -> bool:
        return self.ended is not None and self.ended.kind is Kind.ATTEMPT_UNKNOWN

    @property
    def _arrived(self) -> bool:
        return self.first_report is not None


class Attempts:
    """Every attempt of a journal, in the order in which they began."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_key: dict[Key, Attempt] = {}
        for entry in entries:
            self._add(entry)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self._by_key.values())

    def of(self, entry: Entry) -> Attempt | None:
        """Return the attempt that an entry is about, None for one that is about none."""
        return self._by_key.get(_key(entry))

    def _add(self, entry: Entry) -> None:
        if entry.kind is Kind.ATTEMPT_STARTED:
            self._by_key[_key(entry)] = Attempt(entry)
            return
        attempt = self._by_key.get(_key(entry))
        if attempt is None or entry.kind is Kind.RETRY_SCHEDULED:
            return
        if entry.kind in OUTCOMES or _is_queued(entry):
            attempt.ended = attempt.ended or entry
        elif entry.lane is Lane.SERVICE and entry.kind is not Kind.EVENT_HANDLED:
            attempt.service.append(entry)


def _is_queued(entry: Entry) -> bool:
    return entry.kind is Kind.LOCK_DENIED and bool(entry.detail.get("waiting"))


def _key(entry: Entry) -> Key:
    return entry.saga, entry.step, entry.op, entry.attempt
