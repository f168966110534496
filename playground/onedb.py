"""Act 0's other shop: the same five writes, in five tables of one database, in one transaction.

An error in the middle really rolls back, and what the page shows is read back afterwards, in
a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground import wording
from playground.models import OneCheckout, OneDelivery, OneInventory, OneOrders, OnePayments, OneRow, OneWarehouse
from sagas.databases import atomic

DATABASE = "default"
PRICE = 4900  # cents
NUMBERS = ("none", "one", "two", "three", "four", "five")


class ServiceDown(Exception):
    """A part of the shop does not do its write."""


@dataclass(frozen=True, slots=True)
class Write:
    """One of the five writes: its table, and the row that it adds."""

    service: str
    table: type[OneRow]
    kind: str
    amount: int


WRITES = (
    Write("inventory", OneInventory, "hold", 1),
    Write("orders", OneOrders, "open", 1),
    Write("payments", OnePayments, "charge", PRICE),
    Write("warehouse", OneWarehouse, "pick", 1),
    Write("delivery", OneDelivery, "book", 1),
)


def checkout(world: str, order: str, down: str = "") -> OneCheckout:
    """Return how it went: all five writes are committed together, or, with a service `down`, none is."""
    wrote, broke_at = 0, ""
    try:
        with atomic(DATABASE):
            for write in WRITES:
                if write.service == down:
                    raise ServiceDown(down)
                write.table._default_manager.create(world=world, order=order, kind=write.kind, amount=write.amount)
                wrote += 1
    except ServiceDown as error:
        broke_at = str(error)
    with atomic(DATABASE):
        return OneCheckout.objects.create(world=world, wrote=wrote, broke_at=broke_at)


def read(world: str) -> dict[str, OneRow]:
    """Return the rows that are there, by service, as one transaction sees them."""
    with atomic(DATABASE):
        found = {write.service: write.table._default_manager.filter(world=world).first() for write in WRITES}
    return {service: row for service, row in found.items() if row is not None}


def forget(world: str) -> None:
    """Drop all that a world has here."""
    with atomic(DATABASE):
        for write in WRITES:
            write.table._default_manager.filter(world=world).delete()
        OneCheckout.objects.filter(world=world).delete()


def strip(world: str) -> dict[str, Any]:
    """Return the template variable `one`: the five writes as they stand now, and what became of the transaction."""
    tried = OneCheckout.objects.filter(pk=world).first() if world else None
    if tried is None:
        idle = [_mark(write, "idle", "") for write in WRITES]
        say = "One BEGIN before the first write, one COMMIT after the last."
        return {"state": "idle", "word": "no transaction", "say": say, "writes": idle}
    rows = read(world)
    word = "ROLLBACK" if tried.broke_at else "COMMIT"
    writes = [_as_it_stands(n, write, tried, rows) for n, write in enumerate(WRITES)]
    return {"state": "done", "word": word, "say": _say(tried, len(rows)), "writes": writes}


def _as_it_stands(n: int, write: Write, tried: OneCheckout, rows: Mapping[str, OneRow]) -> dict[str, str]:
    if write.service in rows:
        return _mark(write, "done", wording.signed(write.service, rows[write.service].amount))
    if n < tried.wrote:
        return _mark(write, "skipped", wording.signed(write.service, write.amount))
    return _mark(write, "failed", "error") if write.service == tried.broke_at else _mark(write, "idle", "")


def _mark(write: Write, state: str, word: str) -> dict[str, str]:
    return {"service": write.service, "kind": write.kind, "state": state, "word": word}


def _say(tried: OneCheckout, kept: int) -> str:
    if not tried.broke_at:
        return (
            f"One COMMIT makes all five permanent together. Read back afterwards: {NUMBERS[kept]} rows, one per table."
        )
    rubs = "There was nothing to rub out yet." if not tried.wrote else f"The error rubs out {_written(tried.wrote)}."
    found = "no row in any of the five tables" if not kept else f"{NUMBERS[kept]} rows"
    return f"{rubs} Read back afterwards: {found}. Nobody was charged; the customer sees “try again”."


def _written(count: int) -> str:
    return {1: "the one write", 2: "both writes"}.get(count, f"all {NUMBERS[count]} writes")
