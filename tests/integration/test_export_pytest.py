"""An exported test runs the run again, in other databases, and notices when it does not come to the same."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from playground import export
from sagas.entries import Entry, Kind, Op
from sagas.models import Command, Run
from sagas.runs import create_run, retry_saga, wake
from tests.engine import Finished, drive, fault, finish, read, scenario, working
from tests.migrated import files_in

pytestmark = [pytest.mark.usefixtures("engine_databases"), pytest.mark.timeout(300)]

RESERVE, CREATE, CHARGE, PICK, BOOK = (
    "reserve-inventory",
    "create-order",
    "charge-payment",
    "notify-warehouse",
    "book-delivery",
)
PATIENT = {"timeout_ms": 4000}
SUBPROCESS_SECONDS = 240

SCENARIOS: dict[str, dict[str, Any]] = {
    "compensated": scenario(fault(PICK, "error"), **PATIENT),
    "a lost reply": scenario(fault(CHARGE, "lost-reply", times=1), timeout_ms=1000),
    "a crash": scenario(fault(CHARGE, "crash-after", times=1), fault(BOOK, "decline"), **PATIENT),
    "two who wait": scenario(fault(BOOK, "decline"), orders=2, stock=1, lock="wait", **PATIENT),
    "a crash among three": scenario(
        {**fault(CREATE, "crash-before", times=1), "saga": 2}, orders=3, stock=2, **PATIENT
    ),
    "oversold": scenario(orders=2, stock=1, lock="off", **PATIENT),
    "a dropped event": scenario(fault(PICK, "drop-event"), mode="choreography", **PATIENT),
    "no way back": scenario(fault(PICK, "error"), mode="none", **PATIENT),
}

ALTERED = "no way back"  # of its exported test one recorded fact is altered


def stuck_and_mended() -> str:
    run = create_run(scenario(fault(PICK, "decline"), fault(CHARGE, "error", on="compensation", times=4), **PATIENT))
    (stuck,) = finish(run)
    assert stuck.states == ["needs-operator"]
    retry_saga(stuck.sagas[0].pk, who='ada "of" the \\ desk', why="mended; and seen")
    (mended,) = finish(run)
    assert mended.states == ["compensated"]
    return run.pk


def interrupted(run: Run, due: Callable[[Entry], bool], act: Callable[[], object] | None) -> str:
    """Return the run, which `act` (or, without one, the end of its worker) met right after a certain entry."""

    async def go() -> None:
        met = asyncio.Event()

        def hear(world: str, entries: Sequence[Entry]) -> None:
            if world == run.pk and any(map(due, entries)):
                met.set()

        async with working() as (book, _, wait):
            book.listen(hear)
            await met.wait()
            if act is not None:
                await asyncio.to_thread(act)
                await wait([run.pk])

    asyncio.run(go())
    if act is None:
        finish(run)
    return run.pk


def charged(entry: Entry) -> bool:
    return (entry.kind, entry.step, entry.op) == (Kind.ATTEMPT_STARTED, CHARGE, Op.ACTION)


def cancelled() -> str:
    run = create_run(scenario(fault(CHARGE, "timeout", times=1), timeout_ms=1500))

    def cancel() -> None:
        Command.objects.create(run=run, saga=f"{run.pk}-1", kind="cancel", who="ada", why="a change of mind")
        wake(run.pk)

    return interrupted(run, charged, cancel)


def killed() -> str:
    return interrupted(create_run(scenario(fault(BOOK, "decline"), latency_ms=200, timeout_ms=4000)), charged, None)


def too_late() -> str:
    """Its deadline passes while it waits to ask again."""
    budget = {"max_attempts": 5, "initial_ms": 2000, "max_ms": 2000}
    (late,) = drive(scenario(fault(CREATE, "error"), retry=budget, deadline_ms=500, **PATIENT))
    assert late.sagas[0].cause["outcome"] == "deadline"
    return late.run.pk


def called_off() -> str:
    """Its watcher times it out after an event was dropped."""
    (off,) = drive(scenario(fault(PICK, "drop-event"), mode="choreography", watcher_ms=300, **PATIENT))
    assert off.states == ["compensated"]
    return off.run.pk


@pytest.fixture(scope="module")
def runs(engine_databases: None) -> dict[str, str]:
    """The runs to be taken away, by what is special about them."""
    found = dict(zip(SCENARIOS, [one.run.pk for one in drive(*SCENARIOS.values())], strict=True))
    for make in (stuck_and_mended, cancelled, killed, too_late, called_off):
        found[make.__name__.replace("_", " ")] = make()
    return found


@pytest.fixture(scope="module")
def verdicts(runs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What pytest, in a process and a data folder of its own, says of every exported test, by (file, test)."""
    folder = tmp_path_factory.mktemp("exported")
    for run in runs.values():
        file = export.export(run, "pytest")
        (folder / file.name).write_text(file.text, encoding="utf-8")
    alter(folder / f"test_run_{runs[ALTERED]}.py")
    report = folder / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}", str(folder)],
        cwd=folder,
        env={**os.environ, "SAGA_DATA": str(files_in(folder / "data")), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=SUBPROCESS_SECONDS,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return dict(read_report(report))


def alter(file: Path) -> None:
    """Change one recorded fact of an exported test: a cent."""
    code, facts = file.read_text(encoding="utf-8").split("FACTS = ", 1)
    assert "'charged': 4900" in facts
    file.write_text(f"{code}FACTS = {facts.replace(': 4900', ': 4901', 1)}", encoding="utf-8")


def read_report(report: Path) -> Iterator[tuple[tuple[str, str], str]]:
    for case in ElementTree.parse(report).iter("testcase"):
        problem = next((child for child in case if child.tag in ("failure", "error")), None)
        yield (
            (case.get("classname", ""), case.get("name", "")),
            "passed" if problem is None else f"{problem.tag}: {problem.text}",
        )


TESTS = (
    "test_every_driver_does_and_hears_the_same",
    "test_every_saga_ends_the_same",
    "test_the_services_hold_the_same",
)


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in SCENARIOS if name != ALTERED),
        "stuck and mended",
        "cancelled",
        "killed",
        "too late",
        "called off",
    ],
)
def test_a_run_comes_to_the_same_elsewhere(
    name: str, runs: dict[str, str], verdicts: dict[tuple[str, str], str]
) -> None:
    found = {test: verdicts[f"test_run_{runs[name]}", test] for test in TESTS}
    assert found == dict.fromkeys(TESTS, "passed")


