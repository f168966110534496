"""What the databases of a run hold, folded from what its services reported. Pure.

Every order of the run writes into the same five ledgers, so this part of a scene does not
depend on which saga is in focus.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from playground import wording
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Op

ROWS_SHOWN = 6


class Ledger:
    """One service's rows, their sum, and which of its records are PENDING."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.total = 0
        self._written = 0
        self._rows: deque[dict[str, Any]] = deque(maxlen=ROWS_SHOWN)
        self._marks: dict[str, str] = {}

    def write(self, n: int, kind: str, what: str, amount: int) -> None:
        """Add a row; `kind` is add, contra or double."""
        self.total += amount
        self._written += 1
        self._rows.append({"n": n, "kind": kind, "what": what, "amount": wording.signed(self.service, amount)})

    def mark(self, record: str, owner: str) -> None:
        """Show a record as PENDING for its owner."""
        self._marks[record] = owner

    def unmark(self, record: str) -> None:
        """Show a record as free, or final."""
        self._marks.pop(record, None)

    def view(self, order: str) -> dict[str, Any]:
        """Return the ledger's part of a service card; of several owners of a mark, `order` comes first."""
        owners = list(self._marks.values())
        view = {
            "label": wording.TOTALS.get(self.service, "total"),
            "total": wording.plain(self.service, self.total),
            "rows": list(self._rows),
            "pending": order if order in owners else owners[-1] if owners else None,
        }
        return view if self._written <= ROWS_SHOWN else {**view, "more": self._written - ROWS_SHOWN}


class World:
    """The ledgers of a run, by service. `many`: rows name their order, because there are several."""

    def __init__(self, definition: SagaDefinition, *, many: bool) -> None:
        self.ledgers = {step.service: Ledger(step.service) for step in definition.steps}
        self.shipped = 0
        self._many = many
        self._standing: Counter[tuple[str, str]] = Counter()

    def add(self, entry: Entry) -> str:
        """Take an entry; return the service whose card it changes, or ""."""
        detail = entry.detail
        ledger = self.ledgers.get(str(detail.get("service", "")))
        if ledger is None:
            return ""
        match entry.kind:
            case Kind.EFFECT:
                kind, amount = str(detail.get("kind")), int(detail.get("amount", 0))
                what = (
                    f"{kind} {entry.order.removeprefix('ord-')}" if self._many else kind
                )  # as much as a card has room for
                ledger.write(int(detail.get("n", 0)), self._kind_of_row(entry, kind, amount), what, amount)
                self.shipped += abs(amount) if kind == "sell" else 0
            case Kind.LOCK_ACQUIRED:
                ledger.mark(str(detail.get("record")), str(detail.get("owner")))
            case Kind.LOCK_RELEASED:
                ledger.unmark(str(detail.get("record")))
            case _:
                return ""
        return ledger.service

    def total(self, service: str) -> int:
        """Return the sum of a service's rows; 0 for a service that the saga does not have."""
        return self.ledgers[service].total if service in self.ledgers else 0

    def _kind_of_row(self, entry: Entry, kind: str, amount: int) -> str:
        """Return add, contra, or double for a row that does or undoes the same thing once more."""
        if kind in wording.SETTLEMENTS:
            return "add"
        step = (entry.order, entry.step)
        if not is_undo(entry):
            self._standing[step] += 1
            return "double" if self._standing[step] > 1 else "add"
        self._standing[step] -= 1 if amount else 0
        return "double" if self._standing[step] < 0 else "contra"


def is_undo(effect: Entry) -> bool:
    """Return whether an effect takes another one back; a row copied after a crash may not say its direction."""
    if effect.op is None:
        return effect.detail.get("kind") in wording.UNDOS
    return effect.op is Op.COMPENSATION
