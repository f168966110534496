"""What machines ask from inside of the house: answered first, whatever Host they name and without TLS.

A health check asks the address that it finds a process at, which is none of the site's names.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from playground import health, metrics

Answer = Callable[[HttpRequest], HttpResponse]

ANSWERS: dict[str, Answer] = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": metrics.metrics}


class ForMachines:
    """The outermost middleware: no other one sees a request for one of these addresses."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return ANSWERS.get(request.path_info, self._answer)(request)
