"""The table of rules: what each says, and lines broken on purpose, each with the test that must notice."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TABLE = Path(__file__).with_name("rules.toml")
PAGE = ROOT / "docs" / "RULES.md"

_NAMED = re.compile(r"test_rule_(\d\d)_\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """`line` of `file` becomes `instead`; then `test` (a node id) fails, and `seen` is part of what it says."""

    rule: int
    file: str
    line: str
    instead: str
    test: str
    seen: str

    def __str__(self) -> str:
        first = next(text.strip() for text in self.line.splitlines() if text.strip())
        return f"rule {self.rule:02}  {self.file}: {first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, by its number."""

    number: int
    says: str
    broken: tuple[Broken, ...]


@cache
def rules() -> list[Rule]:
    """Return every rule of the table, in its order."""
    with TABLE.open("rb") as file:
        found = tomllib.load(file)["rule"]
    return [
        Rule(
            number=each["number"],
            says=each["says"],
            broken=tuple(Broken(rule=each["number"], **one) for one in each.get("broken", ())),
        )
        for each in found
    ]


@cache
def named_tests() -> dict[int, list[str]]:
    """Return the node ids, without parameters, of the tests that carry a rule's number."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (match := _NAMED.fullmatch(node.name)):
                found.setdefault(int(match[1]), []).append(f"{path.relative_to(ROOT).as_posix()}::{node.name}")
    return found
