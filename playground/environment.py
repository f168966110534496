"""What the environment says, as the values that `playground.settings` is made of."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import dj_database_url


def flag(name: str) -> bool:
    """Return whether a variable is set to `1`, `true`, `on` or `yes`."""
    return os.environ.get(name, "").lower() in {"1", "true", "on", "yes"}


def words(name: str, default: str = "") -> list[str]:
    """Return a variable's words, which commas separate."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def number(name: str, default: float) -> float:
    """Return a variable as a number. Raises ValueError when it is none."""
    return float(os.environ.get(name) or default)


def folder(path: Path) -> Path:
    """Return `path`, made if that is possible: a folder that nobody may write must not stop a start."""
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    return path


def secret_key(path: Path) -> str:
    """Return SECRET_KEY, or else the key kept in `path`, made on the first start.

    Where nothing can be kept, the key is a new one for this process alone.
    """
    key = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50)
    if os.environ.get("SECRET_KEY"):
        return key
    try:
        if not path.exists():
            # A link, because two processes may start at once and must not read half a key.
            with NamedTemporaryFile("w", dir=path.parent) as draft, suppress(FileExistsError):
                draft.write(key)
                draft.flush()
                os.link(draft.name, path)
        return path.read_text()
    except OSError:
        return key


def database(alias: str, data: Path) -> dict[str, Any]:
    """Return the settings of one database.

    `DATABASE_URL`, or for a service `INVENTORY_DATABASE_URL` and its kin, names it. Without
    one, a service lives in a schema of its own on the PostgreSQL server of `DATABASE_URL`,
    or else in an SQLite file of its own in `data`.
    """
    shared = os.environ.get("DATABASE_URL", "")
    own = shared if alias == "default" else os.environ.get(f"{alias.upper()}_DATABASE_URL", "")
    config: dict[str, Any]
    if own:
        config = {**dj_database_url.parse(own)}
    elif shared.startswith("postgres"):
        config = _with_schema({**dj_database_url.parse(shared)}, alias)
    else:
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(data / f"{alias}.sqlite3")}
    if config["ENGINE"].endswith("sqlite3"):
        return _durable(config, data / f"test-{alias}.sqlite3")
    return {**config, "TEST": {"NAME": f"test_{config['NAME']}_{alias}"}}


def _with_schema(config: dict[str, Any], schema: str) -> dict[str, Any]:
    options = config.get("OPTIONS", {})
    path = f"{options.get('options', '')} -c search_path={schema}".strip()
    return {**config, "OPTIONS": {**options, "options": path}}


def _durable(config: dict[str, Any], test_file: Path) -> dict[str, Any]:
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds to wait for another writer
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
    # A test database is a file, too: databases in memory lock each other out under concurrency.
    return {**config, "OPTIONS": options, "TEST": {"NAME": str(test_file)}}
