"""Chaos through the real driver, wire and services: what is judged, what is found, and what the terminal says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from playground import chaos
from playground.scenario import Scenario
from playground.verdicts import Outcome, is_protected, judged
from sagas import catalog
from sagas.definition import SagaDefinition, Step
from sagas.simulation import SimulatedRun, Simulator, simulate

pytestmark = pytest.mark.usefixtures("engine_databases")


def forget_payment(delivery: Any) -> dict[str, Any]:
    """A compensation that says it is done and does nothing."""
    return {}


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> str:
    """A saga like the order's, but its refund is a lie."""
    steps = [
        Step(
            step.name,
            service=step.service,
            action=step.action,
            compensation=step.compensation,
            settlement=step.settlement,
        )
        if step.name != "charge-payment"
        else Step(step.name, service="payments", action=step.action, compensation=forget_payment)
        for step in catalog.ORDER.steps
    ]
    definition = SagaDefinition("leaky", steps=steps)
    monkeypatch.setitem(catalog.DEFINITIONS, ("leaky", 1), definition)
    return "leaky"


def run(query: str) -> tuple[Scenario, SimulatedRun]:
    scenario = Scenario.from_query(query)
    with chaos.quietly():
        return scenario, simulate(scenario.full(), scenario.seed)


def outcome(query: str) -> str:
    judgement = judged(*run(query))
    assert not judgement.violations
    return str(judgement.outcome)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "completed"),
        ("fault=book-delivery:decline", "compensated"),
        ("fault=book-delivery:decline&fault=charge-payment.compensation:error", "needs-operator"),
        ("orders=2&stock=1", "mixed"),
        ("orders=2&stock=1&lock=off", "oversold"),
        ("fault=charge-payment:lost-reply:1&idempotency=off", "double-charge"),
        ("fault=notify-warehouse:error&mode=none", "half-done"),
        ("fault=notify-warehouse:drop-event&mode=choreography", "half-done"),
        ("fault=charge-payment:decline&key_scope=order", "half-done"),
    ],
)
def test_an_outcome_is_what_the_settings_led_to_and_breaks_no_rule(query: str, expected: str) -> None:
    assert outcome(query) == expected


def test_only_a_scenario_with_every_protection_answers_for_its_books() -> None:
    assert is_protected(Scenario.from_query("lock=wait"))
    for off in ("idempotency=off", "key_scope=order", "lock=naive", "lock=off", "mode=none", "mode=choreography"):
        assert not is_protected(Scenario.from_query(off))


def broken(query: str, **changes: Any) -> str:
    """Return what is said of a run in which one thing is changed afterwards."""
    scenario, made = run(query)
    found = {name: change(made) if callable(change) else change for name, change in changes.items()}
    judgement = judged(scenario, replace(made, **found))
    assert judgement.outcome is Outcome.VIOLATION
    return " · ".join(judgement.violations)


def test_rule_38_every_rule_notices_when_it_is_broken() -> None:
    assert "rule 1: saga 0 ended as abandoned" in broken("", states=["abandoned"])
    assert "rule 7: run-finished at [] of" in broken("", entries=lambda made: made.entries[:-1])
    assert "rule 33: Payments keeps $98.00" in broken("", facts=lambda made: {**made.facts, "charged": 9800})
    assert "rule 33: of 3 units 4 are" in broken("", facts=lambda made: {**made.facts, "stock_left": 3})
    assert "nothing of it stands in delivery" in broken("", ledgers=lambda made: {**made.ledgers, "delivery": []})
    pending = {"orders": [{"record": "ord-8412", "owner": "ord-8412"}]}
    assert "still PENDING" in broken("", pending=pending)
    assert "rule 31: Inventory has promised 1 more" in broken(
        "fault=book-delivery:decline&fault=charge-payment.compensation:error",
        facts=lambda made: {**made.facts, "oversold": 1},
    ), "not even a saga that waits for a person may oversell"


def test_rules_2_and_10_notice_an_undo_that_is_missing_and_one_that_nobody_owed() -> None:
    turned = "fault=book-delivery:decline"

    def without_refund(made: SimulatedRun) -> Any:
        kept = [e for e in made.entries if not (e.step == "charge-payment" and e.op == "compensation")]
        return [entry.placed(n, entry.at) for n, entry in enumerate(kept, 1)]

    said = broken(turned, entries=without_refund)
    assert "rule 2: " in said
    assert "rule 10: ord-8412 is compensated without an undo of charge-payment" in said

    def never_charged(made: SimulatedRun) -> Any:
        kept = [
            e
            for e in made.entries
            if not (e.step == "charge-payment" and e.op == "action" and e.lane == "orchestrator")
        ]
        return [entry.placed(n, entry.at) for n, entry in enumerate(kept, 1)]

    assert "rule 10: ord-8412 undoes charge-payment, which never happened" in broken(turned, entries=never_charged)


