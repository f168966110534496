"""The picture of a journal: every attempt is a bar, where it belongs, and every crash and act is marked."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sagas.admin.timeline import IDLE_MS, LABELS, PLOT, THINNEST, Line, Picture, draw
from sagas.admin.words import lasted
from sagas.entries import Entry, Kind, Lane
from tests.builders import (
    COMPENSATION,
    NOW,
    ORDER_ID,
    SAGA,
    called,
    done,
    fact,
    failed,
    names,
    ok,
    operator,
    queued,
    refused,
    scheduled,
    started,
    stuck,
    tries,
    turned,
    unknown,
)

FIRST, SECOND, THIRD, *_ = names()
LINE = Line(saga=SAGA, order=ORDER_ID, state="running", steps=names())


def placed(*entries: Entry, every: int = 100) -> list[Entry]:
    return [entry.placed(n, NOW + n * every) for n, entry in enumerate(entries, 1)]


def picture(*entries: Entry, every: int = 100) -> Picture:
    return draw(placed(*entries, every=every), [LINE])


def effect(step: str) -> Entry:
    detail = {"kind": "hold", "amount": 1}
    return Entry(kind=Kind.EFFECT, lane=Lane.SERVICE, saga=SAGA, order=ORDER_ID, step=step, detail=detail)


def bars(shown: Picture, step: str) -> list[tuple[str, str]]:
    return [(bar.state, bar.op) for bar in shown.bands[0].rows[step].bars]


def test_an_attempt_is_a_bar_from_its_intent_to_its_outcome() -> None:
    shown = picture(started(), *done(FIRST), *tries(SECOND, failed), scheduled(SECOND, 2, NOW), *tries(SECOND, unknown))
    assert bars(shown, FIRST) == [("done", "action")]
    assert bars(shown, SECOND) == [("failed", "action"), ("waiting", "action"), ("unknown", "action")]
    before, wait, again = shown.bands[0].rows[SECOND].bars
    assert before.x + before.width <= wait.x <= wait.x + wait.width == again.x


def test_a_compensation_is_drawn_below_its_action_and_as_undone() -> None:
    shown = picture(
        started(), *done(FIRST), *tries(SECOND, refused), *turned(SECOND, FIRST), *done(FIRST, op=COMPENSATION)
    )
    assert bars(shown, FIRST) == [("done", "action"), ("compensated", "compensation")]
    there, back = shown.bands[0].rows[FIRST].bars
    assert there.y < back.y
    assert there.x + there.width <= back.x
    assert [mark.words for mark in shown.bands[0].marks] == ["turns back"]


def test_an_attempt_without_an_outcome_reaches_to_the_last_entry() -> None:
    shown = picture(started(), called(FIRST), fact(Kind.ORCHESTRATOR_CRASHED, lane=Lane.OBSERVER))
    (bar,) = shown.bands[0].rows[FIRST].bars
    assert (bar.state, bar.x + bar.width) == ("running", shown.marks[0].x)


def test_a_place_in_a_queue_is_a_wait_until_the_next_attempt() -> None:
    shown = picture(started(), *tries(FIRST, queued), *tries(FIRST, ok))
    assert bars(shown, FIRST) == [("pending", "action"), ("waiting", "action"), ("done", "action")]
    assert "waits for a lock" in shown.bands[0].rows[FIRST].bars[1].words


def test_crashes_are_marked_on_the_run_and_acts_on_the_saga() -> None:
    crash, back = (fact(kind, lane=Lane.OBSERVER) for kind in (Kind.ORCHESTRATOR_CRASHED, Kind.ORCHESTRATOR_RECOVERED))
    shown = picture(started(), replace(crash, saga=""), replace(back, saga=""), stuck(FIRST, None), operator("retry"))
    assert [mark.words for mark in shown.marks] == ["crash", "goes on"]
    assert [(mark.state, mark.words) for mark in shown.bands[0].marks] == [
        ("stuck", "needs a person"),
        ("acted", "retry by ada"),
    ]


def test_what_a_person_does_to_the_whole_run_is_marked_on_the_run() -> None:
    shown = picture(started(), replace(operator("pause"), saga=""))
    assert [mark.words for mark in shown.marks] == ["pause by ada"]
    assert shown.bands[0].marks == []


def test_what_a_service_did_is_a_dot_whether_or_not_anybody_heard() -> None:
    shown = picture(started(), called(FIRST), effect(FIRST), unknown(FIRST))
    (bar,), (dot,) = shown.bands[0].rows[FIRST].bars, shown.bands[0].rows[FIRST].dots
    assert bar.state == "unknown"
    assert bar.x < dot.x < bar.x + bar.width
    assert dot.words.endswith("hold +1")


def test_a_long_pause_is_cut_and_says_how_long_it_was() -> None:
    entries = placed(started(), *done(FIRST), stuck(SECOND, None), operator("retry"))
    late = [*entries[:-1], replace(entries[-1], at=entries[-1].at + 3_600_000)]
    shown = draw(late, [LINE])
    ((x, words),) = shown.cuts
    assert words == "1 h"
    assert shown.bands[0].marks[0].x < x < shown.bands[0].marks[1].x
    assert picture(started(), *done(FIRST), every=IDLE_MS).cuts == []


def test_sagas_that_are_not_drawn_are_passed_over() -> None:
    other = replace(called(FIRST), saga="world-2")
    assert picture(started(), other).bands[0].rows[FIRST].bars == []
    assert draw([], [LINE]).bands[0].rows.keys() == set(names())


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=60))
def test_time_never_runs_backwards_and_nothing_leaves_the_picture(gaps: list[int]) -> None:
    entries, at = [], NOW
    for n, gap in enumerate(gaps, 1):
        at += gap
        entries.append((called(FIRST, n) if n % 2 else unknown(FIRST, n - 1)).placed(n, at))
    drawn = draw(entries, [LINE]).bands[0].rows[FIRST].bars
    places = [(bar.x, bar.x + bar.width) for bar in drawn]
    assert len(drawn) == (len(gaps) + 1) // 2
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert all(x >= LABELS and end <= LABELS + PLOT + THINNEST for x, end in places)


def test_spans_of_time_are_read_by_people() -> None:
    spans = (0, 40, 1250, 59_999, 61_000, 3_600_000, 7_440_000, 90_000_000)
    assert [lasted(ms) for ms in spans] == [
        "0 ms",
        "40 ms",
        "1.25 s",
        "60 s",
        "1 min 1 s",
        "1 h",
        "2 h 4 min",
        "1 d 1 h",
    ]
