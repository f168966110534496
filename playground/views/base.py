"""What the views share: what is not here, addresses, and what a page offers to take away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from django.http import Http404
from django.urls import reverse

from playground.export.taken import is_drivable
from playground.found import Found, find
from playground.scenario import Scenario
from playground.typing import Request
from sagas.errors import DefinitionUnknown, RunUnknown


@contextmanager
def or_404() -> Iterator[None]:
    """Answer 404, with the reason, where a run, a saga of it or its definition is not here."""
    try:
        yield
    except (RunUnknown, DefinitionUnknown) as error:
        raise Http404(str(error)) from None


def find_or_404(run_id: str, saga_id: str = "") -> Found:
    """Return what `found.find` returns. Raises Http404."""
    with or_404():
        return find(run_id, saga_id)


def address(route: str, query: str, *runs: str) -> str:
    """Return the address of a page that holds a scenario's query and these runs."""
    parts = [query, *(urlencode({"run": run}) for run in runs)]
    asked = "&".join(part for part in parts if part)
    return f"{reverse(route)}?{asked}" if asked else reverse(route)


def share(*scenarios: tuple[str, Scenario]) -> dict[str, Any]:
    """Return the template variable `share`: what each (label, scenario) needs to be opened in the lab, or linked to.

    Without a label there is a short link alone. `ways` is where its projects for other platforms are, "" without any.
    """
    return {"links": [{"label": label, **_link(scenario)} for label, scenario in scenarios]}


def _link(scenario: Scenario) -> dict[str, str]:
    query = scenario.query()
    return {"url": address("lab", query), "query": query, "ways": _ways(scenario, query)}


def _ways(scenario: Scenario, query: str) -> str:
    return f"{address('takeaways', query)}#platforms" if is_drivable(scenario.mode, scenario.saga) else ""


def from_home(request: Request) -> bool:
    """Return whether htmx asks from the home page, whose address stays as it is."""
    return split(request.htmx.current_url or "").path == reverse("home")


def came_from(request: Request) -> str:
    """Return the page of this site that a form was sent from, or ""."""
    referer = split(request.headers.get("Referer", ""))
    ours = referer.netloc == request.get_host() and not referer.path.startswith("//")
    return f"{referer.path}?{referer.query}" if ours else ""


def split(url: str) -> SplitResult:
    """Return the parts of an address that somebody sent; of what is no address, those of none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
