"""`{{ wrong|at:name }}`: the value under a key that a template only knows by another name."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def at(mapping: Mapping[str, str], key: str) -> str:
    """Return the value under `key`, or ""."""
    return mapping.get(key, "")
