"""`saga grid --orders 2`: two orders of one record in every order of their moves, under every lock."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import comb
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sagas import simulation
from sagas.plan import RunPlan, plan_from_json

pytestmark = pytest.mark.usefixtures("engine_databases")

SAFE, UNSAFE = ("fail-fast", "wait"), ("off", "naive")


def grid(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        call_command("saga", "grid", "--orders", "2", *words)
    return int(end.value.code or 0)


@pytest.mark.parametrize(("saga", "moves"), [("order", 3), ("trip", 2)])
def test_rule_29_no_order_of_moves_oversells_with_a_lock_and_some_do_without(
    capsys: pytest.CaptureFixture[str], saga: str, moves: int
) -> None:
    assert grid("--saga", saga, "--moves", str(moves), "--json") == 0
    strands = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len({(s["lock"], s["declined"], tuple(s["moves"])) for s in strands}) == len(strands)
    assert Counter(s["lock"] for s in strands) == dict.fromkeys((*SAFE, *UNSAFE), 2 * comb(2 * moves, moves))
    assert not [s for s in strands if s["violations"]]
    assert {s["lock"] for s in strands if s["outcome"] == "oversold"} == set(UNSAFE)
    waited = [s for s in strands if s["lock"] == "wait" and s["declined"]]
    assert {s["outcome"] for s in waited} == {"mixed"}, "who waits gets what the other one gives back"


def test_the_table_has_a_line_for_every_lock_and_a_link_to_what_oversells(capsys: pytest.CaptureFixture[str]) -> None:
    assert grid("--moves", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("│")] == ["off"] * 2 + ["naive"] * 2 + [
        "fail-fast",
        "fail-fast",
        "wait",
        "wait",
    ]
    assert [line.split()[1] for line in lines if "oversells: /lab/?" in line] == ["off", "naive"]
    assert lines[-1] == "48 runs, 0 broke a rule"


def test_a_lock_that_does_not_hold_is_found_and_shown_by_its_order_of_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forgets_the_lock(value: Mapping[str, Any]) -> RunPlan:
        plan = plan_from_json(value)
        return replace(plan, lock="off") if plan.lock == "fail-fast" else plan

    monkeypatch.setattr(simulation, "plan_from_json", forgets_the_lock)
    assert grid("--moves", "2") == 1
    printed = capsys.readouterr().out
    assert "lock fail-fast, moves 0101 broke a rule" in printed
    assert "Inventory has promised 1 more than it has." in printed
    assert "/lab/?orders=2&stock=1&schedule=0,1,0,1&latency_ms=0" in printed


@pytest.mark.parametrize(
    ("words", "named"), [(["--moves", "0"], "--moves"), (["--moves", "8"], "--moves"), (["--mode", "none"], "--orders")]
)
def test_an_option_that_makes_no_sense_with_two_orders_is_named(words: list[str], named: str) -> None:
    with pytest.raises(CommandError, match=named):
        call_command("saga", "grid", "--orders", "2", *words)
