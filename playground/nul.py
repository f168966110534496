"""No name here holds a NUL, and PostgreSQL takes no text that does: an address with one names nothing."""

from __future__ import annotations

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

NUL = "\0"


class NoNul(MiddlewareMixin):
    """Refuses a page's address with a NUL: 404 in its path, 400 in its query. The API says it itself, by field."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Return the refusal, or None to go on."""
        if NUL in request.path_info:
            return _refused(404, "nothing is at an address with a NUL")
        if NUL in unquote(request.META.get("QUERY_STRING", "")) and not request.path_info.startswith("/api/"):
            return _refused(400, f"{_field(request)}: must not hold a NUL")
        return None


def _field(request: HttpRequest) -> str:
    """Return the name of the first value of the query that has one."""
    found = (key for key, values in request.GET.lists() for text in (key, *values) if NUL in text)
    return next(found, "query").replace(NUL, "")


def _refused(status: int, why: str) -> HttpResponse:
    return HttpResponse(f"{why}\n", status=status, content_type="text/plain; charset=utf-8")
