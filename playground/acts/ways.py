"""The files of the takeaways page: of each platform's project every file, its lines of the way back marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playground.acts.takeaways import Line
from playground.export import scenarios
from playground.export.project import Project
from playground.scenario import Scenario

PYTHON, MACHINE = ".py", ".asl.json"

_UNDO = re.compile(r"(?:^|\s)# undo\b(?![`\"])")  # the comment itself, not prose that quotes it
_STATE, _STATE_ENDS = re.compile(r' {4}"[^"]+": \{'), re.compile(r" {4}\}")
_UNDO_STATE = re.compile(r' {6}"Comment": "undo ')


@dataclass(frozen=True, slots=True)
class File:
    """One file of a project; its lines keep their line feeds, so that they join to the file itself."""

    path: str
    lines: Sequence[Line]

    @property
    def backs(self) -> int:
        """How many lines belong to the way back."""
        return sum(line.back for line in self.lines)

    @property
    def first_back(self) -> int | None:
        """The index of the first of them; None where there is none."""
        return next((n for n, line in enumerate(self.lines) if line.back), None)


@dataclass(frozen=True, slots=True)
class Tab:
    """One platform's project: `files` begin with the one to read first."""

    key: str
    name: str
    note: str
    files: Sequence[File]


def tabs(scenario: Scenario) -> list[Tab]:
    """Return a tab for each platform. Raises ExportRefused where the scenario cannot be driven there."""
    return [
        Tab(key, way.name, way.note, _files(scenarios.project(key, scenario), way.main))
        for key, way in scenarios.WAYS.items()
    ]


def marked(path: str, text: str) -> list[Line]:
    """Return the lines of a file, with those of the way back marked as the file itself says."""
    lines = text.splitlines(keepends=True)
    if path.endswith(PYTHON):
        return [Line(line, bool(_UNDO.search(line))) for line in lines]
    backs = set(_undo_states(lines)) if path.endswith(MACHINE) else set[int]()
    return [Line(line, n in backs) for n, line in enumerate(lines)]


def _files(project: Project, main: str) -> list[File]:
    paths = sorted(project.files, key=lambda path: (path != main, path))
    return [File(path, marked(path, project.files[path])) for path in paths]


def _undo_states(lines: Sequence[str]) -> Iterator[int]:
    """Yield the indexes of the lines of each state of a machine whose comment begins with `undo`."""
    begun = 0
    for n, line in enumerate(lines):
        if _STATE.match(line):
            begun = n
        if _STATE_ENDS.match(line) and any(_UNDO_STATE.match(each) for each in lines[begun : n + 1]):
            yield from range(begun, n + 1)
