"""A model that people look at and nobody edits, not even a superuser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from sagas.admin import links
from sagas.admin.lists import Pages
from sagas.models import Run, Saga

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

ROWS_A_PAGE = 50
SEARCH_HELP = "The id of a run or of a saga opens it. An order, as ord-8412, lists its sagas, newest first."


class ReadOnly(ModelAdmin):
    """Lists and pages without anything to change. `ordering` names what an index sorts by."""

    actions = None
    list_per_page = ROWS_A_PAGE
    show_full_result_count = False
    sortable_by = ()
    view_on_site = False
    change_list_template = "sagas/admin/list.html"
    change_form_template = "sagas/admin/record.html"
    search_fields = ("pk",)  # so that there is a box; `jump` and `found` say what it does
    search_help_text = SEARCH_HELP
    about = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return super().get_object(request, object_id, from_field or None)  # an empty one is no field's name

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[Pages]:
        return Pages

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        term = request.GET.get("q", "").strip()
        if term and self.has_view_permission(request) and (place := self.jump(request, term)):
            return HttpResponseRedirect(place)
        return super().changelist_view(request, {"about": self.about, **(extra_context or {})})

    def jump(self, request: HttpRequest, term: str) -> str:
        """Return the page that a search leads to, or "" to stay on this list."""
        if Run.objects.filter(pk=term).exists():
            return links.run_page(term)
        if Saga.objects.filter(pk=term).exists():
            return links.saga_page(term)
        return self.elsewhere(term)

    def elsewhere(self, term: str) -> str:
        """Return the list that a search for an order leads to, or "" for this one."""
        return links.saga_list(urlencode({"q": term}))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (self.found(queryset, search_term.strip()) if search_term.strip() else queryset), False

    def found(self, queryset: Any, term: str) -> Any:
        """Return the rows of this list that a search finds."""
        return queryset
