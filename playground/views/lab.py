"""The lab: the whole scenario as a form, its address, and runs of it on the stage."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url, replace_url, reswap

from playground import shown, visits
from playground.lab import draft as drafts
from playground.lab import form, guide, presets
from playground.lab.draft import Draft
from playground.scenario import Scenario
from playground.typing import Request
from playground.views import base

OTHERS = "?focus="  # where a saga of the run on the stage is brought into focus


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def page(request: Request) -> HttpResponse:
    """Return the lab with the scenario of its address, or its run; a POST starts a run of the form's scenario."""
    if request.method == "POST":
        return _start(request)
    focus = request.GET.get("focus", "")
    run_id = request.GET.get("run", "") or focus.rpartition("-")[0]
    if run_id:
        return _with_run(request, run_id, focus)
    draft = drafts.of_address(request.META["QUERY_STRING"])
    return _page(request, draft, shown.idle(draft.stage), 200 if draft.scenario else 400)


@require_POST
def check(request: Request) -> HttpResponse:
    """Say what is wrong with the form at its fields, or what its address is; the stage follows its plan."""
    draft = drafts.of_form(request.POST.dict())
    if not request.htmx:
        if draft.scenario is None:
            return _page(request, draft, shown.idle(draft.stage), 422)
        return HttpResponseRedirect(_address(draft.scenario), status=303)
    context = {**form.context_of(draft), "replan": request.POST.get("shown", "") != form.shown(draft)}
    if context["replan"]:
        context |= {**shown.idle(draft.stage).context(), "others_link": OTHERS}
    if draft.scenario is not None:
        context["share"] = base.share(("", draft.scenario))
    response = render(request, "lab/_checked.html", context)
    if draft.scenario is None or _is_open(request, draft.scenario):
        return response
    return replace_url(response, _address(draft.scenario))


def _start(request: Request) -> HttpResponse:
    draft = drafts.of_form(request.POST.dict())
    if draft.scenario is None:
        if request.htmx:
            return reswap(render(request, "lab/_started.html", form.context_of(draft), status=422), "none")
        return _page(request, draft, shown.idle(draft.stage), 422)
    run = visits.start(request, draft.scenario)
    address = _address(draft.scenario, run=run.pk)
    if not request.htmx:
        return HttpResponseRedirect(address, status=303)
    facts = shown.run_facts(run, run.sagas.order_by("index")[0])
    return push_url(_line(request, draft, facts), address)


def _with_run(request: Request, run_id: str, focus: str) -> HttpResponse:
    with base.or_404():
        stage = shown.run_shown(run_id, focus)
    assert stage.scenario is not None
    assert stage.run is not None
    asked = drafts.of_address(request.META["QUERY_STRING"])
    if asked.errors:
        return _page(request, asked, stage, 400)
    draft = drafts.of_scenario(stage.scenario)
    address = _address(stage.scenario, run=run_id, **({"focus": focus} if focus else {}))
    if request.htmx:
        return replace_url(_line(request, draft, {**stage.run, "after": 0, "finished": False}), address)
    if focus and address != request.get_full_path():
        return HttpResponseRedirect(address)
    return _page(request, draft, stage, 200)


def _line(request: Request, draft: Draft, facts: dict[str, Any]) -> HttpResponse:
    """Return the line to a run, which htmx puts in the place of the one before."""
    assert draft.scenario is not None
    context = {**form.context_of(draft), "run": facts, "share": base.share(("", draft.scenario))}
    return render(request, "lab/_started.html", context)


def _page(request: Request, draft: Draft, stage: shown.Shown, status: int) -> HttpResponse:
    context = {
        **form.context_of(draft),
        **stage.context(),
        "others_link": OTHERS,
        "share": base.share(("", draft.scenario)) if draft.scenario else None,
        "presets": presets.PRESETS,
        "guide": guide.steps(),
        "grammar": guide.GRAMMAR,
    }
    return render(request, "lab/lab.html", context, status=status)


def _address(scenario: Scenario, **page_keys: str) -> str:
    asked = "&".join(part for part in (scenario.query(), urlencode(page_keys)) if part)
    return f"{reverse('lab')}?{asked}" if asked else reverse("lab")


def _is_open(request: Request, scenario: Scenario) -> bool:
    """Return whether the address that the browser shows holds this scenario already, perhaps with its run."""
    return drafts.of_address(base.split(request.htmx.current_url or "").query).scenario == scenario
