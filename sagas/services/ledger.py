"""The ledger: every effect is a row, an undo is one more row, and no row is ever changed.

The database itself refuses the change (`sagas.services.triggers`). Numbers have no gaps, because
whoever appends holds the world's row.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.db.models import Sum

from sagas.services import sql
from sagas.services.calls import Call, Row
from sagas.services.models import LedgerRow

_ROW = 'n, "order", kind, amount, key, at, record, lock'


def append(
    ledger: type[LedgerRow], call: Call, *, kind: str, amount: int, record: str, lock: str, undoes: int | None
) -> Row:
    """Return the row that was added to the world's ledger, numbered after the last one."""
    at = time.time_ns() // 1_000_000 if call.at is None else call.at
    added = sql.run(
        ledger,
        'INSERT INTO {table} (world, n, "order", kind, amount, key, action_key, op, at, record, lock, undoes) '
        "VALUES (%s, (SELECT COALESCE(MAX(n), 0) + 1 FROM {table} WHERE world = %s), "
        f"%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_ROW}",
        [
            *(call.world, call.world, call.order, kind, amount, call.key, call.action_key),
            *(str(call.op or ""), at, record, lock, undoes),
        ],
    )
    return _row(ledger, added[0])


def standing(ledger: type[LedgerRow], call: Call) -> list[Row]:
    """Return the effects of this step's action that no row takes back, oldest first."""
    found = sql.run(
        ledger,
        f"SELECT {_ROW} FROM {{table}} AS effect WHERE world = %s AND action_key = %s AND op = 'action' AND NOT EXISTS "
        "(SELECT 1 FROM {table} AS undo WHERE undo.world = effect.world AND undo.undoes = effect.n) ORDER BY n",
        [call.world, call.action_key],
    )
    return [_row(ledger, row) for row in found]


def read(ledger: type[LedgerRow], world: str, after: int) -> list[Row]:
    """Return the world's rows with a number above `after`, in order."""
    found = sql.run(ledger, f"SELECT {_ROW} FROM {{table}} WHERE world = %s AND n > %s ORDER BY n", [world, after])
    return [_row(ledger, row) for row in found]


def totals(ledger: type[LedgerRow], world: str) -> dict[str, int]:
    """Return the sum of amounts per kind of row; a kind without rows is missing."""
    sums = ledger._default_manager.filter(world=world).order_by().values_list("kind").annotate(Sum("amount"))
    return dict(sums)


def _row(ledger: type[LedgerRow], row: Sequence[Any]) -> Row:
    n, order, kind, amount, key, at, record, lock = row
    service = ledger._meta.app_label
    return Row(service=service, n=n, order=order, kind=kind, amount=amount, key=key, at=at, record=record, lock=lock)
