"""The newest runs, as the home page lists them: each row a fold of its run's journal.

A process reads a run from the journal once, and after that only what the run has added.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from playground import wording
from playground.scene import Fold
from sagas import catalog, journal
from sagas.entries import iso_from_ms
from sagas.errors import DefinitionUnknown
from sagas.models import Run
from sagas.plan import plan_from_json

SHOWN = 8
READ_ENTRIES = 1000

Row = dict[str, Any]


def rows() -> list[Row]:
    """Return a row for each of the newest runs, the newest first.

    Keys: run, url, order, others (how many more orders it has), steps and back (the states of
    both directions, "" for nothing to draw), state, word, took, started, ago.
    """
    return _newest.rows()


def draw() -> str:
    """Return the body of the table as htmx swaps it in."""
    return render_to_string("parts/_latest.html", {"rows": rows(), "oob": True})


@dataclass(slots=True)
class Followed:
    """One run, and how much of its journal is in the fold."""

    fold: Fold
    orders: int
    seq: int = 0
    scene: dict[str, Any] = field(default_factory=dict)


class Newest:
    """The newest runs of the database. Used from any thread."""

    def __init__(self) -> None:
        self._followed: dict[str, Followed] = {}
        self._lock = threading.Lock()

    def rows(self) -> list[Row]:
        """Return the rows as they are now: one query, and one more for each run that went on."""
        now = timezone.now()
        with self._lock:
            runs = list(Run.objects.order_by("-created_at")[:SHOWN])
            self._followed = {run.pk: self._follow(run) for run in runs if _is_known(run)}
            return [_row(run, self._followed[run.pk], now) for run in runs if run.pk in self._followed]

    def _follow(self, run: Run) -> Followed:
        followed = self._followed.get(run.pk)
        if followed is None:
            plan = plan_from_json(run.scenario)
            fold = Fold(plan, catalog.definition(run.definition, run.version), f"{run.pk}-1")
            followed = Followed(fold, plan.orders, scene=fold.scene())
        while followed.seq < run.last_seq and (entries := journal.read(run.pk, followed.seq, READ_ENTRIES)):
            for entry in entries:
                followed.fold.add(entry)
            followed.seq, followed.scene = entries[-1].seq, followed.fold.scene()
        return followed


_newest = Newest()


def _is_known(run: Run) -> bool:
    try:
        catalog.definition(run.definition, run.version)
    except DefinitionUnknown:
        return False
    return True


def _row(run: Run, followed: Followed, now: datetime) -> Row:
    scene = followed.scene
    return {
        "run": run.pk,
        "url": reverse("run", args=[run.pk]),
        "order": scene["order"],
        "others": followed.orders - 1,
        **followed.fold.signature(),
        "took": wording.lasted(scene["ms"]) if run.state == Run.State.FINISHED else "",
        "started": iso_from_ms(round(run.created_at.timestamp() * 1000)),
        "ago": wording.ago(int((now - run.created_at).total_seconds())),
    }
