"""How a database means to read: its own explanation of a statement, table by table."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

# Tables with rows of runs, of what visitors did, or of people; all others have a size of their own, as workers have.
GROWS = re.compile(
    r"(?!sagas_liveworker\b)(sagas|inventory|orders|payments|warehouse|delivery|flights|hotels|mail)_\w+"
    r"|playground_\w+|django_session|django_admin_log"
)
STATEMENT = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT)\b", re.I)

SEARCH, FIRST, PART, SCAN = "search", "first rows", "all of a partial index", "full scan"

STOPS_EARLY = 0.5  # of what it would cost PostgreSQL to read all
MANY_ROWS = 1000

_numbers = itertools.count()
_LINE = re.compile(
    r"(SEARCH|SCAN) (\S+)(?: (?:USING (?:COVERING |AUTOMATIC )*(?:INDEX (\w+)|(?:INTEGER )?PRIMARY KEY)))?"
)


@dataclass(frozen=True, slots=True)
class Read:
    """One table of a statement. `index` is "" for the table itself, `pk` for its key."""

    table: str
    how: str
    index: str = ""

    def __str__(self) -> str:
        return f"{self.table}: {self.how}{f' ({self.index})' if self.index else ''}"


@dataclass(frozen=True, slots=True)
class Statement:
    """What was asked, and how it is read."""

    sql: str
    reads: tuple[Read, ...]
    is_sorted: bool = False

    @property
    def found(self) -> list[str]:
        """What is wrong: tables that are read from one end to the other, or more rows sorted than are wanted."""
        scans = [str(read) for read in self.reads if read.how == SCAN]
        needless = self.is_sorted and " LIMIT " in self.sql and not self._of_one
        return [*scans, *(["sorted before its LIMIT"] if needless else [])]

    @property
    def _of_one(self) -> bool:
        """Whether it is about the rows of one run, which do not grow with the number of runs."""
        return bool(re.search(r'"(run_id|world|saga_id)" = ', self.sql))


def explained(connection: Any, sql: str, params: Any) -> Statement:
    """Return a statement with the plan of the database that it is about to be sent to."""
    if sql.startswith("INSERT") and "SELECT" not in sql:
        return Statement(sql, ())  # looks for nothing
    if connection.vendor == "sqlite":
        return _explained_by_sqlite(connection, sql, params)
    with connection.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        (found,) = cursor.fetchone()
    plans = json.loads(found) if isinstance(found, str) else found
    plan, partial = plans[0]["Plan"], _partial(connection)
    return Statement(sql, tuple(_of_postgresql(plan, partial, most=0.0)), is_sorted=_sorts_many(plan))


def _explained_by_sqlite(connection: Any, sql: str, params: Any) -> Statement:
    # No two alike: an explanation that was prepared before an index came or went is not made anew.
    asked = f"EXPLAIN QUERY PLAN /* {next(_numbers)} */ " + sql.replace("%s", "?").replace("%%", "%")
    lines = [line[3] for line in connection.connection.execute(asked, params or ())]
    is_sorted = any("TEMP B-TREE FOR ORDER BY" in line for line in lines)
    may_stop = " LIMIT " in sql and " WHERE " not in sql and not is_sorted
    reads = _of_sqlite(lines, _aliases(sql), _partial(connection), _unnamed(connection, lines), first=may_stop)
    return Statement(sql, tuple(reads), is_sorted)


def _unnamed(connection: Any, lines: Sequence[str]) -> Mapping[str, str]:
    """Return the columns of the indexes that SQLite has made itself: of keys, and of what has to be unique."""
    names = {name for line in lines for name in re.findall(r"sqlite_autoindex_\w+", line)}
    ask = "SELECT group_concat(name, ', ') FROM pragma_index_info(?)"
    return {name: f"({connection.connection.execute(ask, [name]).fetchone()[0]})" for name in names}


def _of_sqlite(
    lines: Sequence[str], names: Mapping[str, str], partial: Sequence[str], columns: Mapping[str, str], *, first: bool
) -> Iterator[Read]:
    for line in lines:
        found = _LINE.match(line)
        table = names.get(found[2].strip('"'), found[2].strip('"')) if found else ""
        if not found or not GROWS.fullmatch(table):
            continue
        index = found[3] or ("pk" if "PRIMARY KEY" in line else "")
        index = columns.get(index, index)
        if found[1] == "SEARCH":
            yield Read(table, SEARCH, index)
        else:
            yield Read(table, PART if index in partial else FIRST if first else SCAN, index)


def _aliases(sql: str) -> Mapping[str, str]:
    """Return the tables by the names that a statement gives them."""
    pairs = re.findall(r'(?:FROM|JOIN|,|UPDATE) \(?"(\w+)" (?:AS )?"?(\w+)"?', sql)
    return {alias: table for table, alias in pairs if GROWS.fullmatch(table)}


def _of_postgresql(node: Mapping[str, Any], partial: Sequence[str], *, most: float) -> Iterator[Read]:
    """Yield the reads of a plan. `most` is what it may cost until a LIMIT above has enough, 0 where there is none."""
    kind, table, index = node["Node Type"], node.get("Relation Name", ""), node.get("Index Name", "")
    if kind == "Bitmap Index Scan":
        table = _owners.get(index, "")
    if kind.endswith("Scan") and kind != "Bitmap Heap Scan" and GROWS.fullmatch(table):
        if node.get("Index Cond") or kind == "Tid Scan":
            yield Read(table, SEARCH, index)
        elif index in partial:
            yield Read(table, PART, index)
        else:
            stops = most and ("Filter" not in node or most < node["Total Cost"] * STOPS_EARLY)
            yield Read(table, FIRST if stops else SCAN, index)
    below = node["Total Cost"] if kind == "Limit" else most
    if kind in ("Sort", "Aggregate", "Hash", "Incremental Sort", "ModifyTable", "Unique"):
        below = 0.0
    for inner in node.get("Plans", ()):
        yield from _of_postgresql(inner, partial, most=below)


def _sorts_many(node: Mapping[str, Any]) -> bool:
    """Return whether a plan expects to sort so many rows that they must be more than those of one run or of one page."""
    inner = node.get("Plans", ())
    here = node["Node Type"] == "Sort" and inner[0]["Plan Rows"] > MANY_ROWS
    return here or any(_sorts_many(each) for each in inner)


_owners: dict[str, str] = {}
_partials: dict[tuple[int, str], list[str]] = {}


def _partial(connection: Any) -> Sequence[str]:
    """Return the names of the indexes that hold some rows only."""
    key = (id(connection.settings_dict), str(connection.settings_dict["NAME"]) + connection.alias)
    if key not in _partials:
        with closing(connection.connection.cursor()) as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT indexname, indexdef, tablename FROM pg_indexes")
            else:
                cursor.execute("SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
            rows = cursor.fetchall()
        _owners.update({name: table for name, _, table in rows})
        _partials[key] = [name for name, sql, _ in rows if " WHERE " in sql]
    return _partials[key]
