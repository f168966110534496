"""A crowd on a public site: a thousand sockets on one run, two hundred visitors with a run each.

On loopback, against a real process, behind a proxy that says who asks. Nothing may be lost, the
memory is bounded, and whoever reads slowly is taken to the end without holding up anybody.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.play import Play

pytestmark = [pytest.mark.torture, pytest.mark.timeout(420)]

KEY = "a-key-for-tests-that-is-long-enough-to-please-the-check-of-keys-0123456789"
VISITORS = 200
WATCHERS = 1000  # sockets on one run
SLOW = 20  # of them, who get many frames and show none of them for a long time
DEAF = 10  # of them, who do not even read
HELD_SECONDS = 60
AT_A_TIME = 40  # handshakes and requests
PATIENCE_SECONDS = 240
LATE_SECONDS = 20.0  # from the commit of the last entry until the last of the quick has it, on two busy cores
MAX_RSS_MB = 700

LONG = {
    "orders": 8,
    "stock": 8,
    "latency_ms": 5000,
    "timeout_ms": 20_000,
    "faults": [
        *({"step": step, "kind": "duplicate"} for step in ("reserve-inventory", "create-order", "charge-payment")),
        *({"step": step, "on": "compensation", "kind": "duplicate"} for step in ("create-order", "charge-payment")),
        {"step": "notify-warehouse", "kind": "duplicate"},
        {"step": "book-delivery", "kind": "decline"},
    ],
}
EACH = {"latency_ms": 4000, "timeout_ms": 20_000, "faults": [{"step": "book-delivery", "kind": "decline"}]}


@dataclass
class Watcher:
    """One socket: what it has, and when it had the end."""

    line: ClientConnection
    seqs: list[int] = field(default_factory=list)
    snapped: bool = False
    ended_at: float = 0.0
    lags: list[float] = field(default_factory=list)

    async def read(self) -> None:
        """Read until the run is finished."""
        while not self.ended_at:
            said: dict[str, Any] = json.loads(await self.line.recv())
            entries = said.get("entries") or [frame["entry"] for frame in said.get("frames", ())]
            self.seqs += [entry["seq"] for entry in entries]
            self.snapped = self.snapped or said.get("snap", False)
            if entries:
                self.lags.append(time.time() - _seconds(entries[-1]["at"]))
            if said.get("finished"):
                self.ended_at = time.time()

    async def acknowledge(self, seq: int) -> None:
        await self.line.send(json.dumps({"ack": seq}))

    @property
    def gapless(self) -> bool:
        return self.seqs == list(range(1, len(self.seqs) + 1))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def address(number: int) -> dict[str, str]:
    """Return what the proxy says of visitor `number`."""
    return {"X-Forwarded-For": f"198.18.{number // 250}.{number % 250 + 1}", "X-Forwarded-Proto": "https"}


def memory(play: Play) -> tuple[float, float]:
    """Return the resident memory of the process, now and at its highest, in MB."""
    assert play._process is not None
    status = Path(f"/proc/{play._process.pid}/status").read_text()
    now, peak = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
    return now, peak


class Crowd:
    """Everybody, so many at a time."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._http = httpx.AsyncClient(base_url=play.url, timeout=PATIENCE_SECONDS)

    async def start(self, number: int, scenario: dict[str, Any]) -> str:
        async with self._turn:
            answer = await self._http.post("/api/runs", json=scenario, headers=address(number))
        assert answer.status_code == 201, answer.text
        run: str = answer.json()["id"]
        return run

    async def watch(self, number: int, run: str, view: str = "json", **how: Any) -> Watcher:
        async with self._turn:
            where = f"{self._play.url.replace('http', 'ws', 1)}/ws/runs/{run}/{view}"
            headers = address(number)
            return Watcher(
                await connect(where, additional_headers=headers, proxy=None, open_timeout=PATIENCE_SECONDS, **how)
            )

    async def last_seq(self, number: int, run: str) -> int:
        after = 0
        while True:
            async with self._turn:
                asked = f"/api/runs/{run}/journal?after={after}"
                page = (await self._http.get(asked, headers=address(number))).json()
            after = page["entries"][-1]["seq"] if page["entries"] else after
            if page["finished"] or not page["entries"]:
                assert page["finished"], run
                return after

    async def leave(self, *watchers: Watcher) -> None:
        await asyncio.gather(*(watcher.line.close() for watcher in watchers))
        await self._http.aclose()


