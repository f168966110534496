"""Short links: a scenario under its slug, kept for good."""

from __future__ import annotations

from django.urls import reverse

from playground import scenario_query
from playground.models import StoredScenario
from playground.scenario import Scenario


class LinkUnknown(LookupError):
    """No scenario is kept here under this slug."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"this server keeps no scenario under {slug!r}")
        self.slug = slug


def keep(scenario: Scenario) -> str:
    """Store a scenario unless it is there; return the path of its short link."""
    slug = scenario.slug
    StoredScenario.objects.get_or_create(slug=slug, defaults={"value": scenario.compact()})
    return reverse("short", args=[slug])


def is_kept(scenario: Scenario) -> bool:
    """Return whether a scenario is stored already."""
    return StoredScenario.objects.filter(pk=scenario.slug).exists()


def query_of(slug: str) -> str:
    """Return the query string of the scenario under a slug, in the format it was kept in. Raises LinkUnknown."""
    found = StoredScenario.objects.filter(pk=slug).first()
    if found is None:
        raise LinkUnknown(slug)
    return scenario_query.write(found.value)
