"""Short links: made by a form on the pages, and followed into the lab."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from playground import limits, links
from playground.scenario import Scenario, ScenarioInvalid
from playground.typing import Request


@require_POST
def make(request: Request) -> HttpResponse:
    """Keep the scenario of `query` and show its short link."""
    try:
        scenario = Scenario.from_query(request.POST.get("query", ""))
    except ScenarioInvalid as error:
        return HttpResponse(f"{error}.", status=422, content_type="text/plain; charset=utf-8")
    if not links.is_kept(scenario):
        limits.spend(request, limits.LINKS)
    context = {"link": request.build_absolute_uri(links.keep(scenario)), "query": scenario.query()}
    return render(request, "parts/_short_link.html" if request.htmx else "lab/link.html", context)


@require_safe
def follow(request: Request, slug: str) -> HttpResponse:
    """Open the lab with the scenario of a short link."""
    try:
        query = links.query_of(slug)
    except links.LinkUnknown as error:
        return render(request, "lab/unknown.html", {"slug": error.slug}, status=404)
    return HttpResponseRedirect(f"{reverse('lab')}?{query}" if query else reverse("lab"))
