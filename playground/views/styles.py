"""Several style sheets as one answer."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from playground.styles import joined
from playground.typing import Request

FOR_GOOD = "public, max-age=31536000, immutable"


@require_safe
def sheet(request: Request, names: str, version: str) -> HttpResponse:
    """Return the sheets `names`, joined by plus signs; one that has changed since is not kept by anybody."""
    try:
        found = joined(names.split("+"))
    except LookupError as error:
        raise Http404(str(error)) from None
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(found.packed if packed else found.text, content_type="text/css; charset=utf-8")
    if packed:
        response["Content-Encoding"] = "gzip"
    response["Cache-Control"] = FOR_GOOD if version == found.version else "no-cache"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
