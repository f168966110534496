"""Who acts: the worker in whose tasks something happens, for the lines of the log.

What belongs to no task of a worker, as the journal's writer, is put down to the worker of the process that began last.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextvars import ContextVar

_mine: ContextVar[str] = ContextVar("worker", default="")
_latest = ""


def new_name() -> str:
    """Return a name for a worker of this process, such as `host:4711:1f0c9a3b`, that no other one has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def begin(worker: str) -> None:
    """Say that from here on a worker acts, in this task and those that it begins."""
    global _latest
    _latest = worker
    _mine.set(worker)


def name() -> str:
    """Return who acts, "" for nobody."""
    return _mine.get() or _latest
