"""Who acts: the worker in whose tasks something happens, for the lines of the log.

What belongs to no task of a worker, as the journal's writer, is put down to the worker of the process that began last.
"""

from __future__ import annotations

from contextvars import ContextVar

_mine: ContextVar[str] = ContextVar("worker", default="")
_latest = ""


def begin(worker: str) -> None:
    """Say that from here on a worker acts, in this task and those that it begins."""
    global _latest
    _latest = worker
    _mine.set(worker)


def name() -> str:
    """Return who acts, "" for nobody."""
    return _mine.get() or _latest
