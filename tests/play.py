"""`manage.py play` as a process of its own, as a person would start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread

import redis

from tests.migrated import ROOT, SERVER, clean, database_on, files_in

__all__ = ["ROOT", "Play"]

READY = re.compile(r"Ready: (http://\S+)")

READY_SECONDS = 60
STOP_SECONDS = 20


class Play:
    """One playground with its own data, migrated before. `url` has no slash at its end; `lines` is what it has printed.

    Of the environment it sees only what is given here, and nothing that configures the test run.
    """

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None, *words: str) -> None:
        self.data = data
        self.url = ""
        self.lines: list[str] = []
        self.environment = {**_as_this_process(), **(environment or {})}
        if "DATABASE_URL" not in self.environment:
            files_in(data)
        self._words = words
        self._port = "0"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Play:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def start(self) -> Play:
        """Return when the site answers: on a free port the first time, on the same one ever after."""
        _mind_interrupts()
        self.url = ""
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "play", "--port", self._port, *self._words],
            cwd=ROOT,
            env=clean(**{"PYTHONUNBUFFERED": "1", "SAGA_DATA": str(self.data), **self.environment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready = Event()
        self._reader = Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        if not ready.wait(READY_SECONDS) or not self.url:
            self.kill()
            raise AssertionError(f"the playground did not start:\n{self.output}")
        self._port = self.url.rpartition(":")[2]
        return self

    def stop(self) -> None:
        """Press Ctrl-C and hold the playground to a clean end; nothing to do if it was killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        assert code == 0, f"the playground ended with {code}:\n{self.output}"

    def kill(self) -> None:
        """Pull the plug: no handler runs, nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process = None

    def restart(self) -> Play:
        """Return when the site answers again, with the same data at the same address."""
        self.stop()
        return self.start()

    def _read(self, process: subprocess.Popen[str], ready: Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line)
                if found := READY.search(line):
                    self.url = found[1].rstrip("/")
                    ready.set()
        ready.set()  # it has ended, so there is nothing to wait for


def _as_this_process() -> dict[str, str]:
    """Return the environment of a process that has a database and a Redis database of its own where the test run has one."""
    if "DATABASE_URL" not in os.environ or SERVER not in os.environ:
        return {}
    line, _, _ = os.environ["REDIS_URL"].rpartition("/")
    with redis.Redis.from_url(f"{line}/0") as counter:
        number = counter.incr("redis databases of the tests")
    return {"DATABASE_URL": database_on(os.environ[SERVER]), "REDIS_URL": f"{line}/{number}"}


def _mind_interrupts() -> None:
    # A shell's `make test &` hands down an ignored SIGINT, and children would ignore it, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
