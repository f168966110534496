"""A hundred thousand runs in a few seconds, and the database's own word on how it reads them. SQLite only."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections, models
from django.db.models import GeneratedField

from sagas.models import Alert, JournalEntry, Saga, Step
from sagas.runs import create_run
from sagas.services.inventory.models import Unit
from tests.engine import scenario
from tests.migrated import configs, files_in, led_to

RUNS = 100_000
RUN, SAGA = "printf('%%016d', i)", "printf('%%016d-1', i)"
BEGAN = "datetime('2026-01-01', i || ' seconds')"
RARE = "i %% 1000 = 0"
STATE = f"CASE WHEN {RARE} THEN 'needs-operator' WHEN i %% 3 = 0 THEN 'compensated' ELSE 'completed' END"
CAUSE = """CASE WHEN i %% 3 = 0 OR i %% 1000 = 0 THEN
    '{"step": "charge-payment", "op": "action", "outcome": "failed", "reason": "declined"}' END"""
COPY = """INSERT INTO {table} ({columns})
    WITH RECURSIVE many(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM many WHERE i < %s)
    SELECT {values} FROM many, {table} AS source WHERE source.id = %s"""

_numbers = itertools.count()

OURS = re.compile(r' FROM "(sagas|inventory|orders|payments|warehouse|delivery)_')
# An index of just the rows that are asked for may be read from one end to the other.
WHOLE = re.compile(r"USING (COVERING )?INDEX (entry_|step_|alert_|\w+_held\b)")


@contextmanager
def moved(folder: Path, *aliases: str) -> Iterator[None]:
    """Have these databases be new files in `folder`, for as long as the block runs."""
    own = configs({**os.environ, "DATABASE_URL": ""}, files_in(folder))
    with led_to({alias: own[alias] for alias in aliases}):
        for alias in aliases:
            with connections[alias].cursor() as cursor:
                cursor.execute("PRAGMA synchronous = OFF")
                cursor.execute("PRAGMA cache_size = -200000")
        yield


def fill() -> None:
    """Insert the crowd: a run, its saga, a step, an entry, an alert and a unit of stock, each many times."""
    run = create_run(scenario(stock=1))
    saga = Saga.objects.get(run=run)
    acted = {"action": "cancel", "who": "ada", "why": "a test", "saw": 1}
    entry = JournalEntry.objects.create(run=run, seq=1, at_ms=1, lane="observer", kind="operator-acted", detail=acted)
    alert = Alert.objects.create(saga=saga, step="charge-payment", reason="declined", raised_at_ms=1)
    _multiply(run, id=RUN, created_at=BEGAN, state="'finished'", last_seq="1")
    _multiply(saga, id=SAGA, run_id=RUN, created_at=BEGAN, state=STATE, cause=CAUSE, order="'ord-' || (8412 + i %% 8)")
    _multiply(Step.objects.filter(saga=saga)[0], saga_id=SAGA, state=f"CASE WHEN {RARE} THEN 'stuck' ELSE 'done' END")
    _multiply(entry, run_id=RUN, kind=f"CASE WHEN {RARE} THEN 'operator-acted' ELSE 'effect' END")
    _multiply(alert, saga_id=SAGA, raised_at_ms="i", resolved_at_ms=f"CASE WHEN NOT ({RARE}) THEN i END")
    state = f"CASE WHEN {RARE} THEN 'pending' ELSE 'sold' END"
    _multiply(Unit.objects.get(world=run.pk), world=RUN, state=state, owner="'ord-8412'")


def _multiply(row: models.Model, **changes: str) -> None:
    """Insert copies of a row; `changes` are columns in SQL, of the number `i`."""
    fields = [found for found in row._meta.concrete_fields if not isinstance(found, GeneratedField)]
    columns = [f.column for f in fields if not f.primary_key or f.column in changes]
    values = [changes.get(column, f'source."{column}"') for column in columns]
    statement = COPY.format(
        table=row._meta.db_table, columns=", ".join(f'"{column}"' for column in columns), values=", ".join(values)
    )
    with connections[row._state.db or "default"].cursor() as cursor:
        cursor.execute(statement, [RUNS, row.pk])


@dataclass
class Heard:
    """What a page asked the databases: how many statements, and how each of ours is read, where that is SQLite."""

    queries: int = 0
    plans: list[tuple[str, list[str]]] = field(default_factory=list)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        if OURS.search(sql) and context["connection"].vendor == "sqlite":
            # No two alike: an explanation that was prepared before an index came or went is not made anew.
            asked = f"EXPLAIN QUERY PLAN /* {next(_numbers)} */ " + sql.replace("%s", "?").replace("%%", "%")
            found = context["connection"].connection.execute(asked, params or ()).fetchall()
            self.plans.append((sql, [line[3] for line in found]))
        return execute(sql, params, many, context)

    def slow(self) -> list[tuple[str, str]]:
        """Return the statements that would read a whole table, or sort what no index sorts."""
        return [(line, sql) for sql, lines in self.plans for line in lines if _is_slow(sql, line)]


def _is_slow(sql: str, line: str) -> bool:
    if "TEMP B-TREE" in line:
        return True
    # Without a condition the first page is the first rows of an index, or of the table by its key.
    return line.startswith("SCAN") and not WHOLE.search(line) and not (" LIMIT " in sql and " WHERE " not in sql)


@contextmanager
def hearing(*aliases: str) -> Iterator[Heard]:
    """Yield what is asked of these databases meanwhile."""
    heard = Heard()
    with ExitStack() as listening:
        for alias in aliases:
            listening.enter_context(connections[alias].execute_wrapper(heard))
        yield heard
