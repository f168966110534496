"""Runs: their list, and a run's own page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sagas.admin import acts, filters, links, pages, words
from sagas.admin.readonly import ReadOnly
from sagas.models import Run, Saga

PAGE = "sagas/admin/run.html"


@admin.register(Run)
class RunAdmin(ReadOnly):
    """A run opens as its timeline, its sagas and its journal."""

    list_display = ("id", "drawn", "kind", "orders", "last_seq", "age", "played")
    list_display_links = ("id",)
    list_filter = (filters.RunState, filters.Definition, filters.Age)
    ordering = ("-created_at", "-id")
    about = "One run is one execution of a scenario: 1 to 8 sagas in a world of their own."

    def get_queryset(self, request: HttpRequest) -> Any:
        sagas = Prefetch("sagas", Saga.objects.order_by("run_id", "index"))
        return super().get_queryset(request).defer("scenario", "payload").prefetch_related(sagas)

    @admin.display(description="state")
    def drawn(self, run: Run) -> SafeString:
        return words.chip(run.state)

    @admin.display(description="definition")
    def kind(self, run: Run) -> str:
        return f"{run.definition} v{run.version}"

    @admin.display(description="sagas")
    def orders(self, run: Run) -> SafeString:
        pairs = ((links.saga_page(s.pk), s.order, words.chip(s.state)) for s in run.sagas.all())
        return format_html_join("", '<span class="pair"><a href="{}">{}</a> {}</span>', pairs)

    @admin.display(description="started")
    def age(self, run: Run) -> SafeString:
        return words.moment(int(run.created_at.timestamp() * 1000))

    @admin.display(description="permalink")
    def played(self, run: Run) -> SafeString:
        return format_html('<a href="{}" aria-label="Play run {}">Play it</a>', links.permalink(run.pk), run.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        if not self.has_view_permission(request, run) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        if run is None:
            raise Http404(f"no run {object_id!r}")
        context = {
            **self.admin_site.each_context(request),
            **pages.of_run(run, request),
            "opts": self.opts,
            "title": f"Run {run.pk}",
            "may_act": request.user.has_perm(acts.PERMISSION),
            "acts": acts.ACTS,
        }
        return TemplateResponse(request, PAGE, context)
