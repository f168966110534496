"""The pages. A form starts a real run; the stage is painted from its committed entries."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url
from django_htmx.middleware import HtmxDetails

from playground import acts, shown, worlds
from playground.acts import Choice
from playground.scenario import Scenario, ScenarioInvalid, refuse_unbuilt
from playground.typing import Request
from sagas.errors import CommandRefused, RunUnknown
from sagas.runs import retry_saga

READER = "a reader of the page"


@require_GET
def home(request: Request) -> HttpResponse:
    """The question, and a stage that runs."""
    stage = shown.idle(acts.scenario_of(Choice()))
    return render(request, "home.html", {**stage.context(), "chosen": Choice(), "action": reverse("act-2")})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def act_2(request: Request) -> HttpResponse:
    """The way back: pick the step that fails, run the order, watch the undo."""
    if request.method == "POST":
        return _start(request)
    try:
        scenario = acts.scenario_from_address(request.META["QUERY_STRING"])
        stage = _asked_for(request, scenario)
    except ScenarioInvalid as error:
        stage = shown.idle(acts.scenario_of(Choice()))
        return _act_2(request, stage, Choice(), "", error)
    except RunUnknown as error:
        raise Http404(str(error)) from None
    return _act_2(request, stage, acts.choice_of(stage.scenario or scenario), acts.address_of(scenario))


@require_GET
def run_page(request: Request, run_id: str) -> HttpResponse:
    """The permalink of a run: live while it runs, its end afterwards."""
    try:
        stage = shown.run_shown(run_id, request.GET.get("saga", ""))
    except RunUnknown as error:
        raise Http404(str(error)) from None
    return render(request, "run.html", stage.context())


@require_POST
def retry(request: Request, run_id: str, saga_id: str) -> HttpResponse:
    """A person lets a saga that waits for one go on."""
    if not saga_id.startswith(f"{run_id}-"):
        raise Http404(f"no saga {saga_id!r} in run {run_id!r}")
    try:
        retry_saga(saga_id, who=request.user.get_username() or READER, why="the cause is mended")
    except RunUnknown as error:
        raise Http404(str(error)) from None
    except CommandRefused as error:
        return HttpResponse(f"{error}.", status=409, content_type="text/plain; charset=utf-8")
    if request.htmx:
        return HttpResponse(status=204)
    return HttpResponseRedirect(_came_from(request) or reverse("run", args=[run_id]))


def _start(request: Request) -> HttpResponse:
    try:
        choice = acts.choice_from_form(request.POST)
        scenario = _chosen(request.META["QUERY_STRING"], choice)
        refuse_unbuilt(scenario)
    except ScenarioInvalid as error:
        if request.htmx:
            return render(request, "parts/_live.html", {"run": None, "errors": error.errors}, status=422)
        return _act_2(request, shown.idle(acts.scenario_of(Choice())), Choice(), "", error, status=422)
    run = worlds.start(scenario)
    saga = run.sagas.order_by("index")[0]
    address = _address(acts.address_of(scenario), run.pk)
    if not request.htmx:
        return HttpResponseRedirect(address, status=303)
    response = render(request, "parts/_live.html", {"run": shown.run_facts(run, saga), "errors": []})
    return response if _is_home(request.htmx) else push_url(response, address)


def _chosen(query: str, choice: Choice) -> Scenario:
    """Return the address's own scenario while the form still shows it, else what the form says."""
    addressed = acts.scenario_from_address(query)
    return addressed if acts.choice_of(addressed) == choice else acts.scenario_of(choice)


def _asked_for(request: Request, scenario: Scenario) -> shown.Shown:
    refuse_unbuilt(scenario)
    run_id = request.GET.get("run", "")
    return shown.run_shown(run_id, request.GET.get("saga", "")) if run_id else shown.idle(scenario)


def _act_2(
    request: Request,
    stage: shown.Shown,
    chosen: Choice,
    query: str,
    error: ScenarioInvalid | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {**stage.context(), "chosen": chosen, "errors": error.errors if error else []}
    context["action"] = reverse("act-2") + (f"?{query}" if query else "")
    return render(request, "acts/2.html", context, status=400 if error and status == 200 else status)


def _address(query: str, run_id: str) -> str:
    return f"{reverse('act-2')}?{query}{'&' if query else ''}{urlencode({'run': run_id})}"


def _is_home(htmx: HtmxDetails) -> bool:
    return urlsplit(htmx.current_url or "").path == "/"


def _came_from(request: Request) -> str:
    referer = urlsplit(request.headers.get("Referer", ""))
    return f"{referer.path}?{referer.query}" if referer.netloc == request.get_host() else ""
