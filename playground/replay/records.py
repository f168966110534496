"""The records of the services, row by row as the journal reports them: full ledgers, and who holds what. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground import wording
from playground.world import is_undo
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One row of a ledger and the entry `seq` that reports it. `amount` as the service counts, cents for money."""

    seq: int
    n: int
    order: str
    kind: str
    amount: int
    key: str
    clock: str
    face: str  # add, contra, double

    def view(self, service: str, at: int) -> dict[str, Any]:
        """Return the row as a template shows it at entry `at`."""
        return {
            "seq": self.seq,
            "n": self.n,
            "order": self.order,
            "what": self.kind,
            "amount": wording.signed(service, self.amount),
            "key": self.key,
            "clock": self.clock,
            "kind": self.face,
            "past": self.seq <= at,
        }


@dataclass(slots=True, kw_only=True)
class Hold:
    """A record that is PENDING for an owner, from one entry to another."""

    record: str
    owner: str
    since: int
    until: int | None = None


class Records:
    """The ledgers of a run, by service, in the order of the saga's steps."""

    def __init__(self, definition: SagaDefinition) -> None:
        self.rows: Mapping[str, list[Written]] = {step.service: [] for step in definition.steps}
        self.holds: Mapping[str, list[Hold]] = {step.service: [] for step in definition.steps}
        self._standing: dict[tuple[str, str], int] = {}

    def add(self, entry: Entry, ms: int) -> None:
        """Take the next entry, `ms` after the run began."""
        service = str(entry.detail.get("service", ""))
        if service not in self.rows:
            return
        if entry.kind is Kind.EFFECT:
            self._write(entry, service, ms)
        elif entry.kind is Kind.LOCK_ACQUIRED:
            hold = Hold(record=str(entry.detail["record"]), owner=str(entry.detail["owner"]), since=entry.seq)
            self.holds[service].append(hold)
        elif entry.kind is Kind.LOCK_RELEASED:
            self._release(service, str(entry.detail["record"]), entry.seq)

    @property
    def pending(self) -> int:
        """How many records are PENDING now."""
        return sum(len({hold.record for hold in holds if hold.until is None}) for holds in self.holds.values())

    def view(self, at: int) -> list[dict[str, Any]]:
        """Return the ledgers as a template shows them at entry `at`."""
        return [
            {
                "service": service,
                "title": wording.title(service),
                "rows": [row.view(service, at) for row in rows],
                "holds": [_hold(hold, at) for hold in self.holds[service]],
            }
            for service, rows in self.rows.items()
        ]

    def _write(self, entry: Entry, service: str, ms: int) -> None:
        detail = entry.detail
        kind, amount = str(detail["kind"]), int(detail["amount"])
        row = Written(
            seq=entry.seq,
            n=int(detail["n"]),
            order=entry.order,
            kind=kind,
            amount=amount,
            key=entry.key,
            clock=wording.clock(ms),
            face=self._face(entry, kind, amount),
        )
        self.rows[service].append(row)
        if kind in wording.SETTLEMENTS:  # of several rows that become final, the journal has the release of one
            self._release(service, str(detail.get("record", "")), entry.seq + 1)

    def _face(self, entry: Entry, kind: str, amount: int) -> str:
        """Return add, contra, or double for a row that does or undoes the same thing once more."""
        if kind in wording.SETTLEMENTS:
            return "add"
        step = (entry.order, entry.step)
        undo = is_undo(entry)
        stands = self._standing.get(step, 0) + ((-1 if amount else 0) if undo else 1)
        self._standing[step] = stands
        if undo:
            return "double" if stands < 0 else "contra"
        return "double" if stands > 1 else "add"

    def _release(self, service: str, record: str, seq: int) -> None:
        for hold in self.holds[service]:
            if hold.record == record and hold.until is None:
                hold.until = seq


def _hold(hold: Hold, at: int) -> dict[str, Any]:
    now = hold.since <= at and (hold.until is None or at < hold.until)
    return {"record": hold.record, "owner": hold.owner, "since": hold.since, "until": hold.until, "now": now}
