"""Every address of the site, found in its URL patterns, with something to fill each of their holes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote as percent

from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.contenttypes.models import ContentType
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from playground import imported, imports
from playground.styles import joined
from sagas.models import Run
from tests.play import ROOT

HISTORY = ROOT / "tests" / "data" / "histories" / "asl-trip.json"
HOLE = re.compile(r"<(?:\w+:)?(\w+)>")
RECORD = re.compile(r"admin/(\w+)/(\w+)/<")  # an admin's page about one record


def every_address(run: Run, slug: str) -> list[str]:
    """Return one address per URL pattern; a page about one record is left out when there is no such record."""
    return sorted({f"/{found}" for route in _routes(get_resolver(), "") if (found := _fill(route, run, slug))})


def _routes(resolver: URLResolver, before: str) -> Iterator[str]:
    for found in resolver.url_patterns:
        route = before + _route(found)
        if isinstance(found, URLResolver):
            yield from _routes(found, route)
        else:
            yield route


def _route(found: URLPattern | URLResolver) -> str:
    if isinstance(found.pattern, RoutePattern):
        return str(found.pattern)
    text = str(found.pattern)
    if "app_label" in text:
        return "sagas/"  # the one expression of the admin: an app's own index
    return {"^/": "", "": "", "(?P<url>.*)$": "nowhere"}[text]


def _fill(route: str, run: Run, slug: str) -> str:
    holes = {
        "run_id": run.pk,
        "id": run.pk,
        "other_id": run.pk,
        "saga_id": f"{run.pk}-1",
        "slug": slug,
        "lock": "off",
        "first": "1",
        "kind": "pause",
        "names": "base",
        "version": joined(["base"]).version,
        "content_type_id": str(ContentType.objects.get_for_model(Run).pk),
        "object_id": run.pk,
        "act": "retry",
        "url": "nowhere",
        "world_id": run.pk,
        "service": "payments",
        "name": "charge-payment",
        "import_id": imported.keep(imports.read("asl", HISTORY.read_text())) if "import_id" in route else "",
    }
    if found := RECORD.match(route):
        records = apps.get_model(*found.groups())._default_manager
        mine = {"run": {"pk": run.pk}, "saga": {"run": run}, "step": {"saga__run": run}}.get(found[2], {})
        record = records.filter(**mine).order_by("pk").values_list("pk", flat=True).first()
        if record is None:
            return ""
        holes["object_id"] = holes["id"] = percent(str(quote(record)))
    return HOLE.sub(lambda hole: holes[hole[1]], route)
