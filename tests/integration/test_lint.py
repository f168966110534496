"""What the linter says comes true: each finding's proof is simulated and goes wrong, and mended it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from playground import chaos
from playground.anything import anything
from playground.facts import books_of
from playground.lint import advise
from playground.lint.proofs import PROOFS, proof
from playground.scenario import Scenario
from playground.verdicts import Outcome, judged
from sagas import catalog
from sagas.definition import SagaDefinition, Step
from sagas.entries import Kind, Op
from sagas.lint import Finding, Severity
from sagas.runs import payload_of
from sagas.services.base import Delivery
from sagas.services.payments.handlers import charge_payment, refund_payment
from sagas.services.payments.service import Payments
from sagas.simulation import SimulatedRun, Simulator
from sagas.tryout import Terms, try_steps

pytestmark = pytest.mark.usefixtures("engine_databases")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator, chaos.quietly():
        yield simulator


def outcome(scenario: Scenario, run: SimulatedRun) -> Outcome:
    return judged(scenario, run).outcome


def kept(run: SimulatedRun) -> int:
    """Return the cents that Payments keeps."""
    return run.facts["charged"] - run.facts["refunded"]


def turned_by_deadline(scenario: Scenario, run: SimulatedRun) -> bool:
    turns = [e.detail["cause"]["outcome"] for e in run.entries if e.kind is Kind.SAGA_COMPENSATING]
    hit = scenario.faults[0].step
    tries = sum(e.kind is Kind.ATTEMPT_STARTED and e.step == hit and e.op is Op.ACTION for e in run.entries)
    return turns == ["deadline"] and tries <= scenario.retry.max_attempts


STRANDED = (["needs-operator"], ["lost"])  # where somebody drives, and where nobody does
Harm = Callable[[Scenario, SimulatedRun], bool]
# What goes wrong by each rule, and the settings that mend it.
HARMS: Mapping[str, tuple[Harm, Mapping[str, Any]]] = {
    "no-saga": (lambda s, r: outcome(s, r) is Outcome.HALF_DONE, {"mode": "orchestration"}),
    "keys-off": (lambda s, r: outcome(s, r) is Outcome.DOUBLE_CHARGE, {"idempotency": True}),
    "key-without-step": (lambda s, r: outcome(s, r) is Outcome.HALF_DONE, {"key_scope": "step"}),
    "unlocked-race": (lambda s, r: outcome(s, r) is Outcome.OVERSOLD, {"lock": "fail-fast"}),
    "wait-without-end": (lambda s, r: "running" in r.states, {"deadline_ms": 60_000}),
    "nobody-watches": (lambda s, r: "lost" in r.states, {"watcher_ms": 5000}),
    "impatient-watcher": (lambda s, r: "completed" not in r.states, {"watcher_ms": 60_000}),
    "timeout-below-latency": (lambda s, r: "completed" not in r.states, {"timeout_ms": 60_000}),
    "deadline-too-short": (lambda s, r: "completed" not in r.states, {"deadline_ms": 600_000}),
    "tries-beyond-deadline": (turned_by_deadline, {"deadline_ms": None}),
    "compensation-tried-once": (
        lambda s, r: r.states in STRANDED, {"compensation_retry": {"max_attempts": 4}},
    ),
    "compensation-gives-up-first": (
        lambda s, r: r.states in STRANDED, {"faults": []},
    ),
    "tried-once": (lambda s, r: r.states == ["compensated"], {"retry": {"max_attempts": 2}}),
    "unheeded-deadline": (lambda s, r: "completed" in r.states, {"mode": "orchestration"}),
    "retriable-gives-up": (lambda s, r: r.states == ["needs-operator"], {"faults": []}),
}  # fmt: skip
FOUND_BY: Mapping[str, str] = {
    "no-saga": "mode=none",
    "keys-off": "idempotency=off",
    "key-without-step": "key_scope=order",
    "unlocked-race": "lock=naive&orders=4",
    "wait-without-end": "lock=wait&orders=4",
    "nobody-watches": "mode=choreography",
    "impatient-watcher": "mode=choreography&watcher_ms=200",
    "timeout-below-latency": "latency_ms=900&timeout_ms=800",
    "deadline-too-short": "deadline_ms=700",
    "tries-beyond-deadline": "deadline_ms=1800",
    "compensation-tried-once": "compensation_retry=1,200,2",
    "compensation-gives-up-first": "compensation_retry=2,200,2",
    "tried-once": "retry=1,200,2",
    "unheeded-deadline": "mode=choreography&deadline_ms=9000",
    "retriable-gives-up": "saga=trip",
}


def finding(rule: str, scenario: Scenario) -> Finding:
    return next(each.finding for each in advise(scenario) if each.finding.rule == rule)


def goes_wrong(simulator: Simulator, rule: str, scenario: Scenario) -> bool:
    return HARMS[rule][0](scenario, simulator.run(scenario.full(), scenario.seed))


def test_every_rule_with_a_proof_has_its_harm() -> None:
    assert HARMS.keys() == PROOFS.keys() == FOUND_BY.keys()


@pytest.mark.parametrize("rule", HARMS)
def test_a_proof_goes_wrong_and_mended_it_does_not(simulator: Simulator, rule: str) -> None:
    scenario = Scenario.from_query(FOUND_BY[rule])
    shown = proof(finding(rule, scenario), scenario)
    assert shown is not None
    assert goes_wrong(simulator, rule, shown)
    assert not goes_wrong(simulator, rule, Scenario.parse({**shown.full(), **HARMS[rule][1]}))


SEEDS = range(1, 101)


def test_each_error_found_in_a_random_scenario_is_shown_by_a_simulation(simulator: Simulator) -> None:
    seen = set()
    for seed in SEEDS:
        scenario = anything(seed)
        for each in advise(scenario):
            if each.finding.severity is not Severity.ERROR:
                continue
            shown = Scenario.from_query(each.shows)
            assert goes_wrong(simulator, each.finding.rule, shown), (each.finding.rule, seed, each.address)
            seen.add((each.finding.rule, scenario.mode))
    assert len({rule for rule, _ in seen}) >= 8


# What `SagaDefinition` refuses, run all the same: with the check left out it goes wrong as the linter says.


def unchecked(name: str, steps: list[Step]) -> SagaDefinition:
    """Return a definition that nobody has checked."""
    made = object.__new__(SagaDefinition)
    made._keep(name, 1, tuple(steps))
    return made


RESERVE, CREATE, CHARGE, NOTIFY, BOOK = catalog.ORDER.steps
BARE_CHARGE = replace(CHARGE, compensation=None, compensation_name="")
PIVOT_CHARGE = replace(BARE_CHARGE, kind="pivot")
SURE_CHARGE = replace(BARE_CHARGE, kind="retriable")
PIVOT_BOOK = replace(BOOK, compensation=None, compensation_name="", kind="pivot")
SURE_BOOK = replace(PIVOT_BOOK, kind="retriable")
TOGGLE = replace(CHARGE, compensation_name="charge-payment")
REGISTERED_LATER = Step("check-charge", service="payments", action=charge_payment, compensation=refund_payment)

REFUSED: Mapping[str, list[Step]] = {
    "missing-compensation": [RESERVE, CREATE, BARE_CHARGE, BOOK],
    "late-compensation": [RESERVE, BARE_CHARGE, BOOK, REGISTERED_LATER],
    "compensatable-after-pivot": [RESERVE, CREATE, PIVOT_CHARGE, BOOK],
    "second-pivot": [RESERVE, CREATE, PIVOT_CHARGE, PIVOT_BOOK],
    "retriable-before-pivot": [RESERVE, CREATE, SURE_CHARGE, PIVOT_BOOK],
    "idle-compensation": [RESERVE, CREATE, replace(CHARGE, kind="pivot"), SURE_BOOK],
    "shared-name": [RESERVE, CREATE, TOGGLE, BOOK],
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_is_refused_would_leave_the_card_charged(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    from sagas.lint import lint

    definition = unchecked("unsound", REFUSED[rule])
    assert rule in {found.rule for found in lint(definition) if found.refused}
    monkeypatch.setitem(catalog.DEFINITIONS, ("unsound", 1), definition)
    scenario = {"saga": "unsound", "faults": [{"step": "book-delivery", "kind": "decline"}]}
    run = simulator.run(scenario, 1)
    assert run.states != ["completed"]
    assert kept(run) == 4900
    monkeypatch.setitem(catalog.DEFINITIONS, ("unsound", 1), catalog.ORDER)
    assert kept(simulator.run(scenario, 1)) == 0


# Steps that are called: a service, or an undo, that breaks its word is caught by what it does.


class Forgetful(Payments):
    """Payments that stores no answer."""

    def deliver(self, handler: Any, call: Any, seen: Any = None) -> Any:
        return super().deliver(handler, replace(call, idempotency=False), seen)


class Unfenced(Payments):
    """Payments without a barrier."""

    def deliver(self, handler: Any, call: Any, seen: Any = None) -> Any:
        return super().deliver(handler, replace(call, op=None), seen)


def refund_nothing(delivery: Delivery) -> dict[str, Any]:
    return {}


def refund_blindly(delivery: Delivery) -> dict[str, Any]:
    delivery.write("refund", -delivery.body["amount"])
    return {}


def charge_seats(delivery: Delivery) -> dict[str, Any]:
    return {"seats": delivery.body["seats"]}


TERMS = Terms(payload=payload_of("order"))
TRIED: Mapping[str, tuple[type[Payments], Mapping[str, Any]]] = {
    "acts-twice": (Forgetful, {}),
    "compensation-leaves-something": (Payments, {"compensation": refund_nothing}),
    "compensation-overtaken": (Unfenced, {}),
    "compensation-acts-twice": (Forgetful, {"compensation": refund_blindly}),
    "not-tried": (Payments, {"action": charge_seats}),
}


def tried(definition: SagaDefinition, terms: Terms = TERMS) -> dict[str, list[str]]:
    with chaos.quietly():
        found: dict[str, list[str]] = {}
        for each in try_steps(definition, terms):
            found.setdefault(each.rule, []).append(each.step)
    return found


@pytest.mark.parametrize("rule", TRIED)
def test_a_step_that_breaks_its_word_is_caught_by_calling_it(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    service, changes = TRIED[rule]
    monkeypatch.setitem(catalog.SERVICES, "payments", service())
    definition = SagaDefinition("suspect", steps=[RESERVE, replace(CHARGE, **changes)])
    assert tried(definition)[rule] == ["charge-payment"]


def test_the_demos_keep_their_word_and_without_keys_every_step_acts_twice() -> None:
    for definition in (catalog.ORDER, catalog.TRIP):
        assert tried(definition, Terms(payload=payload_of(definition.name))) == {}
    found = tried(catalog.ORDER, replace(TERMS, idempotency=False))
    assert found == {"acts-twice": [step.name for step in catalog.ORDER.steps]}
    assert "compensation-leaves-something" in tried(catalog.ORDER, replace(TERMS, key_scope="order"))


def test_what_calling_finds_goes_wrong_in_a_run(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Scenario.from_query("fault=charge-payment:lost-reply:1")
    assert simulator.run(lost.full(), 1).facts["double_charges"] == 0
    monkeypatch.setitem(catalog.SERVICES, "payments", Forgetful())
    run = simulator.run(lost.full(), 1)
    assert books_of(run).counts["double_charges"] == 1
    monkeypatch.setitem(catalog.SERVICES, "payments", Unfenced())
    late = Scenario.from_query("fault=charge-payment:late&retry=1,200,2")
    assert kept(simulator.run(late.full(), 1)) == 4900


# The command.

BROKEN = """
from sagas import SagaDefinition, Step
from sagas.services.payments.handlers import charge_payment
SagaDefinition("parcel", steps=[Step("charge-payment", service="payments", action=charge_payment)])
"""


def saga(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        call_command("saga", "lint", *words)
    return int(end.value.code or 0)


def test_a_refused_definition_is_linted_from_its_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "parcels.py"
    file.write_text(BROKEN)
    assert saga(str(file), "--json") == 1
    *lines, counts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["saga"], line["rule"], line["step"], line["refused"]) for line in lines] == [
        ("parcel", "missing-compensation", "charge-payment", True)
    ]
    assert counts == {"errors": 1, "warnings": 0, "notes": 0}


def test_the_command_says_what_it_finds_and_ends_with_0_unless_it_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert saga("order") == 0
    assert capsys.readouterr().out == "order: nothing found\n"
    assert saga("trip") == 0
    assert "warning  retriable-gives-up  send-ticket" in capsys.readouterr().out
    assert saga("playground.lab.own_saga:PREPAID") == 0
    capsys.readouterr()
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"orders": 4, "lock": "off", "idempotency": False}))
    assert saga("--scenario", str(file)) == 1
    printed = capsys.readouterr().out
    assert "error    unlocked-race  reserve-inventory" in printed
    assert "see it happen: /lab/?orders=4&lock=off" in printed
    assert "acts-twice  reserve-inventory, create-order, charge-payment, notify-warehouse, book-delivery" in printed
    assert printed.splitlines()[-1] == "3 errors"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no saga and no module 'nothing'; the sagas are"),
        (["sagas.nowhere"], "sagas.nowhere: ModuleNotFoundError"),
        (["sagas.plan"], "sagas.plan: there is no saga definition"),
        (["order", "--payload", "[]"], "--payload: what an order is about is a JSON object"),
        (["--scenario", "/nowhere.json"], "--scenario /nowhere.json: No such file or directory"),
    ],
)
def test_what_cannot_be_linted_ends_with_2(words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as refusal:
        call_command("saga", "lint", *words)
    assert refusal.value.returncode == 2
