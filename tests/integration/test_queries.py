"""No address reads a whole table that grows, and none asks more often of many runs than of few.

No stopwatch: everything that can be asked of the playground is asked, and the database says how it reads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from sagas.databases import atomic
from sagas.models import JournalEntry, Run
from tests.benchmarks.queries.hearing import hearing
from tests.integration.crowd import moved
from tests.migrated import clean
from tests.postgres import Postgres

pytestmark = pytest.mark.timeout(300)  # one process asks for everything before the first test

ROOT = Path(__file__).resolve().parent.parent.parent


def asked_of(places: str, runs: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what a process of its own heard, in databases of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.queries.child", "--places", places, "--runs", str(runs)]
    child = subprocess.run(command, cwd=ROOT, env=clean(**environment), capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = str(tmp_path_factory.mktemp("queries"))
    return asked_of(folder, 400, {"SAGA_DATA": folder})


def wrong(heard: Mapping[str, Any]) -> list[str]:
    return [f"{each['name']}: {said}: {sql}" for each in heard["asked"] for said, sql in each["wrong"]]


def grown(heard: Mapping[str, Any]) -> list[str]:
    return [f"{each['name']}: {each['few']} became {each['many']}" for each in heard["asked"] if each["grew"]]


def test_every_address_of_the_site_is_asked_for(heard: Mapping[str, Any]) -> None:
    assert heard["missing"] == []
    assert len(heard["asked"]) > 100


def test_nothing_reads_a_whole_table_that_grows(heard: Mapping[str, Any]) -> None:
    assert wrong(heard) == []


def test_nothing_asks_more_often_where_there_are_more_runs(heard: Mapping[str, Any]) -> None:
    assert grown(heard) == []


@pytest.mark.torture
def test_the_same_holds_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    heard = asked_of(postgres.url, 3000, {"SAGA_DATA": str(tmp_path), "DATABASE_URL": postgres.url})
    assert heard["missing"] == []
    assert wrong(heard) == []
    assert grown(heard) == []


@pytest.mark.usefixtures("engine_databases")
def test_a_whole_table_that_is_read_would_be_noticed(tmp_path: Path) -> None:
    with moved(tmp_path, "default"), hearing() as heard:  # of few rows PostgreSQL would read all in any case
        list(JournalEntry.objects.filter(append_id="none")[:1])
        list(Run.objects.order_by("last_seq")[:1])
        list(Run.objects.filter(pk="none"))
    assert [bool(each.found) for each in heard.statements] == [True, True, False]


@pytest.mark.usefixtures("engine_databases")
def test_an_index_that_is_lost_would_be_noticed(tmp_path: Path) -> None:
    newest = Run.objects.filter(forked_from="none").order_by("-created_at")[:5]
    with moved(tmp_path, "default"):
        with atomic("default"), connections["default"].cursor() as cursor:
            cursor.execute("DROP INDEX run_forks")
            with hearing() as without:
                list(newest)
            connections["default"].set_rollback(True)
        with hearing() as with_it:
            list(newest.all())
    assert [each.found for each in (*without.statements, *with_it.statements)] == [["sorted before its LIMIT"], []]
