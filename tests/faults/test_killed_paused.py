"""A playground killed while a run is paused: the next one finds it paused, and steps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from sagas import catalog
from sagas.entries import Entry, Kind, entry_from_json
from sagas.language import sentence_violations
from tests import waiting
from tests.pauses import moves, pause_violations
from tests.play import Play

QUICK = {"SAGA_LEASE_SECONDS": "0.6", "SAGA_POLL_SECONDS": "0.1"}


def ask(play: Play, run: str, kind: str) -> int:
    return httpx.post(f"{play.url}/api/runs/{run}/{kind}", json={"who": "ada"}).status_code


def until(play: Play, run: str, holds: Callable[[list[Entry]], Any]) -> list[Entry]:
    entries: list[Entry] = []

    def found() -> Any:
        answer = httpx.get(f"{play.url}/api/runs/{run}/journal").json()
        entries[:] = [entry_from_json(each) for each in answer["entries"]]
        return holds(entries)

    waiting.until(found, lambda: [(e.seq, str(e.kind)) for e in entries])
    return entries


def acts(entries: list[Entry]) -> list[str]:
    return [e.detail["action"] for e in entries if e.kind is Kind.OPERATOR_ACTED]


def test_a_kill_in_a_pause_leaves_the_run_paused_for_the_next_worker(live_play: Callable[..., Play]) -> None:
    play = live_play(**QUICK)
    asked = {"latency_ms": 40, "timeout_ms": 20_000, "faults": [{"step": "notify-warehouse", "kind": "decline"}]}
    run = httpx.post(f"{play.url}/api/runs", json=asked).json()["id"]
    assert ask(play, run, "pause") == 202
    before = until(play, run, lambda entries: "pause" in acts(entries))
    play.kill()
    play.start()
    recovered = until(play, run, lambda entries: entries[-1].seq > before[-1].seq)
    assert httpx.get(f"{play.url}/api/runs/{run}").json()["state"] == "running"
    assert ask(play, run, "pause") == 409
    count = len(moves(recovered))
    for n in (1, 2):
        assert ask(play, run, "step") == 202
        until(play, run, lambda entries, n=n: len(moves(entries)) == count + n)
    assert ask(play, run, "resume") == 202
    entries = until(play, run, lambda entries: entries[-1].kind is Kind.RUN_FINISHED)
    assert (pause_violations(entries), sentence_violations(entries, catalog.ORDER)) == ([], [])
    assert acts(entries) == ["pause", "step", "step", "resume"]
    assert Kind.SAGA_COMPENSATED in [e.kind for e in entries]
