"""What was heard, as docs/QUERIES.md: one line for everything that can be asked, with the indexes that answer it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagas.databases import SERVICES

HEAD = """# What is asked of the databases

Everything that can be asked of the playground, with the number of statements that it takes and the index by which
each table that grows is read. Written by `python -m tests.benchmarks.queries`, which asks all of it twice, of a few
runs and of {runs:,} more, on both databases; with `--full` it prints every statement with its plan. The command
fails, and so does a test, when a table that grows is read from one end to the other, when more rows are sorted than
are shown, when something takes more statements of many runs than of few, or when an address of the site is not asked for.

- *Statements* are those of SQLite and, where it differs, of PostgreSQL. Sessions and transactions count.
- `run: pk` is one row by its key. `run: run_newest, first rows` is the beginning of an index, up to the page's length.
  `alert: alert_open, all of it` is an index of few rows by design, such as the alerts that wait, read whole.
- `service.ledgerrow` is that table in each of the services that a run has, in a database of its own.
"""
SHORT = {"first rows": ", first rows", "all of a partial index": ", all of it", "full scan": ", FULL SCAN"}
NAMES = {"journalentry": "entry"}


def page(sqlite: Mapping[str, Any], postgresql: Mapping[str, Any], runs: int) -> str:
    """Return the text of the page."""
    others = {(each["group"], each["name"]): each for each in postgresql["asked"]}
    parts = [HEAD.format(runs=runs)]
    for group in dict.fromkeys(each["group"] for each in sqlite["asked"]):
        rows = [_row(each, others[group, each["name"]]) for each in sqlite["asked"] if each["group"] == group]
        parts.append(f"## {group}\n\n| asked | statements | read by |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def wrong(heard: Mapping[str, Any]) -> Iterator[str]:
    """Yield what should not be."""
    yield from (f"{name} is not asked for" for name in heard["missing"])
    for each in heard["asked"]:
        yield from (f"{each['name']}: {said}\n    {sql}" for said, sql in each["wrong"])
        if each["grew"]:
            yield f"{each['name']}: {each['few']} statements became {each['many']}"


def full(heard: Mapping[str, Any]) -> Iterator[str]:
    """Yield every statement with its plan."""
    for each in heard["asked"]:
        yield f"\n{each['group']}: {each['name']}, {each['many']} statements"
        for sql, reads in each["statements"]:
            yield f"  {sql}\n    -> {'; '.join(reads) or 'no table that grows is looked through'}"


def _row(each: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    count, same = each["many"], each["many"] == other["many"]
    number = "by the clock" if each["by_the_clock"] else str(count) if same else f"{count} / {other['many']}"
    return f"| `{each['name']}` | {number} | {_reads(each['reads']) or 'nothing that grows'} |"


def _reads(reads: Sequence[Sequence[str]]) -> str:
    found: dict[str, list[str]] = {}
    for table, how, index in reads:
        word = f"{_index(table, index)}{SHORT.get(how, '')}"
        known = found.setdefault(_table(table), [])
        if word not in known:
            known.append(word)
    return " · ".join(f"{table}: {' + '.join(words)}" for table, words in sorted(found.items()))


def _table(table: str) -> str:
    app, _, name = table.partition("_")
    if app in SERVICES:
        return f"service.{name}"
    return NAMES.get(name, name) if app in ("sagas", "playground") else table


def _index(table: str, index: str) -> str:
    if not index or re.fullmatch(r"pk|\((id|world|key|slug|session_key)\)|.*_pkey", index):
        return "pk"
    hashed = re.fullmatch(rf"{table}_(\w+)_[0-9a-f]{{8}}(_like)?", index)
    return hashed[1] if hashed else re.sub(rf"^({'|'.join(SERVICES)})_", "", index)
