"""How the site says no: too much at once, no TLS, a form that did not come from here.

Whoever raises OverLimit need not know who asks. The API answers with an error by field, htmx
gets the sentence alone, which the page shows where its other errors are, and a browser gets a page.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render

from playground import metrics
from playground.api.wire import problem
from playground.limits import OverLimit
from playground.typing import Request
from playground.views.base import came_from
from playground.visitors import is_local

TOO_MANY = 429
HOME = "/"
OLD_PAGE = "This page is too old to be trusted with a request. Reload it and try again."

Answer = Callable[[HttpRequest], HttpResponse]


class Tls:
    """Sends visitors of a public site to its address with TLS; whoever asks from this very machine needs none."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.SAGA_PUBLIC or request.is_secure() or is_local(request):
            return self._answer(request)
        return HttpResponsePermanentRedirect(f"https://{request.get_host()}{request.get_full_path()}")


class Refusals:
    """Turns OverLimit into an answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request)

    def process_exception(self, request: Request, error: Exception) -> HttpResponse | None:
        """Answer 429, and say when to come again. Any other error is none of ours."""
        if not isinstance(error, OverLimit):
            return None
        metrics.refusals.labels(error.limit).inc()
        sentence = f"{str(error)[0].upper()}{str(error)[1:]}."
        if request.path.startswith("/api/"):
            response = problem(TOO_MANY, "", str(error))
        elif request.htmx:
            response = HttpResponse(sentence, status=TOO_MANY, content_type="text/plain; charset=utf-8")
        else:
            said = {"title": "Too much at once", "sentence": sentence, "back": came_from(request) or HOME}
            response = render(request, "refused.html", said, status=TOO_MANY)
        response.headers["Retry-After"] = str(error.seconds)
        response.headers["Cache-Control"] = "no-store"
        return response


def forged(request: Request, reason: str = "") -> HttpResponse:
    """Answer 403 to a form without this visitor's token, or from a page elsewhere."""
    said = {"title": "This page is too old", "sentence": OLD_PAGE, "back": came_from(request) or HOME}
    return render(request, "refused.html", said, status=403)
