"""The words by which a reader pauses, resumes, steps or cancels a run from its page, or lets a saga go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from playground import limits
from playground.typing import Request
from playground.views import base
from sagas.errors import CommandRefused, DefinitionUnknown, RunUnknown
from sagas.runs import ask_run, retry_saga

READER = "a reader of the page"


@require_POST
def ask(request: Request, run_id: str, kind: str) -> HttpResponse:
    """A reader asks something of a run; 204 for htmx, else back to where the form was. 409 where it makes no sense."""
    limits.spend(request, limits.ASKS)
    return obeyed(request, run_id, partial(ask_run, run_id, kind))


@require_POST
def retry(request: Request, run_id: str, saga_id: str) -> HttpResponse:
    """A person lets a saga that waits for one go on."""
    if not saga_id.startswith(f"{run_id}-"):
        raise Http404(f"no saga {saga_id!r} in run {run_id!r}")
    limits.spend(request, limits.ASKS)
    return obeyed(request, run_id, partial(retry_saga, saga_id, why="the cause is mended"))


def obeyed(request: Request, run_id: str, asked: Callable[..., object]) -> HttpResponse:
    """Ask in the reader's name, and return what the page hears of it."""
    try:
        asked(who=request.user.get_username() or READER)
    except RunUnknown as error:
        raise Http404(str(error)) from None
    except (CommandRefused, DefinitionUnknown) as error:
        return HttpResponse(f"{error}.", status=409, content_type="text/plain; charset=utf-8")
    if request.htmx:
        return HttpResponse(status=204)
    return HttpResponseRedirect(base.came_from(request) or reverse("run", args=[run_id]))
