"""Act 3, asking twice: lose a message, choose the key, and read what Payments kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from playground.acts import act3
from playground.acts.till import till_of
from playground.typing import Request
from playground.views.one_run import OneRun
from sagas.models import Run


def _till(run_id: str) -> Mapping[str, Any]:
    return {"till": till_of(run_id), "till_run": run_id}


page = OneRun(act3, "acts/3.html", fragment="parts/_till_live.html", more=_till).view()


@require_GET
def till(request: Request, run_id: str) -> HttpResponse:
    """The keys that Payments keeps for a run, read from its database now."""
    if not Run.objects.filter(pk=run_id).exists():
        raise Http404(f"no run {run_id!r}")
    return render(request, "parts/_till_read.html", {**_till(run_id), "again": True})
