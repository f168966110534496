"""A thousand runs in shapes and counts."""

from __future__ import annotations

from playground.tally import FACES, groups
from playground.verdicts import Outcome


def test_every_outcome_has_a_shape_of_its_own_and_words() -> None:
    assert set(FACES) == set(Outcome)
    assert len({face.shape for face in FACES.values()}) == len(FACES), "never by hue alone"
    assert len({face.words for face in FACES.values()}) == len(FACES)


def test_runs_are_sorted_by_what_became_of_them_and_keep_their_numbers() -> None:
    found = groups([Outcome.COMPENSATED, Outcome.COMPLETED, Outcome.HALF_DONE, Outcome.COMPENSATED], "shipped")
    lines = {group.words: list(group.runs) for group in found}
    assert lines["shipped, charged once"] == [2]
    assert lines["failed, all undone"] == [1, 4]
    assert lines["half done, and no one will undo it"] == [3]
    assert lines["charged twice"] == lines["oversold"] == lines["a rule is broken"] == []
    assert "some shipped, the others undone" not in lines, "what cannot be is not counted"
