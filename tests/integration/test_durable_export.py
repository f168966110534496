"""The exported Durable Functions app: imported with the real SDK, replayed by it, its calls made over HTTP for real.

What it comes to is held against the simulator: the same ends, and the same rows in every ledger.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from playground import chaos
from playground.durable_functions import run_locally, services
from playground.durable_functions.saga import RETRY
from playground.scenario import Scenario
from sagas import catalog
from sagas.simulation import SimulatedRun, Simulator
from tests.apps import imported, unpack
from tests.door import TOKEN, opened
from tests.engine import fault

pytestmark = pytest.mark.usefixtures("engine_databases")

STEPS = [step.name for step in catalog.ORDER.steps]
CHARGE, PICK, BOOK = STEPS[2:]
BRIEF = {"max_attempts": 2, "initial_ms": 20, "max_ms": 20}
QUICK = {"latency_ms": 0, "timeout_ms": 5000, "retry": BRIEF, "compensation_retry": BRIEF}
SILENT = {**QUICK, "timeout_ms": 2000}  # where an answer is to be missed
UNDO_FAILS = [fault(BOOK, "decline"), fault(CHARGE, "error", on="compensation", times=2)]

SCENARIOS: Mapping[str, dict[str, Any]] = {
    "success": QUICK,
    **{f"declined at {step}": {**QUICK, "faults": [fault(step, "decline")]} for step in (STEPS[0], CHARGE, BOOK)},
    "unknown for good": {**SILENT, "faults": [fault(CHARGE, "lost-reply")]},
    "late": {**SILENT, "faults": [fault(CHARGE, "late")], "retry": {"max_attempts": 1}},
    "lost once": {**SILENT, "faults": [fault(CHARGE, "lost-reply", times=1)]},
    "lost, then refused": {**SILENT, "faults": [fault(CHARGE, "lost-reply", times=1), fault(CHARGE, "decline")]},
    "budget spent": {**QUICK, "faults": [fault(PICK, "error")]},
    "undo fails once": {
        **QUICK,
        "faults": [fault(BOOK, "decline"), fault(CHARGE, "error", on="compensation", times=1)],
    },
    "key without step": {**QUICK, "key_scope": "order", "faults": [fault(BOOK, "decline")]},
    "trip": {**QUICK, "saga": "trip"},
    "trip, pivot refused": {**QUICK, "saga": "trip", "faults": [fault("charge-card", "decline")]},
    "trip, pivot lost once": {**SILENT, "saga": "trip", "faults": [fault("charge-card", "lost-reply", times=1)]},
}
LATE = {**QUICK, "deadline_ms": 1}
STUCK: Mapping[str, dict[str, Any]] = {  # each waits for a person once, who has it tried again
    "undo works later": {**QUICK, "faults": UNDO_FAILS},
    "trip, no ticket": {**QUICK, "saga": "trip", "faults": [fault("send-ticket", "error", times=2)]},
    "trip, pivot unknown": {**SILENT, "saga": "trip", "faults": [fault("charge-card", "lost-reply", times=2)]},
}
COME_TO = {"undo works later": "compensated", "trip, no ticket": "completed", "trip, pivot unknown": "completed"}


@dataclass(frozen=True)
class Ran:
    """One order that an app drove: what its orchestration returned, what the services hold, what was done and said."""

    end: Mapping[str, Any]
    books: Mapping[str, list[tuple[Any, ...]]]
    said: Sequence[str]


def ran(scenarios: Mapping[str, Scenario], folder: Path) -> dict[str, Ran]:
    """Drive the app of each scenario, all side by side; whoever waits for a person is told to try again."""
    with opened() as door, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVICES_URL", door.url)
        patch.setenv("SERVICES_TOKEN", TOKEN)
        apps = {}
        for name, scenario in scenarios.items():
            with imported(unpack(scenario, folder / name)) as function_app:
                apps[name] = function_app
        return asyncio.run(_all(apps))


async def _all(apps: Mapping[str, Any]) -> dict[str, Ran]:
    found = await asyncio.gather(*(_one(app) for app in apps.values()))
    return dict(zip(apps, found, strict=True))


async def _one(function_app: Any) -> Ran:
    world = await asyncio.to_thread(services.open_world, function_app.SCENARIO)
    events, said = asyncio.Queue[str](), list[str]()

    def say(line: str) -> None:
        said.append(line)
        if "needs a person" in line:
            events.put_nowait(RETRY)

    given = {"order": world["orders"][0], "world": world["world"], "payload": world["payload"]}
    host = run_locally.Host(function_app.app, say)
    async with asyncio.timeout(60):
        end = await host.run(function_app.ORCHESTRATOR, "order", given, events)
    books = (await asyncio.to_thread(services.close_world, world["world"]))["books"]
    rows = {
        name: [(row["order"], row["kind"], row["amount"], row["key"]) for row in book["ledger"]]
        for name, book in books.items()
    }
    return Ran(end, rows, [line.removeprefix("order ") for line in said])


def books_of(run: SimulatedRun) -> dict[str, list[tuple[Any, ...]]]:
    return {name: [(row.order, row.kind, row.amount, row.key) for row in rows] for name, rows in run.ledgers.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("apps")


@pytest.fixture(scope="module")
def there(engine_databases: None, folder: Path) -> dict[str, Ran]:
    told = SCENARIOS | STUCK | {"too late": LATE}
    return ran({name: Scenario.parse(value) for name, value in told.items()}, folder)


@pytest.fixture(scope="module")
def here(engine_databases: None) -> dict[str, SimulatedRun]:
    with Simulator() as simulator, chaos.quietly():
        return {name: simulator.run(Scenario.parse(value).full(), 1) for name, value in SCENARIOS.items()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_app_comes_to_what_this_house_comes_to(
    there: dict[str, Ran], here: dict[str, SimulatedRun], name: str
) -> None:
    assert [there[name].end["state"]] == list(here[name].states)
    assert there[name].books == books_of(here[name])
    causes = [e.detail["cause"] for e in here[name].entries if str(e.kind) == "saga-compensating"]
    cause = there[name].end["cause"]
    assert [(cause["step"], cause["outcome"])] if cause else [(c["step"], c["outcome"]) for c in causes] == []


def test_undos_come_newest_first(there: dict[str, Ran]) -> None:
    assert there["unknown for good"].end["undone"] == ["refund-payment", "cancel-order", "release-inventory"]
    assert there["late"].end["undone"] == ["refund-payment", "cancel-order", "release-inventory"]
    assert there["late"].said.count("charge_payment") == 1
    assert there["undo fails once"].said.count("refund_payment") == 2


def test_a_deadline_turns_the_order_back(there: dict[str, Ran]) -> None:
    late = there["too late"]
    assert (late.end["state"], late.end["cause"]["outcome"]) == ("compensated", "deadline")
    assert all(sum(row[2] for row in rows) == 0 for rows in late.books.values())


@pytest.mark.parametrize("name", STUCK)
def test_who_waits_for_a_person_goes_on_with_a_fresh_budget(there: dict[str, Ran], name: str) -> None:
    assert [line for line in there[name].said if "needs a person" in line]
    assert there[name].end["state"] == COME_TO[name]
    assert not [row for row in there[name].books["payments"] if row[1] == "refund"] or name == "undo works later"


def test_every_fault_met_its_call(there: dict[str, Ran]) -> None:
    for name, value in (SCENARIOS | STUCK).items():
        for each in value.get("faults", ()):
            step = next(s for d in (catalog.ORDER, catalog.TRIP) for s in d.steps if s.name == each["step"])
            command = step.compensation_name if each["on"] == "compensation" else step.name
            assert command.replace("-", "_") in there[name].said, name


def test_the_app_is_what_azure_wants(folder: Path) -> None:
    import azure.functions as func

    home = unpack(Scenario.parse({}), folder / "azure")
    with imported(home) as function_app:
        found = {each.get_function_name(): each for each in function_app.app.get_functions()}
    triggers = {name: each.get_trigger().type for name, each in found.items()}
    assert triggers.pop("order_saga") == "orchestrationTrigger"
    assert {name for name, kind in triggers.items() if kind == "httpTrigger"} == {"start", "retry"}
    commands = {s.name for s in catalog.ORDER.steps} | {s.compensation_name for s in catalog.ORDER.steps}
    activities = {name.replace("_", "-") for name, kind in triggers.items() if kind == "activityTrigger"}
    assert activities == commands | {"sell-inventory", "confirm-order"}
    assert isinstance(function_app.app, func.FunctionRegister)
    host, local = (json.loads((home / name).read_text()) for name in ("host.json", "local.settings.json"))
    assert (host["version"], local["Values"]["FUNCTIONS_WORKER_RUNTIME"]) == ("2.0", "python")
    text = (home / "function_app.py").read_text()
    undone = [line.split('"')[1] for line in text.splitlines() if "saga.undo(" in line and "# undo" in line]
    assert undone == STEPS[::-1]


def test_the_same_run_gives_the_same_bytes() -> None:
    from playground.export import durable

    scenario = Scenario.from_query("fault=charge-payment:lost-reply:1")
    assert durable.project(scenario, catalog.ORDER).zip() == durable.project(scenario, catalog.ORDER).zip()


@pytest.mark.torture
def test_the_app_runs_by_itself_where_it_is_unpacked(folder: Path) -> None:
    """Two orders want one lamp; whoever waits in line hears that it is sold."""
    home = unpack(Scenario.parse({**QUICK, "orders": 2, "stock": 1, "lock": "wait"}), folder / "alone")
    with opened() as door:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        done = subprocess.run(
            [sys.executable, "run_locally.py"],
            cwd=home,
            env={**kept, "SERVICES_URL": door.url, "SERVICES_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    ends = sorted(line.split(": ")[1] for line in done.stdout.splitlines() if line.startswith("ord-"))
    assert ends == ["compensated", "completed"]
    assert done.stdout.count(" sell ") == 1
