"""Yards for the tests that stop, cut off and kill: one for each kind of database, migrated once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.migrated import ROOT, database_on, files_in
from tests.postgres import Postgres
from tests.yard import Yard, opened

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def yard_of(request: pytest.FixtureRequest, engine_databases: None) -> Iterator[Callable[[str], Yard]]:
    """`yard_of("sqlite")`, `yard_of("postgres")`: the one that all tests of this process share.

    Its files are in memory where that is possible: what is killed here is a process, not a machine.
    """
    made: dict[str, Yard] = {}

    def of(database: str) -> Yard:
        if database not in made:
            postgres: Postgres | None = request.getfixturevalue("postgres") if database == "postgres" else None
            data = Path(tempfile.mkdtemp(prefix="sagas-yard-", dir=MEMORY if MEMORY.is_dir() else None))
            made[database] = Yard(data, database_on(postgres.url)) if postgres else Yard(files_in(data))
        return made[database]

    yield of
    for each in made.values():
        shutil.rmtree(each.data)


@pytest.fixture(params=["sqlite", "postgres"])
def yard(request: pytest.FixtureRequest, yard_of: Callable[[str], Yard]) -> Iterator[Yard]:
    """A yard of each kind, open for one test."""
    with opened(yard_of(request.param)) as each:
        yield each


@pytest.fixture
def sqlite_yard(yard_of: Callable[[str], Yard]) -> Iterator[Yard]:
    with opened(yard_of("sqlite")) as each:
        yield each


@pytest.fixture
def postgres_yard(yard_of: Callable[[str], Yard]) -> Iterator[Yard]:
    with opened(yard_of("postgres")) as each:
        yield each


class Doom:
    """The process that forks workers which end at a certain point: see `tests.doomed`."""

    def __init__(self, yard: Yard) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.doomed"],
            cwd=ROOT,
            env={**yard.environment, "DJANGO_SETTINGS_MODULE": "playground.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def drive(self, run: str, point: str, n: int, number: int) -> tuple[int, str]:
        """Return the process that drove a run, and how it ended."""
        return self._ask(f"{run} {point} {n} {number}")

    def wait(self, pid: int) -> str:
        """Return how a process that was stopped ended."""
        return self._ask(f"wait {pid}")[1]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(30) == 0

    def _ask(self, line: str) -> tuple[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        pid, _, said = self._process.stdout.readline().strip().partition(" ")
        return int(pid), said


@pytest.fixture(scope="session")
def doom() -> Iterator[Callable[[Yard], Doom]]:
    """`doom(yard)`: a process for each yard, started when it is first asked for."""
    begun: dict[Path, Doom] = {}

    def of(yard: Yard) -> Doom:
        if yard.data not in begun:
            begun[yard.data] = Doom(yard)
        return begun[yard.data]

    yield of
    for each in begun.values():
        each.close()
