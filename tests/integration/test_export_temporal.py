"""A run as a Temporal project: what is in the zip, and that it comes to what the run came to."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from playground import export
from playground.export.taken import ExportRefused
from tests.conformance.temporal import outcome_of
from tests.engine import Finished, drive, fault, scenario
from tests.temporal import Temporal

pytestmark = pytest.mark.usefixtures("engine_databases")

FILES = {
    "README.md",
    "activities.py",
    "requirements.txt",
    "run.py",
    "saga.py",
    "services.py",
    "shapes.py",
    "test_saga.py",
    "workflow.py",
}
SCENARIOS = {
    "all well": scenario(),
    "the trip": scenario(saga="trip"),
    "refused at the end": scenario(fault("book-delivery", "decline")),
    "lost reply": scenario(fault("charge-payment", "lost-reply")),
    "unheard, then refused": scenario(
        fault("charge-payment", "lost-reply", times=1), fault("charge-payment", "decline")
    ),
    "late": scenario(fault("notify-warehouse", "late"), retry={"max_attempts": 1}),
    "errors": scenario(fault("create-order", "error", times=2)),
    "dies after": scenario(fault("charge-payment", "crash-after", times=1)),
    "twice": scenario(fault("charge-payment", "duplicate")),
    "stuck": scenario(fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation")),
    "pivot unheard": scenario(fault("charge-card", "timeout"), saga="trip"),
    "two for one": scenario(orders=2, stock=1, lock="wait"),
    "out of stock": scenario(stock=0),
    "deadline": scenario(
        fault("create-order", "error"),
        deadline_ms=3000,
        retry={"max_attempts": 9, "initial_ms": 60_000, "max_ms": 60_000},
    ),
}
ASK = (
    "import asyncio, json, sys; from pathlib import Path; from temporalio.client import Client; import run\n"
    "async def go(): return await run.drive(await Client.connect(sys.argv[1]), Path('books'))\n"
    "ends = asyncio.run(go()); print(json.dumps({'ends': ends, 'books': run.books()}))"
)


@cache
def played(name: str) -> Finished:
    """Return the run of a scenario on this project's own worker."""
    return drive(SCENARIOS[name])[0]


def unpacked(run: Finished, folder: Path) -> Path:
    written = export.export(run.run.pk, "temporal").text
    assert isinstance(written, bytes)
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        archive.extractall(folder)
    (project,) = folder.iterdir()
    return project


def test_a_project_has_all_that_it_needs_and_marks_its_way_back(tmp_path: Path) -> None:
    project = unpacked(played("refused at the end"), tmp_path)
    assert project.name == "order-temporal"
    assert {file.name for file in project.iterdir()} == FILES
    for file in project.glob("*.py"):
        text = file.read_text()
        ast.parse(text)
        assert "playground" not in text.replace("Five Ledgers", "")
        assert "noqa" not in text
    marked = [line for line in (project / "saga.py").read_text().splitlines() if line.endswith("# undo")]
    assert [line.split('"')[1] for line in marked if "undo=" in line] == [
        "release-inventory",
        "cancel-order",
        "refund-payment",
        "recall-pick",
        "cancel-delivery",
    ]
    assert 'Fault("book-delivery", "action", "decline")' in (project / "saga.py").read_text()
    assert "reversed(STEPS):  # undo" in (project / "workflow.py").read_text()


def test_the_same_run_gives_the_same_bytes_over_the_api() -> None:
    run = played("all well").run.pk
    answer = Client().get(f"/api/runs/{run}/export", {"format": "temporal"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="run-{run}.temporal.zip"'
    assert answer.content == export.export(run, "temporal").text


def test_what_nobody_drives_is_refused(engine_databases: None) -> None:
    (run,) = drive(scenario(mode="choreography"))
    with pytest.raises(ExportRefused, match="a workflow drives, and there nobody does"):
        export.export(run.run.pk, "temporal")


def test_whoever_exports_needs_no_temporal() -> None:
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'playground.settings'; sys.modules['temporalio'] = None;"
        "import django; django.setup(); import playground.urls; from playground import export; print(list(export.FORMATS))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "temporal" in told.stdout


@pytest.mark.torture
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_project_comes_to_what_the_run_came_to(name: str, tmp_path: Path) -> None:
    project, was = unpacked(played(name), tmp_path), outcome_of(played(name))
    with Temporal() as server:
        told = _python(project, "-c", ASK, server.address)
    assert told.returncode == 0, told.stderr
    came = json.loads(told.stdout.splitlines()[-1])
    assert sorted(came["ends"].values()) == sorted(was.ends.values())
    for service, rows in was.books.items():
        ours, theirs = ([_kept(row, len(was.ends)) for row in each] for each in (rows, came["books"][service]))
        assert ours == theirs, service


def _kept(row: Any, orders: int) -> tuple[Any, ...]:
    """Return a row as it is, but for whose it is where several orders want one unit: either may get it."""
    return tuple(row) if orders == 1 else tuple(row)[1:3]


@pytest.mark.torture
@pytest.mark.parametrize("name", ["all well", "refused at the end", "stuck"])
def test_a_project_tests_itself(name: str, tmp_path: Path) -> None:
    project = unpacked(played(name), tmp_path)
    with Temporal() as server:
        told = _python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEMPORAL_ADDRESS=server.address)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "3 passed" in told.stdout


def _python(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DJANGO"))}
    return subprocess.run(
        [sys.executable, *words], cwd=project, env={**kept, **environment}, capture_output=True, text=True, timeout=100
    )
