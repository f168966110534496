"""Entries: one fact, its place, and the shape in which it travels."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagas.entries import Entry, Kind, Lane, Op, entry_from_json, iso_from_ms, ms_from_iso
from tests.builders import NOW, called, started

LAST_MS = 253_402_300_799_999  # the last millisecond of the year 9999
KINDS = [
    "saga-started",
    "attempt-started",
    "attempt-succeeded",
    "attempt-failed",
    "attempt-unknown",
    "retry-scheduled",
    "lock-acquired",
    "lock-denied",
    "lock-released",
    "step-fenced",
    "replayed",
    "compensation-owed",
    "settlement-owed",
    "saga-compensating",
    "saga-completed",
    "saga-compensated",
    "saga-needs-operator",
    "saga-abandoned",
    "saga-lost",
    "operator-acted",
    "orchestrator-crashed",
    "orchestrator-recovered",
    "event-published",
    "event-dropped",
    "event-handled",
    "effect",
    "run-finished",
]

details = st.dictionaries(
    st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s, max_size=3))
)
entries = st.builds(
    Entry,
    kind=st.sampled_from(Kind),
    lane=st.sampled_from(Lane),
    saga=st.text(),
    order=st.text(),
    step=st.text(),
    op=st.none() | st.sampled_from(Op),
    attempt=st.integers(0),
    key=st.text(),
    detail=details,
    seq=st.integers(0),
    at=st.integers(0, LAST_MS),
)


@given(entries)
def test_rule_07_an_entry_survives_its_wire_shape(entry: Entry) -> None:
    assert entry_from_json(json.loads(json.dumps(entry.to_json()))) == entry


@given(st.integers(0, LAST_MS))
def test_a_moment_survives_its_text_to_the_millisecond(ms: int) -> None:
    assert ms_from_iso(iso_from_ms(ms)) == ms


@given(st.integers(0, LAST_MS), st.integers(0, LAST_MS))
def test_moments_sort_as_their_texts_do(one: int, other: int) -> None:
    assert (one < other) is (iso_from_ms(one) < iso_from_ms(other))


def test_a_moment_is_written_with_milliseconds_and_z() -> None:
    assert iso_from_ms(NOW + 7) == "2026-11-18T11:06:40.007Z"
    assert iso_from_ms(0) == "1970-01-01T00:00:00.000Z"


def test_what_does_not_apply_is_null_on_the_wire() -> None:
    assert Entry(kind=Kind.RUN_FINISHED, lane=Lane.OBSERVER, seq=3).to_json() == {
        "seq": 3,
        "at": "1970-01-01T00:00:00.000Z",
        "lane": "observer",
        "saga": None,
        "order": None,
        "kind": "run-finished",
        "step": None,
        "op": None,
        "attempt": None,
        "key": None,
        "detail": {},
    }


def test_an_attempt_is_told_by_step_direction_number_and_key() -> None:
    told = called("charge-payment", 2, Op.COMPENSATION, "saga:ord-8412:refund-payment").to_json()
    assert (told["step"], told["op"], told["attempt"]) == ("charge-payment", "compensation", 2)
    assert told["key"] == "saga:ord-8412:refund-payment"


def test_a_place_in_the_journal_changes_nothing_else() -> None:
    placed = started().placed(1, NOW)
    assert (placed.seq, placed.at) == (1, NOW)
    assert placed.placed(0, 0) == started()


def test_an_entry_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        started().seq = 2  # type: ignore[misc]


@pytest.mark.parametrize(("field", "value"), [("kind", "saga-exploded"), ("lane", "rumour"), ("op", "both")])
def test_an_unknown_word_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=value):
        entry_from_json({**started().to_json(), field: value})


def test_a_missing_field_is_refused() -> None:
    told = started().to_json()
    del told["lane"]
    with pytest.raises(KeyError):
        entry_from_json(told)


def test_the_vocabulary_is_that_of_the_outside() -> None:
    assert sorted(Kind) == sorted(KINDS)
    assert (sorted(Lane), sorted(Op)) == (["observer", "orchestrator", "service"], ["action", "compensation"])
