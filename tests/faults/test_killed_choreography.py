"""A `saga run` process without an orchestrator, killed with SIGKILL; another process goes on with its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagas.entries import Entry, Kind, Lane, Op
from tests.faults.test_killed import data, go_on, kill, read_until, start

__all__ = ["data"]

SLOW = {
    "mode": "choreography",
    "latency_ms": 60,
    "timeout_ms": 2000,
    "retry": {"initial_ms": 5},
    "compensation_retry": {"initial_ms": 5},
}
REFUSED_AT_FOUR = {"faults": [{"step": "notify-warehouse", "kind": "decline"}]}
LOST_AT_FOUR = {"faults": [{"step": "notify-warehouse", "kind": "drop-event"}]}
ROWS = {
    0: ["hold", "open", "charge", "pick", "book", "sell", "confirm"],
    3: ["hold", "open", "charge", "refund", "cancel", "release"],
    5: ["hold", "open", "charge"],
}
TOLD = {0: {}, 3: REFUSED_AT_FOUR, 5: LOST_AT_FOUR}
MOMENTS = [
    (Kind.EVENT_PUBLISHED, "", None, 0),
    (Kind.ATTEMPT_STARTED, "charge-payment", Op.ACTION, 0),
    (Kind.EFFECT, "charge-payment", Op.ACTION, 0),
    (Kind.ATTEMPT_SUCCEEDED, "charge-payment", Op.ACTION, 0),
    (Kind.EVENT_HANDLED, "book-delivery", Op.ACTION, 0),
    (Kind.EFFECT, "reserve-inventory", None, 0),
    (Kind.ATTEMPT_FAILED, "notify-warehouse", Op.ACTION, 3),
    (Kind.ATTEMPT_STARTED, "charge-payment", Op.COMPENSATION, 3),
    (Kind.EFFECT, "create-order", Op.COMPENSATION, 3),
    (Kind.EFFECT, "charge-payment", Op.ACTION, 5),
]


def run_of(seen: list[Entry]) -> str:
    return seen[0].saga.rsplit("-", 1)[0]


@pytest.mark.parametrize(("kind", "step", "op", "code"), MOMENTS, ids=[f"{k}-{s}-{o}-{c}" for k, s, o, c in MOMENTS])
def test_rule_06_what_was_said_and_not_heard_is_carried_by_the_next_relay(
    data: Path, kind: Kind, step: str, op: Op | None, code: int
) -> None:
    process = start(data, {**SLOW, **TOLD[code]})
    seen = read_until(process, kind, step, op)
    kill(process)
    ended, entries = go_on(data, run_of(seen))
    assert ended == code
    assert entries[: len(seen)] == seen, "what was committed before the kill is still there, word for word"
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    assert [e.kind for e in entries].count(Kind.ORCHESTRATOR_RECOVERED) == 1, "the kill came after the run's end"
    assert [e for e in entries if e.lane is Lane.ORCHESTRATOR] == []
    assert sorted(e.detail["kind"] for e in entries if e.kind is Kind.EFFECT) == sorted(ROWS[code])
    said = [e.key for e in entries if e.kind is Kind.EVENT_PUBLISHED]
    assert len(said) == len(set(said))
    assert entries[-1].kind is Kind.RUN_FINISHED


def test_a_watcher_keeps_its_time_across_a_crash(data: Path) -> None:
    told: dict[str, Any] = {**SLOW, **LOST_AT_FOUR, "watcher_ms": 700}
    process = start(data, told)
    seen = read_until(process, Kind.EVENT_DROPPED, "notify-warehouse", Op.ACTION)
    kill(process)
    ended, entries = go_on(data, run_of(seen))
    assert ended == 3
    (called_off,) = [e for e in entries if e.kind is Kind.EVENT_PUBLISHED and e.detail["by"] == "watcher"]
    last_word = [e for e in entries if e.kind is Kind.EVENT_PUBLISHED and e.seq < called_off.seq][-1]
    assert called_off.at - last_word.at >= 700
    assert sorted(e.detail["kind"] for e in entries if e.kind is Kind.EFFECT) == sorted(ROWS[3])


@pytest.mark.parametrize("told", [{**SLOW, **LOST_AT_FOUR}, {"mode": "none", "latency_ms": 0, **REFUSED_AT_FOUR}])
def test_an_order_that_nobody_finishes_ends_with_exit_code_5(data: Path, told: dict[str, Any]) -> None:
    process = start(data, told)
    process.communicate(timeout=60)
    assert process.returncode == 5
