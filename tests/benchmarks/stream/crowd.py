"""A server of the benchmark in a process of its own, and its crowd of readers in this one."""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.stream.sockets import Lost, Reader
from tests.migrated import clean

ROOT = Path(__file__).resolve().parents[3]
AT_A_TIME = 40  # handshakes
SILENCE_SECONDS = 30
START_SECONDS = 90
FLOOD_RATE = 20_000.0  # a second: as fast as the server can
SERVING = "tests.benchmarks.stream.serving"
KEY = "of no use to anybody"


@cache
def _migrated() -> tempfile.TemporaryDirectory[str]:
    """Return a data folder with empty databases, to be copied."""
    folder = tempfile.TemporaryDirectory(prefix="stream-empty-")
    atexit.register(folder.cleanup)
    environment = clean(SECRET_KEY=KEY, SAGA_DATA=folder.name)
    subprocess.run([sys.executable, "-m", SERVING, "prepare"], cwd=ROOT, env=environment, check=True)
    return folder


class Served:
    """A running server of `tests.benchmarks.stream.serving`, with data of its own."""

    def __init__(self, way: str, server: str, redis: str = "") -> None:
        self._data = tempfile.TemporaryDirectory(prefix="stream-")
        shutil.copytree(_migrated().name, self._data.name, dirs_exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", SERVING, way, server],
            cwd=ROOT,
            env=clean(SECRET_KEY=KEY, SAGA_DATA=self._data.name, **({"REDIS_URL": redis} if redis else {})),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        self.out = self._out.fileno()
        self._rest = b""
        self.port: int = self.answer(START_SECONDS)["port"]

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()
        self._data.cleanup()

    def cpu_seconds(self) -> float:
        """Return what the server has used of the processors' time."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def say(self, **command: Any) -> None:
        self._in.write(json.dumps(command).encode() + b"\n")
        self._in.flush()

    def ask(self, do: str, **how: Any) -> dict[str, Any]:
        """Return the answer to a command that needs no reader."""
        self.say(do=do, **how)
        return self.answer()

    def answer(self, patience: float = 0) -> dict[str, Any]:
        """Wait for the next answer, for so many seconds."""
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.out], [], [], patience or SILENCE_SECONDS)
            data = os.read(self.out, 65536) if ready else b""
            if not data:
                raise Lost("the server ended" if ready else "the server does not answer")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Lost(f"the server failed: {answer['error']}")
        return answer


class Crowd:
    """So many readers of one server. Use it as a context manager.

    `slow` come before them and do not read the `flood` of messages that is told meanwhile, nor anything after it.
    """

    def __init__(self, served: Served, count: int, view: str = "", slow: int = 0, flood: int = 0) -> None:
        self._served, self._count = served, count
        self.costs: list[float] = []  # of each burst: what a message took of the server's time, in us
        self._arrived: Counter[int] = Counter()
        self._poll = select.epoll()
        path = served.ask("begin")["path"] + view
        self._slow = self._join(path, slow, slow=True)
        for frozen in self._slow[::2]:
            frozen.acknowledge(0)  # a page that stands still; the others are deaf from the first
        if slow:
            served.ask("readers", count=slow)
            served.ask("steady", rate=FLOOD_RATE, count=flood)
        self._credit = flood
        self.readers = self._join(f"{path}?after={flood}", count)
        for reader in self.readers:
            reader.last = flood
        self._of = {reader.sock.fileno(): reader for reader in self.readers}
        served.ask("readers", count=count + slow)
        for fd in (*self._of, served.out):
            self._poll.register(fd, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._poll.close()
        for reader in (*self.readers, *self._slow):
            reader.close()
        self._served.ask("readers", count=0)

    def burst(self, seconds: float, window: int) -> float:
        """Return messages per second: told as fast as the server can, with at most `window` of them under way."""
        self._served.say(do="burst", seconds=seconds, window=window)
        before, cpu = self._credit, self._served.cpu_seconds()
        began, ended = self._follow(None)
        messages = (self._credit - before) * self._count
        self.costs.append((self._served.cpu_seconds() - cpu) / messages * 1e6)
        return messages / (ended - began) * 1e9

    def steady(self, rate: float, count: int) -> list[int]:
        """Return how long each message took to each reader, in ns, at so many messages a second."""
        self._served.say(do="steady", rate=rate, count=count)
        times: list[int] = []
        self._follow(times)
        return times

    def wake_deaf(self) -> None:
        """Have those read after all who never said a word, until they have everything."""
        for deaf in self._slow[1::2]:
            deaf.sock.settimeout(SILENCE_SECONDS)
            while deaf.last < self._credit:
                for _ in deaf.take():
                    pass

    def check_slow(self) -> None:
        """Raise Lost unless something waits in the kernel for every slow reader: only then were they slow."""
        waiting = _waiting_bytes(self._served.port)
        for reader in self._slow:
            if not waiting.get(reader.sock.getsockname()[1]):
                raise Lost("a slow reader was not slow: nothing waits for it")

    def _join(self, path: str, count: int, *, slow: bool = False) -> list[Reader]:
        joined: list[Reader] = []
        while len(joined) < count:
            few = [Reader(self._served.port, path, slow=slow) for _ in range(min(AT_A_TIME, count - len(joined)))]
            for reader in few:
                reader.welcomed()
            joined += few
        return joined

    def _follow(self, times: list[int] | None) -> tuple[int, int]:
        """Read until everybody has all that was told; return when the first was told, and when the last one came."""
        told: dict[str, Any] = {}
        ended = 0
        while not told or self._credit < told["told"]:
            events = self._poll.poll(SILENCE_SECONDS)
            if not events:
                raise Lost(self._missing())
            before = self._credit
            self._take(events, times)
            if self._credit > before:
                ended = time.monotonic_ns()
                self._served.say(credit=self._credit)
            if any(fd == self._served.out for fd, _ in events):
                told = self._served.answer()
        return told.get("began", 0), ended

    def _take(self, events: Sequence[tuple[int, int]], times: list[int] | None) -> None:
        arrived = self._arrived
        for fd, _ in events:
            if fd in self._of:
                for number in self._of[fd].take(times):
                    arrived[number] += 1
        while arrived[self._credit + 1] == self._count:
            self._credit += 1
            del arrived[self._credit]

    def _missing(self) -> str:
        behind = [reader.last for reader in self.readers if reader.last < max(self._arrived, default=self._credit + 1)]
        return f"{len(behind) or self._count} of {self._count} readers wait for message {self._credit + 1}, in vain"


def _waiting_bytes(port: int) -> dict[int, int]:
    """Return the bytes that a local server's sockets have not got rid of, by the port of the other end."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if int(local.partition(":")[2], 16) == port:
            found[int(remote.partition(":")[2], 16)] = int(queues.partition(":")[0], 16)
    return found
