"""The words and shapes that the admin shows: a state is a glyph and a word, never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from sagas.entries import iso_from_ms

HELD = "held"  # a record that is locked: it says PENDING and is drawn as a padlock
LOCKED = "PENDING"

# What a saga, a run or a record is called, and how it is drawn.
DRAWN: Mapping[str, str] = {
    "pending": "idle",
    "completed": "done",
    "finished": "done",
    "needs-operator": "stuck",
    "abandoned": "failed",
    "lost": "failed",
    "free": "idle",
    "sold": "done",
    "confirmed": "done",
    "cancelled": "compensated",
    HELD: "pending",
}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

SAID_FIRST = ("action", "who", "why", "saw")  # of what a person did


def drawn(state: str) -> str:
    """Return the state that glyphs and hues know for a word of the outside."""
    return DRAWN.get(state, state)


def chip(state: str, word: str = "") -> SafeString:
    """Return a state as a glyph with its word."""
    return format_html(
        '<span class="state" data-state="{}"><i class="glyph" aria-hidden="true"></i>{}</span>',
        drawn(state),
        word or state,
    )


def ago(now_ms: int, then_ms: int) -> str:
    """Return how long ago something was: `0 s`, `12 s`, `4 min`, `3 h`, `2 d`."""
    seconds = max(0, now_ms - then_ms) // 1000
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "0 s"


def lasted(ms: int) -> str:
    """Return a span of time as a person reads it: `40 ms`, `1.25 s`, `3 min 5 s`, `2 h 4 min`."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1000:.3g} s"
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next(n for n, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def moment(ms: int) -> SafeString:
    """Return a moment as `<time>`, to the millisecond, in UTC."""
    iso = iso_from_ms(ms)
    return format_html('<time datetime="{}">{}</time>', iso, iso.replace("T", " ").rstrip("Z"))


def cause(found: Mapping[str, Any] | None) -> str:
    """Return why a saga turned back: `charge-payment failed: declined`, "" if it has not."""
    if not found:
        return ""
    where = " ".join(found[part] for part in ("step", "outcome") if part in found)
    return f"{where}: {found['reason']}" if "reason" in found else where


def in_order(detail: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the pairs of a detail as people read them: PostgreSQL keeps no order of names."""
    return [(name, detail[name]) for name in dict.fromkeys((*SAID_FIRST, *detail)) if name in detail]


def said(detail: Mapping[str, Any]) -> str:
    """Return what an entry holds besides, as `name: value` pairs."""
    told = (f"{name}: {_value(value)}" for name, value in in_order(detail) if value not in (None, "", {}, []))
    return " · ".join(told)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_value(inner)}" for name, inner in value.items() if inner is not None) + "}"
    if isinstance(value, list):
        return ", ".join(_value(inner) for inner in value)
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
