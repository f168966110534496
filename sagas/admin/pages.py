"""What the page of a run or of a saga shows, as one template context. All its queries are here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from sagas import catalog
from sagas.admin import links, timeline, words
from sagas.models import Alert, Command, JournalEntry, Run, Saga, Step

ENTRIES_A_PAGE = 100
ENTRIES_DRAWN = 1500
COMMANDS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One page of a journal. `earlier` and `later` are entries to begin after, None where there is no such page."""

    entries: Sequence[JournalEntry]
    earlier: int | None
    later: int | None
    last: int


def of_run(run: Run, request: HttpRequest, saga: Saga | None = None) -> dict[str, Any]:
    """Return the context of a run's page, or of one saga's: then only of what concerns it."""
    sagas = [saga] if saga else list(run.sagas.order_by("index"))
    steps = _steps(sagas)
    now = time.time_ns() // 1_000_000
    drawn = list(_entries(run, saga).order_by("seq")[: ENTRIES_DRAWN + 1])
    lines = [
        timeline.Line(saga=s.pk, order=s.order, state=s.state, steps=[step.name for step in steps[s.pk]]) for s in sagas
    ]
    return {
        "run": run,
        "saga": saga,
        "permalink": links.permalink(run.pk),
        "age": words.ago(now, int(run.created_at.timestamp() * 1000)),
        "sagas": [_saga(s, steps[s.pk]) for s in sagas],
        "picture": timeline.draw([row.entry() for row in drawn[:ENTRIES_DRAWN]], lines),
        "cut_at": drawn[ENTRIES_DRAWN - 1].seq if len(drawn) > ENTRIES_DRAWN else 0,
        "locks": locks(run.pk, {s.order: s for s in sagas}),
        "alerts": [_alert(alert, steps, now) for alert in _alerts(sagas)],
        "commands": list(_commands(run, saga)),
        "journal": journal_page(run, saga, _number(request, "after")),
        "last_seq": run.last_seq,
    }


def journal_page(run: Run, saga: Saga | None, after: int) -> Journal:
    """Return the hundred entries after `after`."""
    rows = _entries(run, saga)
    found = list(rows.filter(seq__gt=after).order_by("seq")[: ENTRIES_A_PAGE + 1])
    before = list(rows.filter(seq__lte=after).order_by("-seq").values_list("seq", flat=True)[:ENTRIES_A_PAGE])
    shown = found[:ENTRIES_A_PAGE]
    return Journal(
        entries=shown,
        earlier=before[-1] - 1 if before else None,
        later=shown[-1].seq if len(found) > ENTRIES_A_PAGE else None,
        last=max(0, run.last_seq - ENTRIES_A_PAGE),
    )


def locks(run: str, sagas: Mapping[str, Saga]) -> list[dict[str, Any]]:
    """Return the PENDING records that these orders own, in the services' own databases."""
    return [
        {"service": service.name, "record": held["record"], "owner": held["owner"], "saga": sagas[held["owner"]]}
        for service in catalog.SERVICES.values()
        for held in service.pending(run)
        if held["owner"] in sagas
    ]


def owed(saga: Saga, steps: Iterable[Step]) -> list[str]:
    """Return what has to happen yet: compensations once the saga has turned back, else steps."""
    if saga.cause is None:
        return [step.name for step in steps if step.state not in ("done", "skipped")]
    settled = ("compensated", "skipped")
    return [s.compensation_name for s in steps if s.compensation_name and s.compensation_state not in settled]


def tried(step: Step) -> str:
    """Return how often the direction that is stuck was tried: `refund-payment, 4 times`."""
    back = step.compensation_attempts > 0
    number = step.compensation_attempts if back else step.attempts
    return f"{step.compensation_name if back else step.name}, {number} times"


def asked(command: Command) -> dict[str, Any]:
    """Return how a command fares: the entry that obeyed it and what it says, why it was refused, or neither yet."""
    entry = JournalEntry.objects.filter(run=command.run_id, seq=command.handled_seq or 0).first()
    told = words.in_order(entry.detail) if entry else []
    return {"command": command, "entry": entry, "told": told, "waits": command.handled_seq is None}


def _entries(run: Run, saga: Saga | None) -> Any:
    rows = JournalEntry.objects.filter(run=run)
    return rows.filter(saga__in=("", saga.pk)) if saga else rows


def _steps(sagas: Sequence[Saga]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {saga.pk: [] for saga in sagas}
    for step in Step.objects.filter(saga__in=list(found)).order_by("saga_id", "index"):
        found[step.saga_id].append(step)
    return found


def _alerts(sagas: Sequence[Saga]) -> Any:
    waiting = [saga.pk for saga in sagas if saga.state == "needs-operator"]
    return Alert.objects.filter(saga__in=waiting, resolved_at_ms=None).select_related("saga").order_by("pk")


def _commands(run: Run, saga: Saga | None) -> Any:
    rows = Command.objects.filter(run=run).order_by("-pk")
    return (rows.filter(saga__in=("", saga.pk)) if saga else rows)[:COMMANDS_SHOWN]


def _saga(saga: Saga, steps: Sequence[Step]) -> dict[str, Any]:
    under_way = {s.name for s in steps if s.state == "running" or s.compensation_state == "compensating"}
    return {
        "row": saga,
        "url": links.saga_page(saga.pk),
        "state": words.chip(saga.state),
        "cause": words.cause(saga.cause),
        "owed": owed(saga, steps) if saga.state not in ("completed", "compensated") else [],
        "is_under_way": bool(under_way),
        "steps": [
            {
                "row": step,
                "state": words.chip(step.state),
                "back": words.chip(step.compensation_state),
                "is_under_way": step.name in under_way,
            }
            for step in steps
        ],
    }


def _alert(alert: Alert, steps: Mapping[str, Sequence[Step]], now: int) -> dict[str, Any]:
    own = steps[alert.saga_id]
    stuck = next((step for step in own if step.name == alert.step), None)
    return {
        "row": alert,
        "age": words.ago(now, alert.raised_at_ms),
        "tried": tried(stuck) if stuck else "",
        "owed": owed(alert.saga, own),
    }


def _number(request: HttpRequest, name: str) -> int:
    """Return a number of the address; 0 for none, and for what is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def said(entry: JournalEntry) -> SafeString | str:
    """Return an entry's detail in words."""
    return words.said(entry.detail)
