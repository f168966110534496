"""Filters whose every choice an index serves. Their choices are known without a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from sagas import catalog
from sagas.models import BAD_STEPS, RARE_KINDS, Run
from sagas.services.locks import PENDING
from sagas.state import Phase

if TYPE_CHECKING:
    Rows = QuerySet[Any]
else:
    Rows = QuerySet

AGES: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("The last hour", timedelta(hours=1)),
    "1d": ("The last day", timedelta(days=1)),
    "7d": ("The last week", timedelta(days=7)),
    "30d": ("The last 30 days", timedelta(days=30)),
}
OLDER = "older"


class Choice(SimpleListFilter):
    """Rows whose `column` has the chosen value. A value that is no choice is told, and nothing is filtered by it."""

    column: ClassVar[str]

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        known = {str(value) for value, _ in self.lookup_choices}
        if self.value() not in {None, *known}:
            messages.error(request, f"{self.parameter_name}: {self.value()!r} is none of {', '.join(sorted(known))}.")
            raise IncorrectLookupParameters(self.parameter_name)

    @property
    def chosen(self) -> str | None:
        return self.value()

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(**{self.column: self.chosen}) if self.chosen else queryset


def _same(words: Iterable[str]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class RunState(Choice):
    title, parameter_name, column = "state", "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _same(Run.State.values)


class SagaState(Choice):
    title, parameter_name, column = "state", "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _same(str(phase) for phase in Phase)


class Definition(Choice):
    title, parameter_name, column = "definition", "definition", "definition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _same(sorted({name for name, _ in catalog.DEFINITIONS}))

    def has_output(self) -> bool:
        return True  # even where there is only one to choose


class CauseStep(Choice):
    title, parameter_name, column = "cause: the step", "step", "cause_step"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        steps = (step.name for definition in catalog.DEFINITIONS.values() for step in definition.steps)
        return _same(dict.fromkeys(steps))


class CauseOutcome(Choice):
    title, parameter_name, column = "cause: its outcome", "outcome", "cause_outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _same(("failed", "unknown", "deadline", "cancelled"))


class Age(Choice):
    title, parameter_name = "age", "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((value, words) for value, (words, _) in AGES.items()), (OLDER, "Older than 30 days")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.chosen is None:
            return queryset
        if self.chosen == OLDER:
            return queryset.filter(created_at__lt=timezone.now() - AGES["30d"][1])
        return queryset.filter(created_at__gte=timezone.now() - AGES[self.chosen][1])


class BadSteps(Choice):
    title, parameter_name, column = "state", "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _same(BAD_STEPS)


class RareKinds(Choice):
    title, parameter_name, column = "kind", "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _same(str(kind) for kind in RARE_KINDS)


class Narrowed(Choice):
    """Shows its first choice where the address names none; there is no "all"."""

    @property
    def chosen(self) -> str | None:
        return self.value() or str(self.lookup_choices[0][0])

    def choices(self, changelist: Any) -> Any:
        for n, (value, words) in enumerate(self.lookup_choices):
            wanted = {self.parameter_name: value} if n else {self.parameter_name: None}
            yield {
                "selected": self.chosen == str(value),
                "query_string": changelist.get_query_string(wanted),
                "display": words,
            }


class Answered(Narrowed):
    title, parameter_name = "whether somebody answered", "answered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Waiting, oldest first"), ("yes", "Answered, latest first")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(resolved_at_ms__isnull=self.chosen == "no")


class Held(Narrowed):
    title, parameter_name = "whether it is held", "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Held: PENDING"), ("any", "Every record")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(state=PENDING) if self.chosen == "yes" else queryset
