"""The log as lines of JSON, for whoever collects it: `SAGA_LOG=json`.

What a line knows stands in fields of its own: `run`, `saga`, `step`, `attempt`, `worker` and whatever else
is given as `extra`. A line about a run names the run's trace, and one that is written within a span also that.
"""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry import trace as api
from pythonjsonlogger.json import JsonFormatter

from sagas import acting
from sagas.tracecontext import trace_id

FIELDS = ("levelname", "name", "message", "process")
NAMES = {"levelname": "level", "name": "logger"}


class JsonLines(JsonFormatter):
    """One JSON object a line; `timestamp` is in ISO 8601."""

    def __init__(self) -> None:
        super().__init__(list(FIELDS), rename_fields=NAMES, timestamp=True, json_ensure_ascii=False)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add the fields of a record, and where it belongs in a trace."""
        super().add_fields(log_data, record, message_dict)
        if name := acting.name():
            log_data.setdefault("worker", name)
        run, span = log_data.get("run"), api.get_current_span().get_span_context()
        if isinstance(run, str):
            log_data.setdefault("trace_id", trace_id(run))
        if span.is_valid:
            log_data.setdefault("trace_id", f"{span.trace_id:032x}")
            if log_data["trace_id"] == f"{span.trace_id:032x}":
                log_data["span_id"] = f"{span.span_id:016x}"
