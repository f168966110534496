"""Entries, steps and commands of all runs, the newest first."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sagas.admin import filters, links, words
from sagas.admin.readonly import ReadOnly
from sagas.models import Command, JournalEntry, Step


@admin.register(JournalEntry)
class EntryAdmin(ReadOnly):
    """Every fact of every run; a run's own page has its journal in order."""

    list_display = ("place", "at", "lane", "kind", "order", "step", "op", "tried", "key", "holds")
    list_display_links = None
    list_filter = (filters.RareKinds,)
    ordering = ("-id",)
    about = "Append-only: the database itself refuses to change an entry."

    @admin.display(description="run and entry")
    def place(self, entry: JournalEntry) -> SafeString:
        address = f"{links.run_page(entry.run_id)}?after={entry.seq - 1}#journal"
        return format_html('<a href="{}"><code>{}</code> #{}</a>', address, entry.run_id, entry.seq)

    @admin.display(description="at")
    def at(self, entry: JournalEntry) -> SafeString:
        return words.moment(entry.at_ms)

    @admin.display(description="attempt")
    def tried(self, entry: JournalEntry) -> int | str:
        return entry.attempt or ""

    @admin.display(description="detail")
    def holds(self, entry: JournalEntry) -> str:
        return words.said(entry.detail)


@admin.register(Step)
class StepAdmin(ReadOnly):
    """The last state of every step, in both directions."""

    list_display = ("name", "order", "drawn", "attempts", "compensation_name", "back", "compensation_attempts", "key")
    list_display_links = None
    list_filter = (filters.BadSteps,)
    list_select_related = ("saga",)
    ordering = ("-id",)
    about = "One step is an action in one service and its compensation."

    @admin.display(description="order")
    def order(self, step: Step) -> SafeString:
        return links.link(links.saga_page(step.saga_id), step.saga.order)

    @admin.display(description="state")
    def drawn(self, step: Step) -> SafeString:
        return words.chip(step.state)

    @admin.display(description="its state")
    def back(self, step: Step) -> SafeString:
        return words.chip(step.compensation_state)


@admin.register(Command)
class CommandAdmin(ReadOnly):
    """What people asked for, and what became of it."""

    list_display = ("kind", "whom", "who", "why", "saw", "became", "created_at")
    list_display_links = None
    ordering = ("-id",)
    about = "What people asked for. The one who drives the run journals it and obeys."

    @admin.display(description="of")
    def whom(self, command: Command) -> SafeString:
        if command.saga:
            return links.link(links.saga_page(command.saga), command.saga)
        return links.run_link(command.run_id)

    @admin.display(description="became")
    def became(self, command: Command) -> SafeString:
        if command.handled_seq is None:
            return words.chip(words.HELD, "waits")
        if not command.handled_seq:
            return words.chip("failed", f"refused: {command.refusal}")
        address = f"{links.run_page(command.run_id)}?after={command.handled_seq - 1}#journal"
        return links.link(address, f"entry {command.handled_seq}")
