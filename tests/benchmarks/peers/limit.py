"""What the database itself can take: a saga's rows in the engine's own batches, by bare multi-row insert.

Argument: `sqlite` or `postgresql`. One real saga of each path is recorded first. Then the same
rows are written for `at_once` sagas in one transaction per batch of theirs, again and again, on a
bare connection: entries into the real journal, the rows of a new run into their tables, and each
later state of a run, saga or step as one more row of a plain table. All text is made beforehand.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import django

from tests.benchmarks.peers.asked import answer_by

Transaction = Mapping[str, tuple[Sequence[str], Sequence[tuple[Any, ...]]]]  # by table: its columns, its rows

RECORDED = "bbbbbbbbbbbbbbbb"  # stands for the id of the run in what was recorded
MOST_VALUES = 30_000  # of one statement of SQLite
STATES = "CREATE TABLE IF NOT EXISTS bench_state (saga TEXT, n INTEGER, state TEXT, seq INTEGER, PRIMARY KEY (saga, n))"

_runs = count(1)


def recorded(fails: bool) -> list[Transaction]:
    """Return what one real saga writes, transaction by transaction."""
    from tests.benchmarks.peers.recording import batches_of

    run, batches = asyncio.run(batches_of(fails))
    return [_renamed(_of_batch(batch, n), run) for n, batch in enumerate(batches)]


def _of_batch(batch: Any, n: int) -> Transaction:
    from sagas import journal_sql as sql

    made: dict[str, tuple[Sequence[str], Sequence[tuple[Any, ...]]]] = {}
    if batch.new is not None:
        made["sagas_run"] = (list(sql.RUN_TYPES), [_plain(row) for row in [batch.new.run]])
        made["sagas_saga"] = (list(sql.SAGA_TYPES), batch.new.sagas)
        made["sagas_step"] = (list(sql.NEW_STEP_TYPES), batch.new.steps)
    if not batch.entries:
        return made
    entries = [_plain(sql.entry_row(batch, entry)) for entry in batch.entries]
    made["sagas_journalentry"] = (list(sql.ENTRY_TYPES), entries)
    if batch.new is not None:
        return made  # its rows are as these entries leave them
    states = [(batch.run, batch.state)] + [(row.saga, row.state) for row in batch.sagas if row.moved]
    states += [(row.saga, step.state) for row in batch.sagas for _, step in row.steps]
    numbered = [(saga, n * 100 + k, state, batch.entries[-1].seq) for k, (saga, state) in enumerate(states)]
    made["bench_state"] = (("saga", "n", "state", "seq"), numbered)
    return made


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping) else value for value in row)


def _renamed(written: Transaction, run: str) -> Transaction:
    def renamed(value: Any) -> Any:
        return value.replace(run, RECORDED) if isinstance(value, str) else value

    return {
        table: (columns, [tuple(renamed(value) for value in row) for row in rows])
        for table, (columns, rows) in written.items()
    }


def multiplied(written: Transaction, runs: Sequence[str]) -> Transaction:
    """Return the same transaction for many sagas at once."""
    return {
        table: (
            columns,
            [
                tuple(value.replace(RECORDED, run) if isinstance(value, str) else value for value in row)
                for run in runs
                for row in rows
            ],
        )
        for table, (columns, rows) in written.items()
    }


class Sqlite:
    """A bare connection: WAL, synchronous FULL, one statement per table and as many values as it takes."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(STATES)

    def prepared(self, transaction: Transaction) -> list[tuple[str, list[Any]]]:
        statements = []
        for table, (columns, rows) in transaction.items():
            most = MOST_VALUES // len(columns)
            for part in (rows[n : n + most] for n in range(0, len(rows), most)):
                marks = ", ".join(["(" + ", ".join("?" * len(columns)) + ")"] * len(part))
                names = ", ".join(f'"{column}"' for column in columns)
                values = [value for row in part for value in row]
                statements.append((f"INSERT INTO {table} ({names}) VALUES {marks}", values))
        return statements

    def write(self, statements: list[tuple[str, list[Any]]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for statement, values in statements:
            self._connection.execute(statement, values)
        self._connection.execute("COMMIT")


class Postgresql:
    """A bare connection, `COPY` per table: the fastest way in that a client has."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(STATES)

    def prepared(self, transaction: Transaction) -> list[tuple[str, str]]:
        return [
            (
                "COPY {} ({}) FROM STDIN".format(table, ", ".join(f'"{column}"' for column in columns)),
                "".join("\t".join(map(_copied, row)) + "\n" for row in rows),
            )
            for table, (columns, rows) in transaction.items()
        ]

    def write(self, copies: list[tuple[str, str]]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for statement, text in copies:
                with cursor.copy(statement.encode()) as copy:
                    copy.write(text)


def _copied(value: Any) -> str:
    if value is None:
        return "\\N"
    text = str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


async def main() -> None:
    """Answer what is asked."""
    from django.db import connections

    default = connections["default"]
    paths = await asyncio.to_thread(lambda: {fails: recorded(fails) for fails in (False, True)})
    if default.vendor == "sqlite":
        database: Any = Sqlite(str(default.settings_dict["NAME"]))
    else:
        settings = default.settings_dict
        database = Postgresql(
            f"postgresql://{settings['USER']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
        )

    async def measure(sagas: int, at_once: int, fails: bool) -> dict[str, Any]:
        rounds = list(_prepared(database, paths[fails], sagas, at_once))
        latencies = list[float]()
        began = time.perf_counter()
        for transactions in rounds:
            start = time.perf_counter()
            for each in transactions:
                database.write(each)
            latencies.append((time.perf_counter() - start) * 1000)
        return {"seconds": time.perf_counter() - began, "latencies_ms": latencies}

    await answer_by(measure)


def _prepared(database: Any, path: Sequence[Transaction], sagas: int, at_once: int) -> Iterator[list[Any]]:
    for first in range(0, sagas, at_once):
        runs = [f"b{next(_runs):015}" for _ in range(first, min(first + at_once, sagas))]
        yield [database.prepared(multiplied(written, runs)) for written in path]


if __name__ == "__main__":
    django.setup()
    from sagas.management.ready import prepare_databases

    prepare_databases()
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
