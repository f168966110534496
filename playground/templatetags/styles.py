"""`{% styles "base" "page" %}`: one link to several style sheets."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from playground.styles import joined

register = template.Library()


@register.simple_tag
def styles(*names: str) -> SafeString:
    """Return the link element; its address changes with what the files say."""
    address = reverse("styles", args=["+".join(names), joined(names).version])
    return format_html('<link rel="stylesheet" href="{}">', address)
