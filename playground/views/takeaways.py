"""Takeaways: the five rules, each one click from a run that keeps it and a run that breaks it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from playground.acts import takeaways
from playground.typing import Request


@require_GET
def page(request: Request) -> HttpResponse:
    """Return the page. The definition of rule 1 is made, and refused, for this very answer."""
    context = {
        "rules": takeaways.RULES,
        "refusal": takeaways.refusal(),
        "hasty": takeaways.hasty_code(),
        "copies": takeaways.rule_held_twice(),
        "code": takeaways.order_code(),
    }
    return render(request, "takeaways.html", context)
