"""The home page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from playground import latest, shown
from playground.acts import act2
from playground.typing import Request


@require_GET
def home(request: Request) -> HttpResponse:
    """The question, and a stage that runs."""
    chosen = act2.Choice()
    stage = shown.idle(act2.scenario_of(chosen))
    context = {**stage.context(), "chosen": chosen, "action": reverse("act-2"), "rows": latest.rows()}
    return render(request, "home.html", context)
