"""Who acts: the worker in whose tasks something happens, for the lines of the log."""

from __future__ import annotations

from contextvars import ContextVar

worker: ContextVar[str] = ContextVar("worker", default="")
