"""Statements for any number of rows, in the form that each database takes fastest.

SQLite runs one prepared statement row by row, which costs no more than a long one as long as
no other thread wants the interpreter meanwhile. PostgreSQL takes all rows of a statement as one
parameter, a JSON text, and all statements in one round trip.

All of this speaks to the driver's own connection, which is `connection` of Django's wrapper.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import ClientCursor

_ENCODER = json.JSONEncoder(separators=(",", ":"), default=dict)

Row = tuple[Any, ...]
Types = Mapping[str, str]  # of PostgreSQL, by column


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in both dialects; `types` has the columns of a row, in order. JSON is given as plain values."""

    types: Types
    sqlite: str
    postgresql: str


def run(connection: BaseDatabaseWrapper, work: Iterable[tuple[Statement, Sequence[Row]]], then: str = "") -> None:
    """Run each statement for its rows, in this order, and `then` one more; the transaction is the caller's.

    Raises the driver's own errors.
    """
    todo = [(statement, rows) for statement, rows in work if rows]
    if connection.vendor == "sqlite":
        for statement, rows in todo:
            connection.connection.executemany(statement.sqlite, _with_text(statement, rows))
        if then:
            connection.connection.execute(then)
    elif todo or then:
        texts = [text_of(statement, rows) for statement, rows in todo]
        # The client puts the texts in, so that all statements are one message.
        statements = [*(statement.postgresql for statement, _ in todo), *([then] if then else [])]
        ClientCursor(connection.connection).execute("; ".join(statements), texts)


def ask(connection: BaseDatabaseWrapper, first: str, query: str, values: Sequence[Any]) -> list[Row]:
    """Return the rows of a query, asked after the statement `first` unless that is "": of PostgreSQL in one message."""
    if connection.vendor == "sqlite":
        if first:
            connection.connection.execute(first)
        return list(connection.connection.execute(query, values))
    cursor = ClientCursor(connection.connection).execute(f"{first}; {query}" if first else query, values)
    if first:
        cursor.nextset()
    return cursor.fetchall()


def text_of(statement: Statement, rows: Iterable[Row]) -> str:
    """Return rows as the one parameter of a statement of PostgreSQL."""
    return _text([dict(zip(statement.types, row, strict=True)) for row in rows])


def _with_text(statement: Statement, rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows with JSON as text, which is how SQLite keeps it."""
    for n, of in enumerate(statement.types.values()):
        if of == "jsonb":
            rows = [(*row[:n], None if row[n] is None else _text(row[n]), *row[n + 1 :]) for row in rows]
    return rows


def insert(table: str, types: Types) -> Statement:
    """Return the statement that adds rows to a table."""
    names = ", ".join(_quoted(name) for name in types)
    marks = ", ".join("?" * len(types))
    return Statement(
        types,
        f"INSERT INTO {table} ({names}) VALUES ({marks})",
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {_recordset(types)}",
    )


def update(table: str, types: Types, by: Types, *, only_off: Sequence[str] = (), where: str = "") -> Statement:
    """Return the statement that changes the rows of a table which have the columns `by`; these end each row.

    PostgreSQL takes one row for each of them at most. A column of `only_off` is never switched
    on: its new value is what the old one and the given one agree on.
    """
    also = f" AND {where}" if where else ""

    def assigned(new: str) -> str:
        pairs = ((name, new.format(_quoted(name))) for name in types)
        return ", ".join(f"{n} = {table}.{n} AND {v}" if n in only_off else f"{n} = {v}" for n, v in pairs)

    def found(new: str) -> str:
        return " AND ".join(f"{table}.{_quoted(name)} = {new.format(_quoted(name))}" for name in by) + also

    every = {**types, **by}
    return Statement(
        every,
        f"UPDATE {table} SET {assigned('?')} WHERE {found('?')}",
        f"UPDATE {table} SET {assigned('new.{}')} FROM {_recordset(every)} WHERE {found('new.{}')}",
    )


def _recordset(types: Types) -> str:
    return f"json_to_recordset(%s::json) AS new({', '.join(f'{_quoted(name)} {of}' for name, of in types.items())})"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(value: Any) -> str:
    return "{}" if value == {} else _ENCODER.encode(value)
