"""What a playground's databases hold, read from its files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from playground.scenario import Scenario

Row = tuple[Any, ...]


def check_what_is_kept(data: Path, *, runs: int) -> None:
    """Fail unless there are as many runs as were granted, each with a scenario that is one, and nothing of any other.

    No stored answer speaks of a run that is not there, and no service knows a world that is no run.
    """
    kept = dict(_rows(data / "default.sqlite3", "SELECT id, scenario FROM sagas_run"))
    assert len(kept) == runs
    for scenario in kept.values():
        Scenario.parse(json.loads(scenario))
    for _, scenario in _rows(data / "default.sqlite3", "SELECT slug, value FROM playground_storedscenario"):
        Scenario.parse(json.loads(scenario))
    for status, body in _rows(data / "default.sqlite3", "SELECT status, body FROM playground_apianswer"):
        assert status < 500
        said = json.loads(bytes(body))
        assert status != 201 or "slug" in said or said["id"] in kept
    for file in sorted(data.glob("*.sqlite3")):
        assert set(_worlds(file)) <= set(kept), file.name


def _worlds(file: Path) -> Iterator[str]:
    """Yield the world of every row of a database that has one."""
    for (table,) in _rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        if any(column[1] == "world" for column in _rows(file, f"PRAGMA table_info({table})")):
            yield from (world for (world,) in _rows(file, f"SELECT DISTINCT world FROM {table}"))


def _rows(file: Path, sql: str) -> list[Row]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(sql).fetchall()
