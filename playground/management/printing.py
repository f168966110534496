"""Journal entries as lines of a terminal. Hue says the lane and the kind; the words say it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from sagas.entries import Entry, Kind, Lane, Op

GOOD = {Kind.ATTEMPT_SUCCEEDED, Kind.SAGA_COMPLETED}
BAD = {Kind.ATTEMPT_FAILED, Kind.SAGA_NEEDS_OPERATOR, Kind.ORCHESTRATOR_CRASHED}
BACK = {Kind.SAGA_COMPENSATING, Kind.COMPENSATION_OWED, Kind.SAGA_COMPENSATED}
OPEN = {Kind.ATTEMPT_UNKNOWN, Kind.RETRY_SCHEDULED, Kind.LOCK_DENIED, Kind.LOCK_ACQUIRED}


def entry_line(entry: Entry) -> str:
    """Return one entry as rich markup: seq, lane, kind, what it is about."""
    about = entry.key or entry.step
    number = f" #{entry.attempt}" if entry.attempt > 1 else ""
    lane = f"[dim]{entry.lane:<12}[/dim]"
    kind = f"[{_style(entry)}]{entry.kind:<22}[/]"
    return f"{entry.seq:>4}  {lane} {kind} {escape(about)}{number}{escape(_note(entry))}"


def outcome_line(order: str, state: str, cause: Mapping[str, Any] | None) -> str:
    """Return how one saga stands, and why if it turned back."""
    why = f": {cause['step']} {cause['outcome']} ({cause['reason']})" if cause else ""
    return f"[bold]{escape(order)} {escape(state)}[/bold]{escape(why)}"


def _style(entry: Entry) -> str:
    if entry.kind in GOOD:
        return "magenta" if entry.op is Op.COMPENSATION else "green"
    if entry.kind in BAD:
        return "red"
    if entry.kind in BACK:
        return "magenta"
    if entry.kind in OPEN:
        return "yellow"
    return "cyan" if entry.lane is Lane.SERVICE else "default"


def _note(entry: Entry) -> str:
    detail = entry.detail
    match entry.kind:
        case Kind.EFFECT:
            return f"  {detail['service']} row {detail['n']}: {detail['kind']} {detail['amount']:+d}"
        case Kind.RETRY_SCHEDULED:
            return f"  in {detail['delay_ms']} ms"
        case Kind.ATTEMPT_FAILED | Kind.ATTEMPT_UNKNOWN | Kind.SAGA_NEEDS_OPERATOR:
            return f"  {detail['reason']}"
        case Kind.SAGA_COMPENSATING:
            return f"  {detail['cause']['outcome']}: {detail['cause']['reason']}"
        case Kind.LOCK_ACQUIRED | Kind.LOCK_RELEASED | Kind.LOCK_DENIED:
            return f"  {detail['record']} of {detail['service']}, owner {detail['owner']}"
        case _:
            return ""
