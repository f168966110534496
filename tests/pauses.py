"""What a pause must keep, read from a journal alone. Shares no code with the engine."""

from __future__ import annotations

from collections.abc import Iterable

from sagas.entries import Entry, Kind, Lane


def moves(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries at which something outward began, or of which a settlement's end is all that is written."""
    return [entry for entry in entries if _begins(entry)]


def pause_violations(entries: Iterable[Entry]) -> list[str]:
    """Return what began while the run was paused and nobody had asked for a step.

    A settlement that was under way when the pause came may still end: one per saga.
    """
    paused, steps, under_way, wrong = False, 0, set[str](), []
    settling: set[str] = set()
    for entry in entries:
        action = entry.detail.get("action") if entry.kind is Kind.OPERATOR_ACTED and not entry.saga else ""
        if action:
            if action == "pause":
                under_way = set(settling)
            paused = paused if action == "step" else action == "pause"
            steps = steps + 1 if action == "step" else 0
        if entry.kind is Kind.SETTLEMENT_OWED:
            settling.add(entry.saga)
        if paused and _begins(entry):
            if entry.kind is not Kind.ATTEMPT_STARTED and entry.saga in under_way:
                under_way.discard(entry.saga)
            elif steps:
                steps -= 1
            else:
                wrong.append(f"seq {entry.seq}: {entry.kind} of {entry.step} began while the run was paused")
    return wrong


def _begins(entry: Entry) -> bool:
    settled = entry.kind is Kind.LOCK_RELEASED and entry.lane is Lane.ORCHESTRATOR
    told = entry.kind is Kind.EVENT_HANDLED and entry.op is None
    return entry.kind is Kind.ATTEMPT_STARTED or settled or told
