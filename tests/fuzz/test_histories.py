"""Recorded histories with arbitrary damage: they are read, or refused by field, and never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from playground import imports
from playground.imports import HistoryInvalid, scenes
from tests.fuzzing import depths, fuzz
from tests.play import ROOT

HISTORIES = sorted((ROOT / "tests" / "data" / "histories").glob("*.json"))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=True),
    st.text(max_size=8),
    st.sampled_from(
        ["undo x", "undo-", "{}", "[", '{"Payload": 3}', "2036-11-22T17:10:07.530Z", "0", "e" * 400, 10**30]
    ),
    st.just({}),
    st.just([]),
    st.lists(st.none(), max_size=2),
)

Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the way to every part of a value."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, key)
        yield from places(each, (*at, key))


WHOLE = {path.stem: json.loads(path.read_text()) for path in HISTORIES}
PLACES = {name: list(places(value)) for name, value in WHOLE.items()}


def damaged(name: str, hurts: list[tuple[int, Any, bool]]) -> str:
    value = copy.deepcopy(WHOLE[name])
    for number, new, gone in hurts:
        *way, last = PLACES[name][number % len(PLACES[name])]
        part = value
        try:
            for key in way:
                part = part[key]
            if gone:
                del part[last]
            else:
                part[last] = copy.deepcopy(new)  # one value may be drawn for two places, one within the other
        except (KeyError, IndexError, TypeError):
            continue  # an earlier hurt has taken it away
    return json.dumps(value)


@depths(ordinary=60, torture=4000)
def test_a_damaged_history_is_read_or_refused_by_field(examples: int) -> None:
    tried, read, refused = 0, 0, 0
    hurt = st.tuples(st.integers(0, 10**6), VALUES, st.booleans())

    def holds(asked: tuple[str, list[tuple[int, Any, bool]]]) -> None:
        nonlocal tried, read, refused
        tried += 1
        try:
            history = imports.read(asked[0].partition("-")[0], damaged(*asked))
        except HistoryInvalid as error:
            refused += all(found["field"] and found["message"] for found in error.errors)
            return
        read += 1
        assert len(list(scenes.frames(history))) == len(history.entries)
        scenes.trace(history, len(history.entries))
        assert imports.history.from_json(json.loads(json.dumps(history.to_json()))) == history

    fuzz(examples, st.tuples(st.sampled_from(sorted(WHOLE)), st.lists(hurt, min_size=1, max_size=4)), holds)
    assert read > 5
    assert refused > 5
    assert tried == read + refused, "every refusal names a field and says what is wrong with it"


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_an_undamaged_history_is_read(path: Path) -> None:
    assert imports.read(path.stem.partition("-")[0], path.read_text()).steps