def test_a_fact_that_was_altered_is_noticed(runs: dict[str, str], verdicts: dict[tuple[str, str], str]) -> None:
    does, ends, holds = (verdicts[f"test_run_{runs[ALTERED]}", test] for test in TESTS)
    assert (does, ends) == ("passed", "passed")
    assert holds.startswith("failure")
    assert "4901" in holds


def test_what_makes_each_run_special_is_in_it(runs: dict[str, str]) -> None:
    """Or the tests above would prove less than they say."""
    read_back: dict[str, Finished] = {name: read(run) for name, run in runs.items()}
    assert read_back["a crash"].kinds(Kind.ORCHESTRATOR_CRASHED)
    assert read_back["killed"].kinds(Kind.ORCHESTRATOR_RECOVERED)
    assert not read_back["killed"].kinds(Kind.ORCHESTRATOR_CRASHED)
    assert read_back["killed"].kinds(Kind.ATTEMPT_UNKNOWN, step=CHARGE)
    assert read_back["a lost reply"].kinds(Kind.ATTEMPT_UNKNOWN, step=CHARGE)
    assert read_back["two who wait"].kinds(Kind.LOCK_DENIED)
    assert read_back["oversold"].facts()["oversold"] == 1
    assert read_back["a dropped event"].states == ["lost"]
    assert read_back["cancelled"].sagas[0].cause == {
        "step": CHARGE,
        "op": "action",
        "outcome": "cancelled",
        "reason": "an operator cancelled the saga",
    }


def test_a_run_that_still_moves_has_no_test_yet() -> None:
    run = create_run(scenario())
    with pytest.raises(export.ExportRefused, match=re.escape(f"run {run.pk} still moves")):
        export.export(run.pk, "pytest")


def test_a_run_whose_driver_died_in_the_middle_of_a_race_has_none() -> None:
    crash = {**fault(RESERVE, "crash-before", times=1), "saga": 0}
    (raced,) = drive(scenario(crash, orders=2, stock=1, lock="off", **PATIENT))
    with pytest.raises(export.ExportRefused, match="died in the middle of a race"):
        export.export(raced.run.pk, "pytest")
