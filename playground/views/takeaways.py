"""Takeaways: the five rules, each one click from a run that keeps it and a run that breaks it; and the saga as files."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from playground import platforms
from playground.acts import takeaways, ways
from playground.export import scenarios
from playground.export.scenarios import WAYS, ExportRefused
from playground.reads import counted
from playground.scenario import Scenario, ScenarioInvalid
from playground.scenario_errors import listed
from playground.typing import Request

HERE = "here"  # the tab with this project's own code
PAGE_KEYS = ("platform", "theme")  # of the address, that are no part of a scenario


@require_safe
def page(request: Request) -> HttpResponse:
    """Return the page, with the files of its address's scenario; `platform` says which of them are open."""
    try:
        scenario, opened = _scenario(request), request.GET.get("platform", "") or HERE
        if opened not in (HERE, *WAYS):
            raise ScenarioInvalid([{"field": "platform", "message": f"must be {listed((HERE, *WAYS))}"}], {})
    except ScenarioInvalid as error:
        return _page(request, {"errors": error.errors}, status=400)
    return _written(request, scenario, opened)


@require_safe
@counted
def download(request: Request, name: str) -> HttpResponse:
    """Return a platform's files as a zip: those that the page shows for the same scenario, byte for byte."""
    if name not in WAYS:
        raise Http404(f"no platform {name!r}")
    try:
        project = scenarios.project(name, scenario := _scenario(request))
    except ScenarioInvalid as error:
        return _page(request, {"errors": error.errors}, status=400)
    except ExportRefused:
        return _written(request, scenario, name, status=409)
    headers = {"Content-Disposition": f'attachment; filename="{project.name}.zip"', "Cache-Control": "no-store"}
    return HttpResponse(project.zip(), content_type="application/zip", headers=headers)


def _scenario(request: Request) -> Scenario:
    return Scenario.from_query(request.META["QUERY_STRING"], PAGE_KEYS)


def _written(request: Request, scenario: Scenario, opened: str, status: int = 200) -> HttpResponse:
    query = scenario.query()
    context: dict[str, Any] = {
        "query": query,
        "lab": f"{reverse('lab')}?{query}",
        "opened": opened,
        "saga": scenario.saga,
    }
    try:
        context["tabs"] = ways.tabs(scenario)
    except ExportRefused as error:
        context |= {"refused": str(error), "opened": HERE}
        del context["saga"]  # it may be none of ours
    return _page(request, context, status)


def _page(request: Request, context: dict[str, Any], status: int) -> HttpResponse:
    """Return the page. The definition of rule 1 is made, and refused, for this very answer."""
    rules = {
        "rules": takeaways.RULES,
        "refusal": takeaways.refusal(),
        "hasty": takeaways.hasty_code(),
        "copies": takeaways.rule_held_twice(),
        "differences": platforms.DIFFERENCES,
    }
    saga = context.setdefault("saga", Scenario().saga)
    told = {"opened": HERE, "code": takeaways.saga_code(saga), **rules, **context}
    return render(request, "takeaways.html", told, status=status)
