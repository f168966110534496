"""Preview cards: what a link to a run or to a scenario looks like in a chat or a feed."""

from __future__ import annotations

import hashlib
import re

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from playground import card, links, subjects
from playground.links import LinkUnknown
from playground.reads import counted
from playground.scenario import ScenarioInvalid
from playground.subjects import Subject
from playground.views.base import or_404

MINUTE, YEAR = 60, 31_536_000  # seconds

SEQ = re.compile(r"[0-9]{1,9}")


@require_safe
@counted
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Return the card of a run as it stands, or as it was after entry `at`."""
    at = request.GET.get("at", "")
    if at and not SEQ.fullmatch(at):
        return _refused(f"at: {at[:20]!r} is no number of a journal entry")
    with or_404():
        subject = subjects.of_run(run_id, saga_id=request.GET.get("saga", ""), at=int(at) if at else None)
    return _card(request, subject, YEAR if at else MINUTE)


@require_safe
@counted
def lab(request: HttpRequest) -> HttpResponse:
    """Return the card of a scenario in the lab's address."""
    try:
        subject = subjects.of_lab(request.META["QUERY_STRING"])
    except ScenarioInvalid as error:
        return _refused(str(error))
    return _card(request, subject, YEAR)


@require_safe
@counted
def short(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the card of the scenario that is kept under a short link."""
    try:
        return _card(request, subjects.of_lab(links.query_of(slug)), YEAR)
    except LinkUnknown as error:
        raise Http404(str(error)) from None


def _card(request: HttpRequest, subject: Subject, seconds: int) -> HttpResponse:
    """Return the picture, or 304 to who has it: its tag follows from what is on it, so nothing is drawn to know."""
    face = card.face_of(subject)
    etag = quote_etag(hashlib.sha256(repr((card.LOOK, face)).encode()).hexdigest()[:32])
    kept = get_conditional_response(request, etag=etag)
    response = kept if kept is not None else HttpResponse(card.png(face), content_type="image/png")
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return response


def _refused(error: str) -> HttpResponse:
    return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
