"""What Temporal's payloads hold, where they are JSON: the inputs and results of workflows and activities. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def inputs_of(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each object among the inputs of an event, and each one right inside of such an object."""
    for value in decoded(said.get("input")):
        if isinstance(value, Mapping):
            yield value
            yield from (each for each in value.values() if isinstance(each, Mapping))


def said_in(inputs: Iterable[Mapping[str, Any]], key: str) -> str:
    """Return what the first input with a text under this key says, or ""."""
    return next((text for given in inputs if isinstance(text := given.get(key), str)), "")


def decoded(payloads: Any) -> list[Any]:
    """Return the values of payloads that are JSON; one that is encoded in another way says nothing here."""
    found = payloads.get("payloads") if isinstance(payloads, Mapping) else payloads
    values = []
    for payload in found if isinstance(found, list) else ():
        data = payload.get("data") if isinstance(payload, Mapping) else None
        try:
            text = base64.b64decode(data, validate=True).decode() if isinstance(data, str) else ""
        except ValueError:  # not base64, or not a text
            continue
        values += [value] if (value := _json(text)) is not None else []
        if not isinstance(data, str) and payload is not None:
            values.append(payload)
    return values


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
