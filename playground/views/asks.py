"""The words by which a reader pauses, resumes, steps or cancels a run from its page."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from playground import limits
from playground.typing import Request
from playground.views import base
from sagas.errors import CommandRefused, RunUnknown
from sagas.runs import ask_run

READER = "a reader of the page"


@require_POST
def ask(request: Request, run_id: str, kind: str) -> HttpResponse:
    """A reader asks something of a run; 204 for htmx, else back to where the form was. 409 where it makes no sense."""
    limits.spend(request, limits.ASKS)
    try:
        ask_run(run_id, kind, who=request.user.get_username() or READER)
    except RunUnknown as error:
        raise Http404(str(error)) from None
    except CommandRefused as error:
        return HttpResponse(f"{error}.", status=409, content_type="text/plain; charset=utf-8")
    if request.htmx:
        return HttpResponse(status=204)
    return HttpResponseRedirect(base.came_from(request) or reverse("run", args=[run_id]))
