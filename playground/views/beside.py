"""Two runs side by side: a fork and its origin, or any two. One clock over both, the first difference marked."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from playground import replays, shown
from playground.found import Found
from playground.replay.beside import Beside, agreed, beside
from playground.typing import Request
from playground.views.base import find_or_404
from sagas import journal
from sagas.entries import Entry

LANES = ("c-", "o-")  # the prefixes of two stages on one page, as act 1 has them


@require_safe
def page(request: Request, run_id: str, other_id: str) -> HttpResponse:
    """Both runs at their newest entries; htmx reads the journals alone, again, while they go on."""
    both = [find_or_404(run_id), find_or_404(other_id)]
    lanes, found = _read(both)
    context = {
        "lanes": lanes,
        "found": found,
        "pair": {"finished": all(lane["run"]["finished"] for lane in lanes)},
        "address": reverse("run-beside", args=[run_id, other_id]),
    }
    return render(request, "run/_together.html" if request.htmx else "beside.html", context)


def _read(both: list[Found]) -> tuple[list[dict[str, Any]], Beside]:
    journals = [journal.read_all(one.run.pk) for one in both]
    titles = ("Origin", "Fork") if replays.is_fork_of(both[1].run, both[0].run) else ("First run", "Second run")
    lanes = [_lane(*each) for each in zip(LANES, titles, both, journals, strict=True)]
    left, right = (lane["journal"] for lane in lanes)
    return lanes, beside(agreed(*journals), left, right)


def _lane(prefix: str, title: str, one: Found, entries: list[Entry]) -> dict[str, Any]:
    fold, lines = one.fold(), []
    for entry in entries:
        fold.add(entry)
        lines.append(fold.line)
    run = shown.run_facts(one.run, one.saga, after=len(entries))
    return {"prefix": prefix, "title": title, "scene": fold.scene(), "journal": lines, "run": run}
