"""The whole run as JSON: scenario, definition, facts, every entry. What `taken.from_json` reads again."""

from __future__ import annotations

import json

from playground.export.taken import Taken, from_json, to_json

__all__ = ["FORMAT_VERSION", "read", "write"]

FORMAT = "five-ledgers/journal"
FORMAT_VERSION = 1


def write(taken: Taken) -> str:
    """Return the file; the same run gives the same bytes."""
    value = {"format": FORMAT, "format_version": FORMAT_VERSION, **to_json(taken)}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def read(text: str) -> Taken:
    """Return the run that a file holds. Raises ValueError for anything but such a file of this version."""
    value = json.loads(text)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError("this is no exported journal")
    if value.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"a journal of format version {value.get('format_version')!r}; this reads {FORMAT_VERSION}")
    try:
        return from_json(value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the exported journal is damaged: {error!r}") from None
