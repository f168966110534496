"""Where a piece of work belongs in a trace: ids that follow from what they name. Pure.

A run is one trace and its id follows from the run's, an attempt's span id from what identifies the
attempt. So whoever makes a call can say beforehand which span it is part of, a worker that takes a
run over continues its trace without having been told of it, and nothing has to be kept anywhere.
Source: W3C Trace Context, 2021: `traceparent` is version, trace id, parent id and flags, in hex.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple


class Parent(NamedTuple):
    """What a `traceparent` says."""

    trace: str
    span: str
    flags: int


@lru_cache(maxsize=4096)
def trace_id(run: str) -> str:
    """Return the trace of a run: 32 hex digits."""
    return _hash(16, "run", run)


def run_span(trace: str, spell: int = 1) -> str:
    """Return the span of a run's first, second … spell of work, which ends when nothing can move by itself."""
    return _hash(8, trace, "run", str(spell))


def saga_span(trace: str, saga: str, spell: int = 1) -> str:
    """Return the span of a saga's first, second … spell; each further one begins with what a person did."""
    return _hash(8, trace, saga, str(spell))


def attempt_span(trace: str, saga: str, step: str, op: str, attempt: int) -> str:
    """Return the span of an attempt (1, 2, …) at an action or a compensation."""
    return _hash(8, trace, saga, step, op, str(attempt))


def work_span(trace: str, attempt: str) -> str:
    """Return the span of all that a service did for the attempt in this span, where a journal tells of it."""
    return _hash(8, trace, "work", attempt)


def event_span(trace: str, event: str) -> str:
    """Return the span in which an event (`ord-8412:stock-reserved`) is said."""
    return _hash(8, trace, "event", event)


def traceparent(trace: str, span: str) -> str:
    """Return what travels with a call or an event that belongs to this span."""
    return f"00-{trace}-{span}-01"


def parse(text: str) -> Parent | None:
    """Return what a `traceparent` of ours says; None for a text that is none."""
    parts = text.split("-")
    if len(parts) != 4 or [len(part) for part in parts] != [2, 32, 16, 2]:
        return None
    return Parent(parts[1], parts[2], int(parts[3], 16))


def _hash(size: int, *parts: str) -> str:
    return blake2b("\n".join(parts).encode(), digest_size=size).hexdigest()
