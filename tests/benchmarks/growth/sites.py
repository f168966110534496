"""Several playgrounds' databases in one process: step into one, and every query goes there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections

from sagas import catalog
from sagas.databases import ensure_schemas


@dataclass(slots=True, kw_only=True)
class Site:
    """The nine databases of one playground. `place` is a folder of SQLite files, or the name of a PostgreSQL database.

    `factor` says how many times as large as the smallest one it is.
    """

    place: str
    factor: int
    _own: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def entered(self) -> Iterator[Site]:
        """Have all aliases be this site's, in this thread and in every thread that is started meanwhile."""
        for alias in connections:
            settings = connections.settings[alias]
            settings["NAME"] = self._name(alias)
            if alias in self._own:
                connections[alias] = self._own[alias]
            else:
                self._own[alias] = _fresh(alias)
        try:
            yield self
        finally:
            for service in catalog.SERVICES.values():
                service.close()

    def close(self) -> None:
        """Close the connections of this thread."""
        for connection in self._own.values():
            connection.close()
        self._own.clear()

    def _name(self, alias: str) -> str:
        return self.place if _is_postgresql() else str(Path(self.place) / f"{alias}.sqlite3")


def made(places: str, factor: int) -> Site:
    """Return a site that is there and migrated: in the folder `places`, or on the server at that URL."""
    if _is_postgresql():
        site = Site(place=f"growth_{factor}", factor=factor)
        with psycopg.connect(places, autocommit=True) as server:
            if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [site.place]).fetchone() is None:
                server.execute(f"CREATE DATABASE {site.place}".encode())
    else:
        folder = Path(places) / f"growth-{factor}"
        folder.mkdir(parents=True, exist_ok=True)
        site = Site(place=str(folder), factor=factor)
    with site.entered():
        ensure_schemas()
        for alias in connections:
            call_command("migrate", database=alias, verbosity=0, interactive=False)
    return site


def vendor() -> str:
    """Return which database this process speaks to: `sqlite` or `postgresql`."""
    return str(connections["default"].vendor)


def _is_postgresql() -> bool:
    return vendor() == "postgresql"


def _fresh(alias: str) -> Any:
    """Return a new connection of this thread, which goes on to mean this site when the settings name another."""
    connections[alias] = connection = connections.create_connection(alias)
    connection.settings_dict = dict(connection.settings_dict)
    return connection
