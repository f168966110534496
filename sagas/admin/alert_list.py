"""The queue of sagas that wait for a person: the oldest first, and what to do about each."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from sagas.admin import acts, filters, links, pages, words
from sagas.admin.readonly import ReadOnly
from sagas.models import Alert, Step

COLUMNS = ("order", "age", "stuck_at", "reason", "attempts", "still_owed", "run_page")


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    """An alert opens as its saga's page."""

    list_display = COLUMNS
    list_display_links = ("order",)
    list_filter = (filters.Answered,)
    about = "Sagas that stopped and keep their locks until a person acts. The one that waits longest comes first."

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        answered = request.GET.get(filters.Answered.parameter_name) == "yes"
        return ("-resolved_at_ms", "-id") if answered else ("raised_at_ms", "id")

    def get_queryset(self, request: HttpRequest) -> Any:
        steps = Prefetch("saga__steps", Step.objects.order_by("saga_id", "index"))
        return super().get_queryset(request).select_related("saga__run").prefetch_related(steps)

    def get_list_display(self, request: HttpRequest) -> Any:
        if not request.user.has_perm(acts.PERMISSION):
            return COLUMNS
        return (*COLUMNS[:2], "what_to_do", *COLUMNS[2:])  # in sight where the table is wider than the page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        alert = self.get_object(request, object_id)
        if alert is None:
            raise Http404(f"no alert {object_id!r}")
        return HttpResponseRedirect(links.saga_page(alert.saga_id))

    @admin.display(description="order")
    def order(self, alert: Alert) -> str:
        return alert.saga.order

    @admin.display(description="age")
    def age(self, alert: Alert) -> SafeString:
        now = time.time_ns() // 1_000_000
        if alert.resolved_at_ms is not None:
            return words.chip("done", f"answered {words.ago(now, alert.resolved_at_ms)} ago")
        return words.chip("needs-operator", words.ago(now, alert.raised_at_ms))

    @admin.display(description="step")
    def stuck_at(self, alert: Alert) -> str:
        return alert.step or "none"

    @admin.display(description="attempts")
    def attempts(self, alert: Alert) -> str:
        step = next((step for step in alert.saga.steps.all() if step.name == alert.step), None)
        return pages.tried(step) if step else "none"

    @admin.display(description="still owed")
    def still_owed(self, alert: Alert) -> SafeString:
        if alert.resolved_at_ms is not None:
            return words.chip(alert.saga.state)
        left = pages.owed(alert.saga, alert.saga.steps.all())
        return format_html_join(", ", "<code>{}</code>", ((name,) for name in left))

    @admin.display(description="run")
    def run_page(self, alert: Alert) -> SafeString:
        return links.run_link(alert.saga.run_id)

    @admin.display(description="what to do")
    def what_to_do(self, alert: Alert) -> SafeString | str:
        if alert.resolved_at_ms is not None:
            return ""
        saga, seen = alert.saga, f"saw={alert.saga.run.last_seq}"
        shown = [act for act in acts.ACTS.values() if act.of == "saga"]
        pairs = ((links.act_form(saga.pk, act.name, seen), act.title, f"{act.title}: {saga.order}") for act in shown)
        return format_html_join("", '<a class="act" href="{0}" aria-label="{2}">{1}</a>', pairs)
