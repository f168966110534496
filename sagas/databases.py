"""One database per service: the app label is the alias, so the router is one look-up.

No transaction can span two services, and nothing opens one without naming its database:
a bare `transaction.atomic()` would guard the default database only, silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connections, models, transaction

SERVICES = ("inventory", "orders", "payments", "warehouse", "delivery", "flights", "hotels", "mail")

T = TypeVar("T")

_SEARCH_PATH = re.compile(r"search_path\s*=\s*\"?([A-Za-z_][A-Za-z0-9_]*)")


class ServiceRouter:
    """Sends a service's models to the service's own database, everything else to `default`."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return _alias(model._meta.app_label)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return _alias(model._meta.app_label)

    def allow_relation(self, left: models.Model, right: models.Model, **hints: Any) -> bool:
        return _alias(left._meta.app_label) == _alias(right._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        return db == _alias(app_label)


def atomic(alias: str) -> transaction.Atomic:
    """Return a transaction of one database; inside another of the same database, a savepoint."""
    return transaction.atomic(using=alias)


def on_commit(alias: str, fn: Callable[[], object]) -> None:
    """Call `fn` once the open transaction of this database has committed; at once if none is open."""
    transaction.on_commit(fn, using=alias)


def mend(alias: str) -> None:
    """Give up this thread's connection to a database if it was cut off: the next one to ask has a new one."""
    connection = connections[alias]
    if connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()


def mended(work: Callable[[], T]) -> T:
    """Return what work of the default database returns, done on a connection that was not cut off."""
    mend("default")
    return work()


def clock_ms() -> int | None:
    """Return the time of the default database's server, in milliseconds since the epoch; None where it is this machine."""
    if connections["default"].vendor != "postgresql":
        return None
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(cursor.fetchone()[0])


def ensure_schemas() -> list[str]:
    """Return the PostgreSQL schemas that the services live in, each made if it was missing.

    Looks at `search_path` in the `options` of each service's database; SQLite has none.
    """
    found = []
    for alias in SERVICES:
        connection = connections[alias]
        options = str(connection.settings_dict["OPTIONS"].get("options", ""))
        named = _SEARCH_PATH.search(options)
        if connection.vendor != "postgresql" or named is None:
            continue
        with atomic(alias), connection.cursor() as cursor:
            # Two processes that start at once would both find nothing and collide.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sagas.ensure_schemas'))")
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(named[1])}")
        found.append(named[1])
    return found


def _alias(app_label: str) -> str:
    return app_label if app_label in SERVICES else "default"
