"""What is true of a run, asked of the five services' databases and never of the journal.

So the facts can be held against the journal, and a page can say where the two differ.
Amounts are in cents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground import wording
from sagas import catalog
from sagas.entries import Entry, Kind, iso_from_ms
from sagas.errors import DefinitionUnknown
from sagas.models import Run
from sagas.services.base import Row
from sagas.simulation import SimulatedRun

COUNTED = (
    "charged",
    "refunded",
    "charges",
    "units_held",
    "units_sold",
    "stock_left",
    "orders_confirmed",
    "picks_active",
    "slots_booked",
    "rooms_booked",
    "tickets_sent",
    "pending",
    "double_charges",
    "oversold",
    "kept_back_sold",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the services of one run hold: their shares of the facts, their ledgers, their PENDING records."""

    counts: Mapping[str, int]
    ledgers: Mapping[str, Sequence[Row]]
    pending: Mapping[str, Sequence[Mapping[str, str]]]

    def services(self) -> dict[str, Any]:
        """Return `{"payments": {"ledger": [...], "pending": [...]}, …}`."""
        return {
            name: {"ledger": [_row(row) for row in rows], "pending": [dict(record) for record in self.pending[name]]}
            for name, rows in self.ledgers.items()
        }

    def facts(self, price: int, *, at_rest: bool) -> dict[str, Any]:
        """Return the counts, and whether they agree with each other.

        While a run moves, only what can never be right is a violation: a unit promised twice,
        a card charged twice. `at_rest`, money, locks and half-done orders count as well.
        """
        violations = [*self.never_right(), *(_wrong_at_rest(self, price) if at_rest else ())]
        return {**self.counts, "consistent": not violations, "violations": violations}

    def never_right(self) -> Iterator[str]:
        """Yield what is wrong whether or not the run moves: a unit promised twice, a card charged twice."""
        if over := self.counts["oversold"]:
            seller = wording.title(next((name for name in wording.SELLERS if name in self.ledgers), "inventory"))
            yield f"{seller} has promised {over} more than it has."
        if against := self.counts["kept_back_sold"]:
            yield f"Inventory has promised {against} of what it keeps back."
        if self.counts["double_charges"]:
            charges = Counter(row.order for row in self.ledgers.get("payments", ()) if row.kind == "charge")
            for order, n in sorted(charges.items()):
                if n > 1:
                    yield f"Payments charged {order} {wording.times(n)}."

    def stands(self, order: str) -> dict[str, int]:
        """Return what an order's rows come to, service by service.

        A settlement makes the row before it final and takes nothing back, so it does not count.
        """
        return {
            name: sum(row.amount for row in rows if row.order == order and row.kind not in wording.SETTLEMENTS)
            for name, rows in self.ledgers.items()
        }


def read(run: Run) -> Books:
    """Return the books of a run as they are now; each service is asked on its own."""
    counts = Counter(dict.fromkeys(COUNTED, 0))
    ledgers, pending = {}, {}
    for name in _services(run):
        service = catalog.SERVICES[name]
        counts.update(service.facts(run.pk))
        ledgers[name] = service.ledger(run.pk)
        pending[name] = service.pending(run.pk)
    return Books(counts=dict(counts), ledgers=ledgers, pending=pending)


def books_of(run: SimulatedRun) -> Books:
    """Return the books of a simulated run at its end."""
    counts = {**dict.fromkeys(COUNTED, 0), **run.facts}
    return Books(counts=counts, ledgers=run.ledgers, pending=run.pending)


def price_of(run: Run) -> int:
    """Return what one order of this run costs."""
    return int(run.payload.get("amount", 0))


def price_in(entries: Iterable[Entry]) -> int:
    """Return what one order costs by the journal of its run."""
    return next((int(e.detail["payload"]["amount"]) for e in entries if e.kind is Kind.SAGA_STARTED), 0)


def _services(run: Run) -> list[str]:
    """Return the services of a run's saga: those that have a share of it where this process has no definition."""
    try:
        definition = catalog.definition(run.definition, run.version)
    except DefinitionUnknown:
        return [name for name, s in catalog.SERVICES.items() if s.worlds._default_manager.filter(pk=run.pk).exists()]
    return list(definition.services)


def _row(row: Row) -> dict[str, Any]:
    return {
        "n": row.n,
        "order": row.order,
        "kind": row.kind,
        "amount": row.amount,
        "key": row.key,
        "at": iso_from_ms(row.at),
    }


def _wrong_at_rest(books: Books, price: int) -> Iterator[str]:
    counts = books.counts
    kept, confirmed = counts["charged"] - counts["refunded"], counts["orders_confirmed"]
    if kept != confirmed * price:
        orders = f"{confirmed} confirmed order{'' if confirmed == 1 else 's'}"
        yield f"Payments keeps {wording.money(kept)}, and {orders} cost {wording.money(confirmed * price)}."
    for name, records in books.pending.items():
        for record in records:
            yield f"{record['record']} is still PENDING for {record['owner']} in {wording.title(name)}."
    yield from _half_done(books)


def _half_done(books: Books) -> Iterator[str]:
    """Yield a sentence per order for which some services did their part and others did not."""
    orders = sorted({row.order for rows in books.ledgers.values() for row in rows})
    for order in orders:
        stands = books.stands(order)
        done = [wording.title(name) for name, net in stands.items() if net > 0]
        undone = [wording.title(name) for name, net in stands.items() if net == 0]
        if done and undone:
            yield f"{order} is half done: {_and(done)} did it, {_and(undone)} did not."
        for name, net in stands.items():
            if net < 0:
                yield f"{wording.title(name)} took back more of {order} than it did."


def _and(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
