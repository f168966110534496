"""Lists that stay quick however long they are: read by an index, page after page, and never counted.

A page begins after the last row of the one before it ("keyset"), so that the thousandth page
costs what the first one does. Its address holds that row as `p`: the values that sort it.
Source: Winand, "We need tool support for keyset pagination".
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.timezone import is_naive

if TYPE_CHECKING:
    Rows = QuerySet[Any]
else:
    Rows = QuerySet

BETWEEN = "~"  # the values of a row in an address


class Pages(ChangeList):
    """One page of a list. `more` is the address of the next one, "" on the last."""

    more: str

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        self._after = request.GET.get(PAGE_VAR, "")
        super().__init__(request, *args, **options)
        name = str(self.opts.verbose_name_plural)
        self.title = name[:1].upper() + name[1:]

    @property
    def is_first(self) -> bool:
        return not self._after

    @property
    def first(self) -> str:
        """Return the address of the first page, filters and all."""
        return self.get_query_string()

    def get_ordering(self, request: HttpRequest, queryset: Rows) -> list[Any]:
        """Return the one order that an index serves; the address has no say in it."""
        return list(self.model_admin.get_ordering(request))

    def get_results(self, request: HttpRequest) -> None:
        ordering = self.get_ordering(request, self.queryset)
        found = list(after(self.queryset, ordering, self._after)[: self.list_per_page + 1])
        self.result_list = found[: self.list_per_page]
        self.more = ""
        if len(found) > self.list_per_page:
            self.more = self.get_query_string({PAGE_VAR: place_of(self.result_list[-1], ordering)})
        self.result_count = self.full_result_count = len(self.result_list)
        self.can_show_all = self.multi_page = self.show_admin_actions = False
        self.show_full_result_count = False


def place_of(row: Model, ordering: list[str]) -> str:
    """Return the values that sort a row, as an address holds them."""
    values = [getattr(row, name.lstrip("-")) for name in ordering]
    return BETWEEN.join(value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values)


def after(rows: Rows, ordering: list[str], place: str) -> Rows:
    """Return the rows that follow `place`; all of them for "".

    `ordering` is a unique column, or one that repeats and then a unique one, both in one direction.
    Raises IncorrectLookupParameters for a place that is none.
    """
    if not place:
        return rows
    values = _values(rows.model, ordering, place.split(BETWEEN))
    lead = ordering[0].lstrip("-")
    below, further = ("lte", "gte") if ordering[0].startswith("-") else ("gte", "lte")
    if len(ordering) == 1:
        return rows.filter(**{f"{lead}__{below[:-1]}": values[0]})
    # Said so that the index is entered at the lead's value: an OR of both cases would be sorted anew.
    last = ordering[1].lstrip("-")
    return rows.filter(**{f"{lead}__{below}": values[0]}).exclude(**{lead: values[0], f"{last}__{further}": values[1]})


def _values(model: type[Model], ordering: list[str], texts: list[str]) -> list[Any]:
    if len(texts) != len(ordering):
        raise IncorrectLookupParameters(f"{PAGE_VAR}: not a place in this list")
    fields = (_field(model, name.lstrip("-")) for name in ordering)
    try:
        found = [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
    except (ValidationError, ValueError) as error:
        raise IncorrectLookupParameters(f"{PAGE_VAR}: not a place in this list") from error
    if any(isinstance(value, datetime) and is_naive(value) for value in found):
        raise IncorrectLookupParameters(f"{PAGE_VAR}: a moment without its time zone")
    return found


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)