def test_rule_29_a_release_while_the_answer_is_on_its_way_wakes_who_was_told_to_wait() -> None:
    _, made = run("orders=3&stock=2&lock=wait&schedule=free&latency_ms=1&seed=935547182")
    assert sorted(made.states) == ["compensated", "completed", "completed"]
    asked_again = [e for e in made.entries if str(e.kind) == "attempt-started" and e.step == "reserve-inventory"]
    assert len(asked_again) > 4, "the one who waited was told to wait a second time"


@pytest.mark.parametrize("base", [None, "orders=3&stock=2&lock=wait&latency_ms=0", "mode=choreography"])
def test_no_seed_of_a_handful_breaks_a_rule(base: str | None) -> None:
    with chaos.quietly():
        found = list(chaos.tries(None if base is None else Scenario.from_query(base), range(1, 51)))
    assert [(trial.seed, trial.violations) for trial in found if trial.violations] == []
    assert [trial.seed for trial in found] == list(range(1, 51))


def test_rule_37_a_journal_that_is_another_the_second_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes: Iterator[str] = iter("ab")
    monkeypatch.setattr(chaos, "journal_hash", lambda entries: next(hashes))
    with Simulator() as simulator:
        trial = chaos.tried(simulator, Scenario.parse({}), 1, twice=True)
    assert trial.violations == ("rule 37: the same seed gave another journal",)


def saga(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        call_command("saga", *words)
    return int(end.value.code or 0)


def test_the_grid_of_the_order_saga_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert saga("grid", "--json") == 0
    cells = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(cells) == 140
    assert not [cell for cell in cells if cell["violations"]]
    ends = {(cell["step"], cell["on"], cell["kind"], cell["times"]): cell["outcome"] for cell in cells}
    assert ends["charge-payment", "action", "error", 1] == "completed"
    assert ends["charge-payment", "action", "error", None] == "compensated"
    assert ends["charge-payment", "compensation", "error", None] == "needs-operator"


def test_a_broken_rule_ends_the_grid_with_1_and_names_itself_with_a_link(
    capsys: pytest.CaptureFixture[str], leaky: str
) -> None:
    assert saga("grid", "--saga", leaky) == 1
    printed = capsys.readouterr().out
    assert "BROKEN" in printed
    assert "something of it stands in payments" in printed
    assert "/lab/?saga=leaky&fault=" in printed


def test_chaos_lists_what_broke_with_its_address_and_the_command_that_shows_it_again(
    capsys: pytest.CaptureFixture[str], leaky: str
) -> None:
    words = ["chaos", "--of", f"saga={leaky}&latency_ms=0&fault=book-delivery:decline", "--processes", "1"]
    assert saga(*words, "--runs", "2", "--seed", "7") == 1
    printed = capsys.readouterr().out
    assert "seed 7 broke a rule" in printed
    assert (
        "manage.py saga chaos --runs 1 --seed 7 --of 'saga=leaky&latency_ms=0&fault=book-delivery:decline'" in printed
    )
    address = next(line.strip() for line in printed.splitlines() if "/lab/?" in line)
    scenario = Scenario.from_query(address.removeprefix("/lab/?"))
    assert scenario.seed == 7
    assert judged(scenario, simulate(scenario.full(), 7)).outcome is Outcome.VIOLATION


def test_chaos_over_two_processes_reports_what_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    reports = []
    for processes in ("1", "2"):
        assert saga("chaos", "--runs", "40", "--seed", "3", "--json", "--processes", processes) == 0
        reports.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    one, two = reports
    assert one[:-1] == two[:-1]
    assert [line["seed"] for line in one[:-1]] == list(range(3, 43))
    assert sum(one[-1]["outcomes"].values()) == 40
    assert one[-1]["runs_per_minute"] > 0


@pytest.mark.parametrize("words", [["--runs", "0"], ["--seed", "-1"], ["--of", "orders=99"], ["--processes", "-1"]])
def test_chaos_names_the_option_that_makes_no_sense(words: list[str]) -> None:
    with pytest.raises(CommandError, match=words[0].strip("-") if words[0] != "--of" else "orders: must be at most 8"):
        call_command("saga", "chaos", *words)
