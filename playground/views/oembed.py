"""oEmbed: what a run or a scenario looks like in somebody else's page, as JSON. Source: oembed.com, version 1.0."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from playground import card, frames, subjects
from playground.subjects import Subject
from playground.views import base

PROVIDER = "Five Ledgers"
LEAST = 200  # pixels, below which nothing can be read
CACHE_SECONDS = 3600


@require_safe
def answer(request: HttpRequest) -> HttpResponse:
    """Return the oEmbed of `url`. 404 for any address but a run's or a scenario's here, 501 for XML."""
    if request.GET.get("format", "json") != "json":
        return _problem(501, "format", "only json is spoken here")
    try:
        most = {side: _pixels(request, side) for side in ("maxwidth", "maxheight")}
    except ValueError as error:
        return _problem(400, *error.args)
    url = base.split(request.GET.get("url", ""))
    if url.scheme not in ("http", "https") or url.netloc.lower() != request.get_host().lower():
        return _problem(404, "url", "is no address of this site")
    try:
        subject = subjects.of_address(url._replace(scheme="", netloc="").geturl())
    except subjects.NothingToShow:
        return _problem(404, "url", "shows no run and no scenario")
    return _open(JsonResponse(describe(request, subject, most["maxwidth"], most["maxheight"])))


def describe(request: HttpRequest, subject: Subject, most_width: int, most_height: int) -> dict[str, Any]:
    """Return the oEmbed of a subject, no larger than it may be; 0 is no limit."""
    width, height = frames.size(most_width, most_height)
    return {
        "version": "1.0",
        "type": "rich",
        "provider_name": PROVIDER,
        "provider_url": request.build_absolute_uri("/"),
        "title": subject.title,
        "width": width,
        "height": height,
        "html": frames.snippet(request.build_absolute_uri(subject.embed), subject.title, width, height),
        "thumbnail_url": request.build_absolute_uri(subject.card),
        "thumbnail_width": card.WIDTH,
        "thumbnail_height": card.HEIGHT,
        "cache_age": CACHE_SECONDS,
    }


def _pixels(request: HttpRequest, side: str) -> int:
    """Return the most pixels that a side may have, 0 for any. Raises ValueError with the field and what is wrong."""
    asked = request.GET.get(side, "")
    if not asked:
        return 0
    if not (asked.isascii() and asked.isdecimal() and int(asked[:6]) >= LEAST):
        raise ValueError(side, f"must be a whole number of pixels, {LEAST} or more")
    return int(asked[:6])


def _problem(status: int, field: str, message: str) -> HttpResponse:
    return _open(JsonResponse({"errors": [{"field": field, "message": message}]}, status=status))


def _open(response: HttpResponse) -> HttpResponse:
    """Let pages elsewhere read the answer: it says nothing that is not in public already."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
