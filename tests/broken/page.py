"""The page of the rules, written from the table: `make rules`."""

from __future__ import annotations

from itertools import groupby

from tests.broken.table import PAGE, Broken, Rule, named_tests, rules

HEAD = """# What must always be true

Forty rules. Each has tests that carry its number, `test_rule_NN_…`, and each of those below was seen to fail when the
line beside it was broken on purpose. `make mutants` breaks them all again, one at a time, in a copy of the project;
`make rules` writes this page from [the table](../tests/broken/rules.toml).
"""


def page() -> str:
    """Return the page."""
    tests = named_tests()
    return "\n".join([HEAD, *(_section(rule, tests.get(rule.number, [])) for rule in rules())])


def _section(rule: Rule, tests: list[str]) -> str:
    said = [f"## {rule.number}", "", rule.says, ""]
    for file, names in groupby(tests, key=lambda test: test.partition("::")[0]):
        listed = ", ".join(f"`{name.partition('::')[2]}`" for name in names)
        said.append(f"- [{file.removeprefix('tests/')}](../{file}): {listed}")
    return "\n".join([*said, "", *(text for one in rule.broken for text in _broken(one))])


def _broken(one: Broken) -> list[str]:
    test = one.test.partition("::")[2]
    return [
        f"Broken on purpose in `{one.file}`:",
        "",
        "```diff",
        *(f"- {text}" for text in one.line.splitlines() if text.strip()),
        *(f"+ {text}" for text in one.instead.splitlines() if text.strip()),
        "```",
        "",
        f"`{test}` then fails: `{one.seen}`",
        "",
    ]


if __name__ == "__main__":
    PAGE.write_text(page())
