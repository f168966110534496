"""Processes that start at once on databases that have no table yet: one migrates, the others wait for it and go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.migrated import PREPARE, ROOT, clean
from tests.postgres import Postgres

PROCESSES = 2


def started_at_once(data: Path, **environment: str) -> list[str]:
    """Return what each of several processes had to complain of."""
    mine = clean(SAGA_DATA=str(data), DJANGO_SETTINGS_MODULE="playground.settings", **environment)
    begun = [
        subprocess.Popen([sys.executable, "-c", PREPARE], cwd=ROOT, env=mine, stderr=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    told = [process.communicate(timeout=110)[1] for process in begun]
    return [said for said, process in zip(told, begun, strict=True) if process.returncode or said]


def test_on_new_files(tmp_path: Path) -> None:
    assert started_at_once(tmp_path) == []


def test_on_a_new_postgresql_database(postgres: Postgres, tmp_path: Path) -> None:
    assert started_at_once(tmp_path, DATABASE_URL=postgres.fresh_database()) == []
