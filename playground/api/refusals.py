"""Under `/api/` and `/services/` every refusal is JSON, also one that Django makes before anybody is asked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from playground.api.wire import CONTENT_TYPE, problem
from playground.bodies import IN_JSON

WORDS = {
    400: ("", "the request cannot be read"),
    404: ("", "nothing is at this address"),
    500: ("", "something broke here; it has been written down"),
}
REFUSED = ("", "is refused")


class RefusalsInJson(MiddlewareMixin):
    """Middleware that says again, as JSON, what was refused in HTML or in plain text. All other headers stay."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response, in the words of the API where it is a refusal of another kind."""
        if response.status_code < 400 or not request.path_info.startswith(IN_JSON):
            return response
        spoken = response.headers.get("Content-Type", "").partition(";")[0]
        if isinstance(response, HttpResponse) and spoken != CONTENT_TYPE:
            allowed = response.headers.get("Allow", "")
            field, message = ("method", f"must be {allowed}") if allowed else WORDS.get(response.status_code, REFUSED)
            response.content = problem(response.status_code, field, message).content
            response.headers["Content-Type"] = CONTENT_TYPE
            response.headers["Content-Length"] = str(len(response.content))
        return response