async def dawdle(watcher: Watcher, until: asyncio.Event) -> None:
    """Show nothing until it is over; then say what has come."""
    await watcher.acknowledge(0)
    reading = asyncio.ensure_future(watcher.read())
    await until.wait()
    while not watcher.ended_at:
        await watcher.acknowledge(watcher.seqs[-1])
        await asyncio.wait({reading}, timeout=1)
    await reading


@pytest.fixture
def many_files() -> None:
    """As many open files as this process may have; the playground inherits it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def test_a_thousand_sockets_and_two_hundred_visitors_lose_nothing(
    many_files: None, live_play: Callable[..., Play], record_property: Callable[[str, object], None]
) -> None:
    play = live_play(SAGA_PUBLIC="1", SECRET_KEY=KEY, SAGA_TRUSTED_PROXIES="127.0.0.1")
    crowd, idle = Crowd(play), memory(play)[0]
    begun = time.monotonic()
    main = await crowd.start(0, LONG)
    quick, slow, deaf = await _gather(crowd, main)
    over = asyncio.Event()
    reading = [asyncio.ensure_future(watcher.read()) for watcher in quick]
    reading += [asyncio.ensure_future(dawdle(watcher, over)) for watcher in slow]
    runs = await asyncio.gather(*(crowd.start(n, EACH) for n in range(1, VISITORS + 1)))
    mine = await asyncio.gather(*(crowd.watch(n, run) for n, run in enumerate(runs, 1)))
    gathered = time.monotonic() - begun
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*reading[: len(quick)], *(watcher.read() for watcher in mine))
        over.set()
        await asyncio.gather(*reading)
        await asyncio.sleep(max(0.0, HELD_SECONDS - (time.monotonic() - begun)))  # the crowd stays for a minute
    now, peak = memory(play)
    last = await crowd.last_seq(0, main)
    lasts = await asyncio.gather(*(crowd.last_seq(n, run) for n, run in enumerate(runs, 1)))
    await crowd.leave(*quick, *slow, *deaf, *mine)

    late = [watcher.ended_at for watcher in quick]
    ended = min(late)
    record_property("budget", f"crowd: {len(quick) + len(slow) + len(deaf)} sockets on one run of {last} entries")
    record_property("budget", f"crowd: {len(runs)} visitors with a run each, gathered in {gathered:.0f} s")
    record_property("budget", f"crowd: memory {idle:.0f} MB idle, {now:.0f} MB at the end, {peak:.0f} MB at most")
    record_property("budget", f"crowd: commit to client {_spread(lag for each in quick for lag in each.lags)}")
    record_property("budget", f"crowd: first to last of the quick at the end {max(late) - ended:.1f} s")
    record_property("budget", f"crowd: {sum(each.snapped for each in slow)} of {len(slow)} slow readers snapped")
    assert {(each.gapless, each.seqs[-1]) for each in quick} == {(True, last)}
    assert [each.seqs[-1] for each in mine] == lasts
    assert all(each.gapless for each in mine)
    assert {each.seqs[-1] for each in slow} == {last}
    assert any(each.snapped for each in slow)
    assert max(each.lags[-1] for each in quick) < LATE_SECONDS
    assert peak < MAX_RSS_MB


async def _gather(crowd: Crowd, run: str) -> tuple[Sequence[Watcher], Sequence[Watcher], Sequence[Watcher]]:
    """Return the quick, the slow and the deaf on one run, five of them at each address."""
    slow = [crowd.watch(n % VISITORS, run, "scenes") for n in range(SLOW)]
    deaf = [crowd.watch(n % VISITORS, run, "scenes", max_queue=1) for n in range(DEAF)]
    quick = [crowd.watch(n % VISITORS, run) for n in range(WATCHERS - SLOW - DEAF)]
    found = await asyncio.gather(*slow, *deaf, *quick)
    return found[SLOW + DEAF :], found[:SLOW], found[SLOW : SLOW + DEAF]


def _spread(lags: Any) -> str:
    cuts = quantiles(lags, n=100)
    return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"
