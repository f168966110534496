"""How the API speaks: JSON both ways, errors by field, no cookies, nothing from foreign pages."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from playground.bodies import MAX_BODY, TOO_LARGE
from playground.origins import is_welcome
from playground.scenario_errors import ScenarioInvalid

CONTENT_TYPE = "application/json"

View = Callable[..., HttpResponse]


def reply(value: object, status: int = 200) -> HttpResponse:
    """Return a JSON answer that nobody keeps in a cache."""
    text = json.dumps(value, separators=(",", ":"))
    return HttpResponse(text, status=status, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def problem(status: int, field: str, message: str) -> HttpResponse:
    """Return an answer that names one thing that is wrong."""
    return reply({"errors": [{"field": field, "message": message}]}, status)


def from_our_pages(view: View) -> View:
    """Refuse a request that a foreign page makes: no cookie is an authority here, and no page is one either."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not is_welcome(request.headers.get("Origin"), request.get_host()):
            return problem(403, "Origin", "a page from elsewhere may not use this API")
        return view(request, **kwargs)

    return guarded


def json_only(view: View) -> View:
    """Refuse a body that is anything but JSON, or too large. No body at all needs no Content-Type."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if _too_large(request):
            return problem(413, "", TOO_LARGE)
        if request.content_type != CONTENT_TYPE and (request.content_type or body_of(request)):
            return problem(415, "Content-Type", f"must be {CONTENT_TYPE}")
        return view(request, **kwargs)

    return guarded


def body_of(request: HttpRequest) -> bytes:
    """Return the request's body."""
    return request.body


def json_of(request: HttpRequest) -> object:
    """Return the JSON value of the body. Raises ScenarioInvalid when it is none."""
    try:
        value: object = json.loads(request.body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ScenarioInvalid([{"field": "", "message": "the body is not JSON"}]) from None
    return value


def _too_large(request: HttpRequest) -> bool:
    length = request.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        return True
    try:
        return len(request.body) > MAX_BODY
    except RequestDataTooBig:
        return True


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
