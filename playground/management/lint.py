"""`saga lint`: what goes wrong with a saga, or with a scenario, before anything is run for real."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from django.core.management import CommandError
from rich.console import Console
from rich.markup import escape

from playground.lint import Advice, advise, advise_on
from playground.management.scenarios import scenario_from_options
from sagas import catalog
from sagas.definition import Declaration, SagaDefinition
from sagas.errors import DefinitionInvalid, DefinitionUnknown
from sagas.lint import Declared, Severity
from sagas.runs import payload_of
from sagas.tryout import Terms, try_steps

UNREADABLE = 2
ENDS = "exit 0: no errors; 1: errors; 2: nothing that can be linted"
STYLES: Mapping[Severity, str] = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Return the parser of this sub-command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "lint",
        help=f"what goes wrong with a saga or a scenario; {ENDS}",
        description=f"What goes wrong with a saga's steps, budgets and protections, and what to do; {ENDS}.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a saga of the catalog, a module with definitions, or module:attribute; also what is refused when it is "
        "made (default: every saga of the catalog)",
    )
    parser.add_argument("--scenario", metavar="FILE", help="a scenario as JSON; - reads standard input")
    parser.add_argument("--payload", metavar="JSON", help="what an order is about, for steps of your own")
    return parser


def handle(options: Mapping[str, Any]) -> int:
    """Print the findings; return the exit code. Raises CommandError, with exit code 2, for what cannot be linted."""
    report = _Report(as_json=options["json"])
    payload = _payload(options["payload"])
    if options["scenario"]:
        _lint_scenario(options["name"], options["scenario"], report)
        return report.end()
    for declared in _declared(options["name"]):
        terms = Terms(payload=payload_of(declared.name) if payload is None else payload)
        report.take(declared.name, advise_on(declared, try_steps(declared, terms)))
    return report.end()


def _lint_scenario(name: str | None, file: str, report: _Report) -> None:
    try:
        scenario = scenario_from_options(name, file, [])
    except ValueError as error:
        raise CommandError(str(error), returncode=UNREADABLE) from None
    definition = catalog.definition(scenario.saga)
    terms = Terms(payload=payload_of(scenario.saga), idempotency=scenario.idempotency, key_scope=scenario.key_scope)
    report.take(scenario.saga, advise(scenario, try_steps(definition, terms)))


def _payload(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--payload: not JSON: {error}", returncode=UNREADABLE) from None
    if not isinstance(value, dict):
        raise CommandError("--payload: what an order is about is a JSON object", returncode=UNREADABLE)
    return value


def _declared(name: str | None) -> list[Declared]:
    """Return what is to be linted: every saga of the catalog, one of them, or what a module declares."""
    if name is None:
        return list(catalog.DEFINITIONS.values())
    if "." not in name and ":" not in name and not name.endswith(".py"):
        try:
            return [catalog.definition(name)]
        except DefinitionUnknown:
            if not name.isidentifier() or importlib.util.find_spec(name) is None:
                known = ", ".join(sorted({known for known, _ in catalog.DEFINITIONS}))
                raise CommandError(
                    f"there is no saga and no module {name!r}; the sagas are {known}", returncode=UNREADABLE
                ) from None
    place, _, attribute = name.partition(":")
    try:
        module = _module(place)
    except DefinitionInvalid as refusal:
        if not isinstance(refusal.declared, Declaration):
            raise
        return [refusal.declared]
    found = [each for key, each in vars(module).items() if _is_declared(each) and attribute in ("", key)]
    if not found:
        raise CommandError(f"{name}: there is no saga definition", returncode=UNREADABLE)
    return list(dict.fromkeys(found))


def _module(place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except DefinitionInvalid:
        raise
    except Exception as error:  # whatever the code of somebody else raises while it is read
        raise CommandError(f"{place}: {type(error).__name__}: {error}", returncode=UNREADABLE) from error
    return module


def _is_declared(value: object) -> bool:
    return isinstance(value, SagaDefinition | Declaration)


class _Report:
    """Prints each finding as it comes, and counts."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._counts: Counter[Severity] = Counter()

    def take(self, saga: str, advice: list[Advice]) -> None:
        """Print what was found in one saga."""
        self._counts.update(each.finding.severity for each in advice)
        if self._as_json:
            for each in advice:
                self._line({"saga": saga, **each.to_json()})
            return
        self._console.print(f"[bold]{escape(saga)}[/]" + ("" if advice else ": nothing found"))
        for line in (line for each in advice for line in _lines(each)):
            self._console.print(line)

    def end(self) -> int:
        """Say how many; return the exit code."""
        counts = {f"{severity}s": self._counts[severity] for severity in Severity}
        if self._as_json:
            self._line(counts)
        elif any(counts.values()):
            self._console.print(", ".join(f"{n} {name if n != 1 else name[:-1]}" for name, n in counts.items() if n))
        return int(bool(self._counts[Severity.ERROR]))

    def _line(self, value: Mapping[str, Any]) -> None:
        self._console.file.write(json.dumps(value) + "\n")


def _lines(advice: Advice) -> Iterator[str]:
    found = advice.finding
    where = ", ".join(step for step in (found.step, *advice.also) if step)
    refused = "; SagaDefinition refuses it" if found.refused else ""
    style = STYLES[found.severity]
    yield f"  [{style}]{found.severity:<8}[/] [bold]{escape(found.rule)}[/]  {escape(where)}[dim]{refused}[/]"
    yield f"    {escape(found.wrong)}"
    yield f"    {escape(found.instead)}"
    if advice.address:
        yield f"    see it happen: {escape(advice.address)}"
