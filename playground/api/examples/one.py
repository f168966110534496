"""What an example is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "http://127.0.0.1:8000"
RUN, STUCK = "h7k2m9qf4xw8t3bn", "d4v8s2gqm6rz9c5k"  # runs that look like any other


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request, and the answer that it gets: `status`, and JSON, or text of some other type.

    `id` fills the path, `body` None sends none. In an answer a list or an object may be shorter
    than the real one; its keys are real.
    """

    name: str
    status: int
    answer: object
    id: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    content_type: str = "application/json"


def problem(field: str, message: str) -> dict[str, object]:
    """Return an answer that names one thing that is wrong."""
    return {"errors": [{"field": field, "message": message}]}
