"""Filters for the admin's templates: words, and sums that SVG needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from sagas.admin import timeline, words
from sagas.entries import iso_from_ms

register = template.Library()


@register.filter
def chip(state: str, word: str = "") -> SafeString:
    """Return a state as a glyph with its word."""
    return words.chip(state, word)


@register.filter
def cause(found: Mapping[str, Any] | None) -> str:
    return words.cause(found)


@register.filter
def said(detail: Mapping[str, Any]) -> str:
    return words.said(detail)


@register.filter
def clock(ms: int) -> str:
    """Return the time of day in UTC, to the millisecond."""
    return iso_from_ms(ms)[11:-1]


@register.filter
def plus(number: int, more: int) -> int:
    return number + more


@register.filter
def foot(band: timeline.Band) -> int:
    """Return where a saga's part of the picture ends."""
    return band.y + timeline.HEAD + len(band.rows) * timeline.ROW
