"""What an example is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "http://127.0.0.1:8000"
# Runs that look like any other: one that has ended, three that wait for a person, one that takes its time.
RUN, STUCK, BY_HAND, HELD, SLOW = (
    "h7k2m9qf4xw8t3bn",
    "d4v8s2gqm6rz9c5k",
    "q5n3c8wz7hv2k6td",
    "t6b9x4mr3gf8s2qy",
    "w2z7k5vd9pn4h8cm",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request, and the answer that it gets: `status`, and JSON, or text of some other type.

    `id` fills the path, `body` None sends none; `after` is what the run has been asked before. In an
    answer a list or an object may be shorter than the real one; its keys are real.
    """

    name: str
    status: int
    answer: object
    id: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    after: str = ""
    content_type: str = "application/json"


def problem(field: str, message: str) -> dict[str, object]:
    """Return an answer that names one thing that is wrong."""
    return {"errors": [{"field": field, "message": message}]}
