"""The page about a public site tells the limits that there are."""

from __future__ import annotations

import re

import pytest

from playground import limits
from playground.bodies import MAX_BODY
from playground.edges import MAX_SAID
from playground.limits import AtOnce, Limit
from tests.play import ROOT

SPANS = {60: "a minute", 3600: "an hour", 900: "in 15 minutes"}
LIMITS = {name: value for name, value in vars(limits).items() if isinstance(value, Limit | AtOnce)}


def told() -> list[tuple[str, str]]:
    """Return the two columns of numbers of each row of the table."""
    text = (ROOT / "docs" / "PUBLIC.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [(row[1], row[2]) for row in rows if len(row) == 3 and re.match(r"\d", row[1])]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_told(name: str) -> None:
    limit = LIMITS[name]
    span = "at once" if isinstance(limit, AtOnce) else SPANS[limit.seconds]
    assert (f"{limit.mine:,} {span}", f"{limit.all:,} {span}") in told()
    assert limit.mine <= limit.all


def test_nothing_is_told_that_is_no_limit() -> None:
    assert len(told()) == len(LIMITS) + 1  # the last row is about bodies
    assert told()[-1] == (f"{MAX_BODY // 1024} kB; {MAX_SAID // 1024} kB", "")
