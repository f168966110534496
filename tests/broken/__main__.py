"""Breaks every rule on purpose, one at a time, in copies of the project, and sees whether its test notices.

`python -m tests.broken [NUMBER …]`; exit 1 if a test does not notice, or notices something else.
"""

from __future__ import annotations

import itertools
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.broken.table import ROOT, Broken, rules
from tests.migrated import SERVER, SHARED, clean

COPIES = 2
PATIENCE = 180  # seconds for one test
WIDTH = 110  # of what a test says, in the report
LEFT_OUT = (".venv", ".git", "var", "shots", "build", "node_modules", "__pycache__", ".*_cache", ".hypothesis")
NOT_NOTICED = ("SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError")

_moments = itertools.count(int(time.time()))


def main(numbers: Sequence[str]) -> int:
    """Return 0 if every rule that is asked for, by default all, was missed by its test when it was broken."""
    wanted = [one for rule in rules() for one in rule.broken if not numbers or str(rule.number) in numbers]
    begun = time.monotonic()
    with copies() as trees, ThreadPoolExecutor(COPIES) as pool:
        verdicts = list(pool.map(lambda one: _tried_and_told(one, trees), wanted))
    survived = [verdict for verdict in verdicts if verdict]
    sys.stdout.write(f"{len(wanted)} broken, {len(survived)} unnoticed, {time.monotonic() - begun:.0f} s\n")
    return 1 if survived else 0


@contextmanager
def copies() -> Iterator[queue.Queue[Path]]:
    """Give copies of the project that are not in use."""
    free: queue.Queue[Path] = queue.Queue()
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        for n in range(COPIES):
            free.put(Path(shutil.copytree(ROOT, Path(folder) / str(n), ignore=shutil.ignore_patterns(*LEFT_OUT))))
        yield free


def _tried_and_told(one: Broken, trees: queue.Queue[Path]) -> str:
    tree = trees.get()
    try:
        wrong, seen = tried(one, tree)
    finally:
        trees.put(tree)
    sys.stdout.write(f"{'WRONG ' if wrong else 'ok    '}{one}\n      {(wrong or seen)[:WIDTH]}\n")
    sys.stdout.flush()
    return wrong


def tried(one: Broken, tree: Path) -> tuple[str, str]:
    """Return what is wrong, or "", and what the test said of the broken line."""
    file = tree / one.file
    whole = file.read_text()
    if whole.count(one.line) != 1:
        return f"its line stands {whole.count(one.line)} times in {one.file}", ""
    try:
        _write(file, whole.replace(one.line, one.instead))
        return judged(one, *_run(one.test, tree))
    finally:
        _write(file, whole)


def judged(one: Broken, code: int, output: str) -> tuple[str, str]:
    """Return what is wrong with how the test ended, or "", and what it said."""
    said = [line.removeprefix("E").strip() for line in output.splitlines() if line.startswith("E  ")]
    seen = next((line for line in said if one.seen in line), "")
    if code == 0:
        return "nobody noticed", ""
    if code != 1 or not said or any(word in line for word in NOT_NOTICED for line in said):
        return f"pytest ended with {code}: {' · '.join(said or output.splitlines()[-3:])}", ""
    return ("", seen) if seen else (f"the test does not say {one.seen!r} but: {' · '.join(said)}", "")


def _run(test: str, tree: Path) -> tuple[int, str]:
    words = ["-q", "-x", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-m", ""]
    # What a test run around this one has made was made by lines that are whole.
    kept = {n: v for n, v in clean().items() if not n.startswith(("PYTEST_", "COV_")) and n not in (SERVER, SHARED)}
    command = [sys.executable, "-m", "pytest", *words, test]
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env={**kept, "PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return 2, f"no end within {PATIENCE} s"
    return done.returncode, done.stdout


def _write(file: Path, text: str) -> None:
    """Write a file with a time of change that it never had, so that no compiled copy is taken for it."""
    file.write_text(text)
    moment = next(_moments)
    os.utime(file, (moment, moment))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
