"""Every address that the admin links to. The permalink of a run belongs to the site around the admin."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def permalink(run: str, at: int = 0) -> str:
    """Return the address of a run's own page, opened at entry `at`; 0 opens it at its end."""
    return f"/runs/{run}/?at={at}" if at else f"/runs/{run}/"


def run_page(run: str) -> str:
    return reverse("admin:sagas_run_change", args=[run])


def saga_page(saga: str) -> str:
    return reverse("admin:sagas_saga_change", args=[saga])


def saga_list(query: str = "") -> str:
    address = reverse("admin:sagas_saga_changelist")
    return f"{address}?{query}" if query else address


def act_form(saga: str, act: str, query: str = "") -> str:
    address = reverse("admin:sagas_saga_act", args=[saga, act])
    return f"{address}?{query}" if query else address


def link(address: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def run_link(run: str) -> SafeString:
    """Return a run's id as a link to its page of the admin."""
    return format_html('<a href="{}"><code>{}</code></a>', run_page(run), run)
