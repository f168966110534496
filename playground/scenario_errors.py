"""What is wrong with a scenario, in words: one field, one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from pydantic import ValidationError
from pydantic_core import ErrorDetails

SHOWN = 40  # characters of a wrong value that an error repeats


class FieldError(TypedDict):
    """`field` is a dotted path such as `faults.0.kind`; empty when the whole value is wrong."""

    field: str
    message: str


class ScenarioInvalid(ValueError):
    """A scenario that cannot be; `value` is what was given, to fill a form with."""

    def __init__(self, errors: Sequence[FieldError], value: object = None) -> None:
        super().__init__("; ".join(f"{e['field'] or 'scenario'}: {e['message']}" for e in errors))
        self.errors = list(errors)
        self.value = value


_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "list_type": "a list",
    "model_type": "an object",
    "dict_type": "an object",
    "finite_number": "a number",
}


def plain(error: ValidationError) -> list[FieldError]:
    """Return what pydantic found, one entry per field."""
    return [
        {"field": ".".join(str(part) for part in found["loc"]), "message": _message(found)}
        for found in error.errors(include_url=False)
    ]


def listed(words: Iterable[str]) -> str:
    """Return `a`, `a or b`, `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _message(found: ErrorDetails) -> str:
    kind, given, limits = found["type"], shown(found["input"]), found.get("ctx", {})
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, not {given}"
    match kind:
        case "extra_forbidden":
            return "is not a key of a scenario"
        case "missing":
            return "is missing"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}, not {given}"
        case "less_than_equal":
            return f"must be at most {limits['le']}, not {given}"
        case "literal_error":
            return f"must be {str(limits['expected']).replace(chr(39), '')}, not {given}"
        case "too_long":
            return f"holds {limits['actual_length']}, and {limits['max_length']} are the most"
    return found["msg"]


def shown(value: Any) -> str:
    """Return a value as short ASCII text."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
