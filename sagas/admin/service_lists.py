"""What the services keep in their own databases: locks, the queue for one, ledgers, and the rest.

Each service's own tables are registered by their shape, so that a new service is here by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString

from sagas import catalog
from sagas.admin import filters, links, words
from sagas.admin.lists import Pages
from sagas.admin.readonly import ReadOnly
from sagas.entries import Kind
from sagas.models import JournalEntry, Saga
from sagas.services.base import Service
from sagas.services.inventory.models import Ticket
from sagas.services.locks import PENDING, LockableRow


class OfService(ReadOnly):
    """Rows of one service. `world` is the id of the run that a row belongs to."""

    ordering = ("-pk",)

    @admin.display(description="run")
    def run_page(self, row: Any) -> SafeString:
        return links.run_link(row.world)


class WithSagas(Pages):
    """A page of rows that are for an order of a world: what is known of the order is read once for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        assert isinstance(self.model_admin, ForOrders)
        self.model_admin.learn(self.result_list)


class ForOrders(OfService):
    """Rows that belong to an order: each shows its saga, and since when it has been so."""

    column: ClassVar[str] = "owner"

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[Pages]:
        return WithSagas

    def learn(self, rows: Iterable[Any]) -> None:
        """Give each row its saga and its time: one query for all of each."""
        rows = list(rows)
        worlds = {row.world for row in rows}
        sagas = {(saga.run_id, saga.order): saga for saga in Saga.objects.filter(run__in=worlds)}
        since = self.since(worlds)
        for row in rows:
            order = getattr(row, self.column)
            row.saga = sagas.get((row.world, order))
            row.since = since.get((row.world, self.record(row), order))

    def record(self, row: Any) -> str:
        """Return what `since` knows a row by, besides its world and its order."""
        return str(row.record)

    def since(self, worlds: Iterable[str]) -> Mapping[tuple[str, str, str], int]:
        """Return when each (world, record, order) became what it is, in milliseconds."""
        raise NotImplementedError

    @admin.display(description="owner")
    def whose(self, row: Any) -> SafeString | str:
        order = getattr(row, self.column)
        return links.link(links.saga_page(row.saga.pk), order) if row.saga else order

    @admin.display(description="its saga")
    def saga_state(self, row: Any) -> SafeString | str:
        return words.chip(row.saga.state) if row.saga else ""

    @admin.display(description="since")
    def age(self, row: Any) -> str:
        return words.ago(time.time_ns() // 1_000_000, row.since) if row.since else ""


class LockAdmin(ForOrders):
    """Records that a saga can hold: by default those that are held, the oldest lock first."""

    list_display = ("record", "drawn", "whose", "saga_state", "age", "run_page")
    list_display_links = None
    list_filter = (filters.Held,)
    ordering = ("id",)
    about = "A semantic lock is data: PENDING until its saga settles or gives the record back."

    def since(self, worlds: Iterable[str]) -> Mapping[tuple[str, str, str], int]:
        ledger = catalog.SERVICES[self.opts.app_label].ledger_rows._default_manager
        rows = ledger.filter(world__in=worlds).order_by("world", "n").values_list("world", "record", "order", "at")
        return {(world, record or order, order): at for world, record, order, at in rows}

    @admin.display(description="state")
    def drawn(self, row: LockableRow) -> SafeString:
        return words.chip(words.HELD, words.LOCKED) if row.state == PENDING else words.chip(row.state)


class TicketAdmin(ForOrders):
    """The queue for a unit, first come first served."""

    column = "order"
    list_display = ("id", "whose", "place", "saga_state", "age", "run_page")
    list_display_links = None
    ordering = ("id",)
    about = "Who waits for a unit, first come first served."

    def since(self, worlds: Iterable[str]) -> Mapping[tuple[str, str, str], int]:
        denied = JournalEntry.objects.filter(run__in=worlds, kind=str(Kind.LOCK_DENIED)).order_by("run_id", "-seq")
        return {(entry.run_id, "", entry.order): entry.at_ms for entry in denied}

    def record(self, row: Any) -> str:
        return ""

    @admin.display(description="place")
    def place(self, ticket: Ticket) -> SafeString:
        return words.chip("done", f"handed {ticket.record}") if ticket.record else words.chip(words.HELD, "waits")


class LedgerAdmin(OfService):
    """A service's ledger: rows are added, and an undo is one more row."""

    list_display = ("n", "order", "kind", "amount", "key", "record", "at_moment", "run_page")
    list_display_links = None
    about = "Every effect is a row, an undo is one more row, and no row is ever changed."

    @admin.display(description="at")
    def at_moment(self, row: Any) -> SafeString:
        return words.moment(row.at)


class RecordAdmin(OfService):
    """Whatever else a service keeps about a world."""

    list_display_links = None

    def get_list_display(self, request: HttpRequest) -> Any:
        own = [field.name for field in self.opts.fields if field.name not in ("id", "world")]
        return (*own, "run_page")


def register(service: Service) -> None:
    """Show a service's ledger and its records."""
    admin.site.register(service.ledger_rows, LedgerAdmin)
    for model in service.records:
        admin.site.register(model, _shape(model))


def _shape(model: type[Model]) -> type[ReadOnly]:
    if model is Ticket:
        return TicketAdmin
    return LockAdmin if issubclass(model, LockableRow) else RecordAdmin


for each in catalog.SERVICES.values():
    register(each)
