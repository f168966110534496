"""Sagas: their list, a saga's own page, and the forms by which a person acts on one that is stuck."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from sagas.admin import acts, filters, links, pages, words
from sagas.admin.readonly import ReadOnly
from sagas.errors import CommandRefused, RunUnknown
from sagas.models import Command, Saga

PAGE, FORM = "sagas/admin/run.html", "sagas/admin/act.html"


@admin.register(Saga)
class SagaAdmin(ReadOnly):
    """A saga that waits for a person is acted on from its page."""

    list_display = ("order", "drawn", "why", "definition", "run_page", "age")
    list_display_links = ("order",)
    list_filter = (filters.SagaState, filters.Definition, filters.CauseStep, filters.CauseOutcome, filters.Age)
    ordering = ("-created_at", "-id")
    about = "One saga is one execution of a definition for one order."

    def get_urls(self) -> list[URLPattern]:
        act = path("<str:object_id>/act/<str:act>/", self.admin_site.admin_view(self.act_view), name="sagas_saga_act")
        return [act, *super().get_urls()]

    def elsewhere(self, term: str) -> str:
        return ""

    def found(self, queryset: Any, term: str) -> Any:
        return queryset.filter(order=term)

    @admin.display(description="state")
    def drawn(self, saga: Saga) -> SafeString:
        return words.chip(saga.state)

    @admin.display(description="cause")
    def why(self, saga: Saga) -> str:
        return words.cause(saga.cause)

    @admin.display(description="run")
    def run_page(self, saga: Saga) -> SafeString:
        return links.run_link(saga.run_id)

    @admin.display(description="started")
    def age(self, saga: Saga) -> SafeString:
        return words.moment(int(saga.created_at.timestamp() * 1000))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        saga = self._saga(object_id)
        if not self.has_view_permission(request, saga) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        if saga is None:
            raise Http404(f"no saga {object_id!r}")
        command = self._command(saga, request.GET.get("asked", ""))
        context = {
            **self.admin_site.each_context(request),
            **pages.of_run(saga.run, request, saga),
            "opts": self.opts,
            "title": f"Saga {saga.order}",
            "may_act": request.user.has_perm(acts.PERMISSION),
            "acts": acts.ACTS,
            "asked": pages.asked(command) if command else None,
        }
        return TemplateResponse(request, PAGE, context)

    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """Ask why, then do it: nothing happens on GET."""
        saga, wanted = self._saga(object_id), acts.ACTS.get(act)
        if not request.user.has_perm(acts.PERMISSION):
            raise PermissionDenied
        if saga is None or wanted is None:
            raise Http404(f"no act {act!r} on saga {object_id!r}")
        if request.method != "POST":
            asks = wanted.form(initial={"saw": request.GET.get("saw") or saga.run.last_seq, **_record(request)})
            return self._form(request, saga, wanted, asks)
        answers = wanted.form(request.POST)
        if not answers.is_valid():
            return self._form(request, saga, wanted, answers)
        try:
            command = acts.perform(wanted, saga, request.user.get_username(), answers.cleaned_data)
        except RunUnknown as error:
            raise Http404(str(error)) from None
        except (CommandRefused, acts.MovedOn) as error:
            messages.error(request, f"Refused, and nothing was done: {error}.")
            return HttpResponseRedirect(links.saga_page(saga.pk))
        return HttpResponseRedirect(f"{links.saga_page(saga.pk)}?asked={command.pk}")

    def _form(self, request: HttpRequest, saga: Saga, act: acts.Act, form: acts.Reasons) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{act.title}: {saga.order}",
            "saga": saga,
            "act": act,
            "form": form,
            "record": form["record"].value() if "record" in form.fields else "",
            "makes_sense": saga.state in (acts.MOVING if act.of == "step" else acts.WAITING),
        }
        return TemplateResponse(request, FORM, context, status=422 if form.errors else 200)

    def _saga(self, pk: str) -> Saga | None:
        return Saga.objects.select_related("run").filter(pk=pk).first()

    def _command(self, saga: Saga, pk: str) -> Command | None:
        own = Command.objects.filter(run=saga.run_id, saga=saga.pk)
        return own.filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() and len(pk) < 19 else None


def _record(request: HttpRequest) -> dict[str, str]:
    return {"record": request.GET["record"]} if "record" in request.GET else {}
