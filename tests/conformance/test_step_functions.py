"""The exported machine on Step Functions: every way through it, executed for real over HTTP."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from playground.export import asl
from playground.scenario import Scenario
from sagas import catalog
from tests.conformance.step_functions import Performed, perform_all
from tests.door import TOKEN, opened
from tests.engine import fault

pytestmark = pytest.mark.usefixtures("engine_databases")

ROOT = Path(__file__).resolve().parents[2]
STEPS = [step.name for step in catalog.ORDER.steps]
UNDOS = [step.compensation_name for step in catalog.ORDER.steps]
CHARGE, PICK, BOOK = STEPS[2:]
# Seconds are the least that the language can wait; what must not wait has one attempt.
ONCE = {"max_attempts": 1}
TWICE = {"max_attempts": 2, "initial_ms": 0, "max_ms": 0}
QUICK = {"timeout_ms": 5000, "latency_ms": 0, "retry": TWICE}  # no answer is late by chance
HASTY = {**QUICK, "retry": ONCE, "compensation_retry": ONCE}
SILENT = {"timeout_ms": 2500}  # where an answer is to be missed

SCENARIOS: dict[str, dict[str, Any]] = {
    "success": HASTY,
    **{f"declined at {step}": {**HASTY, "faults": [fault(step, "decline")]} for step in STEPS},
    "unknown for good": {**HASTY, **SILENT, "faults": [fault(CHARGE, "lost-reply")]},
    "late": {**HASTY, **SILENT, "faults": [fault(CHARGE, "late")]},
    "lost once": {**QUICK, **SILENT, "faults": [fault(CHARGE, "lost-reply", times=1)]},
    "lost, then refused": {
        **QUICK,
        **SILENT,
        "faults": [fault(CHARGE, "lost-reply", times=1), fault(CHARGE, "decline")],
    },
    "budget spent": {**QUICK, "faults": [fault(PICK, "error")]},
    "undo fails once": {
        **HASTY,
        "compensation_retry": TWICE,
        "faults": [fault(BOOK, "decline"), fault(CHARGE, "error", on="compensation", times=1)],
    },
    "undo never works": {
        **HASTY,
        "compensation_retry": TWICE,
        "faults": [fault(BOOK, "decline"), fault(CHARGE, "error", on="compensation")],
    },
    "too late": {**HASTY, "deadline_ms": 1},
    "trip, pivot unknown": {**HASTY, **SILENT, "saga": "trip", "faults": [fault("charge-card", "lost-reply")]},
}
MORE: dict[str, dict[str, Any]] = {
    "never arrived": {**HASTY, **SILENT, "faults": [fault(BOOK, "timeout")]},
    "failed once": {**QUICK, "faults": [fault(PICK, "error", times=1)]},
    "undo is lost": {
        **HASTY,
        **SILENT,
        "compensation_retry": TWICE,
        "faults": [fault(BOOK, "decline"), fault(CHARGE, "lost-reply", on="compensation", times=1)],
    },
    "twice": {**HASTY, "faults": [fault(CHARGE, "duplicate")]},
    "in line": {**HASTY, "orders": 2, "stock": 1, "lock": "wait"},
    "trip": {**HASTY, "saga": "trip"},
    "trip, pivot refused": {**HASTY, "saga": "trip", "faults": [fault("charge-card", "decline")]},
    "trip, no ticket": {**HASTY, "saga": "trip", "faults": [fault("send-ticket", "error")]},
}


@pytest.fixture(scope="module")
def performed(engine_databases: None) -> dict[str, Performed]:
    return dict(zip(SCENARIOS, perform_all(map(Scenario.parse, SCENARIOS.values())), strict=True))


@pytest.fixture(scope="module")
def more(engine_databases: None) -> dict[str, Performed]:
    return dict(zip(MORE, perform_all(map(Scenario.parse, MORE.values())), strict=True))


def calls(one: Performed, order: int = 0) -> list[str]:
    """Return the state of each attempt of an execution, in order: a retry is the same state once more."""
    state, made = "", []
    for event in one.executions[order].history:
        state = event.get("stateEnteredEventDetails", {}).get("name", state)
        made += [state] if "taskScheduledEventDetails" in event else []
    return made


def test_a_saga_completes_and_settles(performed: dict[str, Performed]) -> None:
    one = performed["success"]
    assert one.outcome.ends == {"ord-8412": "completed"}
    assert calls(one) == [*STEPS, "sell-inventory", "confirm-order"]
    assert one.outcome.books["payments"] == [("ord-8412", "charge", 4900, "saga:ord-8412:charge-payment")]
    assert one.outcome.books["inventory"][1] == ("ord-8412", "sell", -1, "saga:ord-8412:settle-inventory")
    assert (one.facts["orders_confirmed"], one.facts["units_sold"], one.pending) == (1, 1, [])


@pytest.mark.parametrize("n", range(5))
def test_a_refusal_undoes_what_came_before_newest_first(performed: dict[str, Performed], n: int) -> None:
    one = performed[f"declined at {STEPS[n]}"]
    undone = tuple(reversed(UNDOS[:n]))
    assert one.outcome.ends == {"ord-8412": "compensated"}
    assert one.outcome.undone == {"ord-8412": undone}
    assert calls(one) == [*STEPS[: n + 1], *undone], "the refused step itself has nothing to undo"
    assert all(sum(row["amount"] for row in ledger) == 0 for ledger in one.ledgers.values())


def test_an_unknown_outcome_is_undone_too(performed: dict[str, Performed]) -> None:
    for name, did in (("unknown for good", 1), ("late", 0)):
        _is_undone_too(performed[name], CHARGE, did)


def _is_undone_too(one: Performed, step: str, did: int) -> None:
    n = STEPS.index(step)
    assert one.outcome.ends == {"ord-8412": "compensated"}
    assert calls(one) == [*STEPS[: n + 1], *reversed(UNDOS[: n + 1])]
    assert one.outcome.undone["ord-8412"] == tuple(reversed(UNDOS[: n + did]))
    assert all(sum(row["amount"] for row in ledger) == 0 for ledger in one.ledgers.values())


def test_a_lost_reply_is_asked_for_again_under_the_same_key(performed: dict[str, Performed]) -> None:
    one = performed["lost once"]
    assert one.outcome.ends == {"ord-8412": "completed"}
    assert Counter(calls(one))[CHARGE] == 2
    assert [row[1:3] for row in one.outcome.books["payments"]] == [("charge", 4900)]


def test_a_refusal_after_silence_clears_nothing(performed: dict[str, Performed]) -> None:
    one = performed["lost, then refused"]
    assert one.outcome.undone["ord-8412"] == ("refund-payment", "cancel-order", "release-inventory")
    assert [row[1] for row in one.outcome.books["payments"]] == ["charge", "refund"]


def test_a_budget_is_kept_to(performed: dict[str, Performed]) -> None:
    one = performed["budget spent"]
    assert one.outcome.ends == {"ord-8412": "compensated"}
    assert Counter(calls(one))[PICK] == 2


def test_an_undo_has_a_budget_of_its_own(performed: dict[str, Performed]) -> None:
    _is_undone_at_the_second_try(performed["undo fails once"])


def _is_undone_at_the_second_try(one: Performed) -> None:
    assert one.outcome.ends == {"ord-8412": "compensated"}
    assert calls(one)[5:] == ["recall-pick", "refund-payment", "refund-payment", "cancel-order", "release-inventory"]
    assert [row[1] for row in one.outcome.books["payments"]] == ["charge", "refund"]


def test_an_undo_that_never_works_waits_for_a_person_and_keeps_its_locks(performed: dict[str, Performed]) -> None:
    one = performed["undo never works"]
    assert one.outcome.ends == {"ord-8412": "needs-operator"}
    assert one.executions[0].status == "FAILED"
    assert one.outcome.undone["ord-8412"] == ("recall-pick",)
    assert Counter(calls(one))["refund-payment"] == 2
    assert {row["record"] for row in one.pending} == {"unit-1", "ord-8412"}


def test_a_deadline_turns_the_saga_back(performed: dict[str, Performed]) -> None:
    one = performed["too late"]
    assert one.outcome.ends == {"ord-8412": "compensated"}
    assert one.outcome.books == {name: [] for name in one.ledgers}


def test_a_point_of_no_return_that_may_be_passed_is_neither_passed_nor_left(performed: dict[str, Performed]) -> None:
    _ends(performed["trip, pivot unknown"], "needs-operator", charges=1, undone=())


def _ends(one: Performed, end: str, *, charges: int, undone: tuple[str, ...]) -> None:
    assert one.outcome.ends == {"ord-8412": end}
    assert len(one.outcome.books["payments"]) == charges
    assert one.outcome.undone["ord-8412"] == undone


@pytest.mark.torture
def test_more_ways_through_the_machine(more: dict[str, Performed]) -> None:
    _is_undone_too(more["never arrived"], BOOK, 0)
    assert (more["failed once"].outcome.ends, Counter(calls(more["failed once"]))[PICK]) == (
        {"ord-8412": "completed"},
        2,
    )
    _is_undone_at_the_second_try(more["undo is lost"])
    assert [row[1] for row in more["twice"].outcome.books["payments"]] == ["charge"]
    _ends(more["trip"], "completed", charges=1, undone=())
    _ends(more["trip, pivot refused"], "compensated", charges=0, undone=("cancel-hotel", "cancel-flight"))
    _ends(more["trip, no ticket"], "needs-operator", charges=1, undone=())
    _every_fault_met_its_call(more, harmless=("twice", "trip"))


@pytest.mark.torture
def test_who_waits_in_line_gets_the_unit_or_hears_that_it_is_sold(more: dict[str, Performed]) -> None:
    one = more["in line"]
    assert sorted(one.outcome.ends.values()) == ["compensated", "completed"]
    assert (one.facts["units_sold"], one.facts["oversold"], one.pending) == (1, 0, [])


def test_every_fault_met_its_call(performed: dict[str, Performed]) -> None:
    _every_fault_met_its_call(performed, harmless=("success",))


def _every_fault_met_its_call(performed: dict[str, Performed], harmless: tuple[str, ...]) -> None:
    ended_badly = {"taskFailedEventDetails", "taskTimedOutEventDetails"}  # whoever stops waiting first says which
    for name, one in performed.items():
        failed = [event for each in one.executions for event in each.history if ended_badly & event.keys()]
        assert bool(failed) != (name in harmless), name


def test_no_driver_of_ours_is_loaded_by_it() -> None:
    lines = (
        "import django; django.setup()",
        "import sys, tests.conformance.step_functions",
        "print(sorted(name for name in sys.modules if name == 'sagas.orchestrator'))",
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "playground.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    scenario = Scenario.parse({**HASTY, "faults": [fault(CHARGE, "lost-reply")]})
    zipfile.ZipFile(io.BytesIO(asl.project(scenario, catalog.ORDER).zip())).extractall(folder)
    return folder / "order-step-functions"


@pytest.mark.torture
def test_the_project_runs_by_itself_where_it_is_unpacked(unpacked: Path) -> None:
    with opened() as door:
        services = {"SERVICES_URL": door.url, "SERVICES_TOKEN": TOKEN}
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "run_locally.py"],  # which says what is loaded
            cwd=unpacked,
            env={**kept, **services},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "moto.stepfunctions.models" in loaded
    assert [name for name in loaded if name.partition(".")[0] in ("sagas", "playground")] == []
    assert "ord-8412: compensated (SUCCEEDED)" in done.stdout
    assert "  payments    2 refund    -4900 saga:ord-8412:refund-payment" in done.stdout
    assert json.loads((unpacked / "machine.asl.json").read_text())["StartAt"] == "reserve-inventory"
