"""Migrated, empty databases: made by the first process of a test run that needs them, and copied by all others.

Migrating nine databases takes seconds, a copy takes none. What starts from nothing on purpose does not come here.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connections

from playground.environment import database

ROOT = Path(__file__).resolve().parent.parent
SERVER = "POSTGRES_OF_THE_TESTS"  # the URL of a server that this test run may use, whose databases nobody keeps
SHARED = "FOLDER_OF_THE_TESTS"  # what all processes of this test run share
TEMPLATE = "migrated"
OURS = re.compile(r"SAGA_.*|OTEL_.*|(.*_)?DATABASE_URL|REDIS_URL|SECRET_KEY|DEBUG|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS")
MANAGE_SECONDS = 110
PREPARE = "import django; django.setup(); from sagas.management.ready import prepare_databases; prepare_databases()"


def clean(**more: str) -> dict[str, str]:
    """Return the environment of a process that sees only this of what configures a site, and nothing of the test run."""
    return {**{name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}, **more}


def manage(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Return how `manage.py` ended with these words in a `clean` environment."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=clean(**more),
        capture_output=True,
        text=True,
        timeout=MANAGE_SECONDS,
        check=False,
    )


def files_in(folder: Path) -> Path:
    """Put migrated SQLite files into a folder that has none; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "default.sqlite3").exists():
        for file in _files().glob("*.sqlite3"):
            shutil.copy(file, folder)
    return folder


def database_on(server: str) -> str:
    """Return the URL of a new, migrated database on the server of a URL that ends with /postgres."""
    with _alone(), psycopg.connect(server, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            connection.execute(f"CREATE DATABASE {TEMPLATE}_soon".encode())
            with tempfile.TemporaryDirectory() as data:
                _prepare({"SAGA_DATA": data, "DATABASE_URL": server.removesuffix("postgres") + f"{TEMPLATE}_soon"})
            connection.execute(f"ALTER DATABASE {TEMPLATE}_soon RENAME TO {TEMPLATE}".encode())
        name = f"test_{os.urandom(6).hex()}"
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}".encode())
    return server.removesuffix("postgres") + name


def drop(url: str) -> None:
    """Drop a database, whoever is still connected to it."""
    name = url.rpartition("/")[2]
    with psycopg.connect(server_of(url), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def server_of(url: str) -> str:
    """Return the URL under which the server of a database is asked for others."""
    return f"{url.rpartition('/')[0]}/postgres"


def configs(environment: Mapping[str, str], data: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of all databases, by alias, as an environment and a data folder have them."""
    with patched(environment):
        return {alias: database(alias, data) for alias in connections}


def lead(to: Mapping[str, Mapping[str, Any]]) -> None:
    """Have the connections of this process lead elsewhere from now on."""
    for alias, config in to.items():
        connections[alias].close()
        del connections[alias]
        connections.settings[alias] = connections.configure_settings({"default": {}, alias: dict(config)})[alias]


@contextmanager
def led_to(other: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Have the connections of this process lead elsewhere, and back."""
    before = {alias: dict(connections[alias].settings_dict) for alias in other}
    lead(other)
    try:
        yield
    finally:
        lead(before)


@contextmanager
def patched(environment: Mapping[str, str]) -> Iterator[None]:
    """Let the environment of this process be another one for a moment."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _files() -> Path:
    made = _shared() / "files"
    with _alone():
        if not made.exists():
            soon = _shared() / "files-soon"
            _prepare({"SAGA_DATA": str(soon)})
            soon.rename(made)
    return made


def _prepare(where: Mapping[str, str]) -> None:
    environment = clean(DJANGO_SETTINGS_MODULE="playground.settings", **where)
    subprocess.run([sys.executable, "-c", PREPARE], cwd=ROOT, env=environment, check=True)


@contextmanager
def _alone() -> Iterator[None]:
    with (_shared() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _shared() -> Path:
    return Path(os.environ[SHARED])
