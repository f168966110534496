"""Times as a person reads them."""

from __future__ import annotations

import pytest

from playground import wording


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "just now"),
        (9, "just now"),
        (10, "10 s ago"),
        (59, "50 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 d ago"),
    ],
)
def test_an_age_is_said_so_coarsely_that_it_seldom_changes(seconds: int, said: str) -> None:
    assert wording.ago(seconds) == said


@pytest.mark.parametrize(("ms", "said"), [(0, "0.0 s"), (9_430, "9.4 s"), (59_999, "59.9 s"), (185_000, "3 min 5 s")])
def test_what_a_run_took_is_said_to_a_tenth_of_a_second(ms: int, said: str) -> None:
    assert wording.lasted(ms) == said
