"""Every rule has its tests, and lines that break it; the table and its page stay true to the code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.broken.__main__ import copies, judged, tried
from tests.broken.table import PAGE, ROOT, Broken, named_tests, rules

NUMBERS = list(range(1, 41))
BROKEN = [one for rule in rules() for one in rule.broken]
BLIND = Broken(
    rule=24,
    file="sagas/definition.py",
    line="return int(min(self.max_ms, raw))",
    instead="return int(min(raw, self.max_ms))",
    test="tests/unit/test_definition.py::test_rule_24_waits_grow_by_the_factor_up_to_the_cap",
    seen="",
)


def test_every_rule_has_a_test_that_carries_its_number() -> None:
    assert sorted(named_tests()) == NUMBERS


def test_every_rule_is_broken_on_purpose_and_said_in_a_sentence() -> None:
    assert [rule.number for rule in rules()] == NUMBERS
    assert [rule.number for rule in rules() if not rule.broken] == []
    assert [rule.number for rule in rules() if not rule.says.endswith(".") or "\n" in rule.says] == []


@pytest.mark.parametrize("one", BROKEN, ids=str)
def test_each_broken_line_still_stands_and_its_test_is_there(one: Broken) -> None:
    assert (ROOT / one.file).read_text().count(one.line) == 1
    assert one.instead != one.line
    assert one.test in named_tests()[one.rule]
    assert one.seen, "what the test says belongs to the table"


def test_the_page_tells_every_rule_and_no_test_that_is_not_there() -> None:
    page = PAGE.read_text()
    told = {word for word in page.replace("`", " ").replace(",", " ").split() if word.startswith("test_rule_")}
    there = {test.partition("::")[2] for tests in named_tests().values() for test in tests}
    assert told - there - {"test_rule_NN_…"} == set(), "make rules"
    for rule in rules():
        assert f"## {rule.number}\n\n{rule.says}\n" in page, "make rules"
        for one in rule.broken:
            assert one.seen in page, "make rules"
            assert all(line in page for line in one.instead.splitlines()), "make rules"


def test_a_test_that_notices_nothing_or_cannot_run_is_told() -> None:
    assert judged(BLIND, 0, "1 passed") == ("nobody noticed", "")
    assert judged(BLIND, 1, "E   NameError: name 'x' is not defined")[0].startswith("pytest ended with 1: NameError")
    assert judged(BLIND, 4, "not found")[0].startswith("pytest ended with 4: not found")
    assert judged(BLIND, 1, "E   assert 1 == 2") == ("", "assert 1 == 2")


@pytest.mark.torture
@pytest.mark.timeout(60)
def test_a_line_that_means_the_same_is_noticed_by_nobody() -> None:
    with copies() as trees:
        assert tried(BLIND, trees.get()) == ("nobody noticed", "")


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_whatever_rule_is_broken_its_test_notices() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.broken"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
