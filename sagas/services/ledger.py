"""The ledger: every effect is a row, an undo is one more row, and no row is ever changed.

The database itself refuses the change (`sagas.services.triggers`). Numbers have no gaps, because
whoever appends holds the world's row.
"""

from __future__ import annotations

import time

from django.db.models import Sum

from sagas.entries import Op
from sagas.services import sql
from sagas.services.calls import Call, Row
from sagas.services.models import LedgerRow


def append(
    ledger: type[LedgerRow], call: Call, *, kind: str, amount: int, record: str, lock: str, undoes: int | None
) -> Row:
    """Return the row that was added to the world's ledger, numbered after the last one."""
    at = time.time_ns() // 1_000_000 if call.at is None else call.at
    [(n,)] = sql.run(
        ledger,
        'INSERT INTO {table} (world, n, "order", kind, amount, key, action_key, op, at, record, lock, undoes) '
        "VALUES (%s, (SELECT COALESCE(MAX(n), 0) + 1 FROM {table} WHERE world = %s), "
        "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING n",
        [
            *(call.world, call.world, call.order, kind, amount, call.key, call.action_key),
            *(str(call.op or ""), at, record, lock, undoes),
        ],
    )
    return Row(
        service=ledger._meta.app_label,
        n=n,
        order=call.order,
        kind=kind,
        amount=amount,
        key=call.key,
        at=at,
        record=record,
        lock=lock,
    )


def standing(ledger: type[LedgerRow], call: Call) -> list[Row]:
    """Return the effects of this step's action that no row takes back, oldest first."""
    rows = list(ledger._default_manager.filter(world=call.world, action_key=call.action_key).order_by("n"))
    undone = {row.undoes for row in rows}
    return [_as_row(row) for row in rows if row.op == Op.ACTION.value and row.n not in undone]


def read(ledger: type[LedgerRow], world: str, after: int) -> list[Row]:
    """Return the world's rows with a number above `after`, in order."""
    return [_as_row(row) for row in ledger._default_manager.filter(world=world, n__gt=after).order_by("n")]


def totals(ledger: type[LedgerRow], world: str) -> dict[str, int]:
    """Return the sum of amounts per kind of row; a kind without rows is missing."""
    sums = ledger._default_manager.filter(world=world).order_by().values_list("kind").annotate(Sum("amount"))
    return dict(sums)


def _as_row(row: LedgerRow) -> Row:
    return Row(
        service=row._meta.app_label,
        n=row.n,
        order=row.order,
        kind=row.kind,
        amount=row.amount,
        key=row.key,
        at=row.at,
        record=row.record,
        lock=row.lock,
    )
