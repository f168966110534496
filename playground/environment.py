"""What the environment says, as the values that `playground.settings` is made of."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

LEASE_SECONDS = 5.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}  # seconds
MIN_TOKEN = 16  # characters


def flag(name: str) -> bool:
    """Return whether a variable is set to `1`, `true`, `on` or `yes`."""
    return os.environ.get(name, "").lower() in {"1", "true", "on", "yes"}


def words(name: str, default: str = "") -> list[str]:
    """Return a variable's words, which commas separate."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def number(name: str, default: float) -> float:
    """Return a variable as a number. Raises ValueError when it is none."""
    return float(os.environ.get(name) or default)


def engine(name: str, *elsewhere: str) -> str:
    """Return which engine elsewhere a variable names, "" for `builtin` or none. Raises ImproperlyConfigured otherwise."""
    value = os.environ.get(name) or "builtin"
    if value not in ("builtin", *elsewhere):
        raise ImproperlyConfigured(f"{name} must be {', '.join(elsewhere)} or builtin, not {value!r}")
    return "" if value == "builtin" else value


def whole(name: str, default: int, least: int = 0) -> int:
    """Return a variable as a whole number from `least`. Raises ImproperlyConfigured when it is none."""
    text = os.environ.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least}, not {text!r}")
    return int(text)


def folder(path: Path) -> Path:
    """Return `path`, made if that is possible: a folder that nobody may write must not stop a start."""
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    return path


def age(name: str, default: str) -> int:
    """Return a variable such as 30s, 15m, 12h or 7d in seconds. Raises ImproperlyConfigured when it is none."""
    text = os.environ.get(name) or default
    try:
        return seconds(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def seconds(text: str) -> int:
    """Return the seconds of an age such as 30s, 15m, 12h or 7d. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise ValueError(f"{text!r} is no age: write a number and s, m, h or d, such as 7d")
    return int(found[1]) * UNITS[found[2]]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Return a variable's addresses and networks. Raises ImproperlyConfigured for a word that is neither."""
    try:
        return [ip_network(word) for word in words(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def debug(public: bool) -> bool:
    """Return whether errors are shown as pages with all that there was. Raises ImproperlyConfigured on a public site."""
    if public and flag("DEBUG"):
        raise ImproperlyConfigured("DEBUG shows strangers what the process knows: a public site (SAGA_PUBLIC) has none")
    return flag("DEBUG")


def secret_key(path: Path, public: bool) -> str:
    """Return SECRET_KEY, or else the key kept in `path`, made on the first start.

    Where nothing can be kept, the key is a new one for this process alone. A public site is told its
    key, since all its processes must have the same one. Raises ImproperlyConfigured when it is not.
    """
    key = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50)
    if os.environ.get("SECRET_KEY"):
        return key
    if public:
        raise ImproperlyConfigured(
            "SECRET_KEY is missing: a public site (SAGA_PUBLIC) needs one of its own, 50 letters"
        )
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


def token(name: str) -> str:
    """Return a variable that opens a door, or "". Raises ImproperlyConfigured when it could be guessed."""
    text = os.environ.get(name, "")
    if text and not (len(text) >= MIN_TOKEN and text.isascii() and text.isprintable() and " " not in text):
        raise ImproperlyConfigured(f"{name} must be at least {MIN_TOKEN} printable ASCII characters without a space")
    return text


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
        config = _with_option({**dj_database_url.parse(shared)}, f"search_path={alias}")
    else:
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(data / f"{alias}.sqlite3")}
    if config["ENGINE"].endswith("sqlite3"):
        return _durable(config, data / f"test-{alias}.sqlite3")
    if config["ENGINE"].endswith("postgresql"):
        # Whoever falls silent within a transaction for as long as a lease lasts is taken for dead, and its locks go.
        lease_ms = round(number("SAGA_LEASE_SECONDS", LEASE_SECONDS) * 1000)
        config = _with_option(config, f"idle_in_transaction_session_timeout={lease_ms}")
    return {**config, "TEST": {"NAME": f"test_{config['NAME']}_{alias}"}}


def _with_option(config: dict[str, Any], setting: str) -> dict[str, Any]:
    options = config.get("OPTIONS", {})
    return {**config, "OPTIONS": {**options, "options": f"{options.get('options', '')} -c {setting}".strip()}}


def _durable(config: dict[str, Any], test_file: Path) -> dict[str, Any]:
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds to wait for another writer
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
    # A test database is a file, too: databases in memory lock each other out under concurrency.
    return {**config, "OPTIONS": options, "TEST": {"NAME": str(test_file)}}
