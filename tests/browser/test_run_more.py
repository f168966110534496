"""More of a run's page: several orders, a person's word, a fork, two runs side by side, and what every page is held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.checks import SCHEMES, SHIFT, WIDTHS, problems, shifted, watch_shifts, weigh
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.browser.test_run import EVENTFUL, UNGUARDED, finished, press, scenes, seek, shows, start
from tests.play import Play

ReaderOf = Callable[..., Reader]

MANY: dict[str, Any] = {
    "orders": 8,
    "stock": 8,
    "latency_ms": 0,
    "retry": {"max_attempts": 4, "initial_ms": 5},
    "faults": [
        {"step": step, "kind": "error", "times": 3} for step in ("create-order", "charge-payment", "notify-warehouse")
    ],
}
STUCK: dict[str, Any] = {
    "latency_ms": 0,
    "compensation_retry": {"max_attempts": 1},
    "faults": [
        {"step": "notify-warehouse", "kind": "decline"},
        {"step": "charge-payment", "on": "compensation", "kind": "error", "times": 1},
    ],
}
INTERACTION_MS = 150


@pytest.fixture(scope="module")
def two(shared_play: Play) -> str:
    """Two orders for one lamp, one of them stuck at its undo."""
    return finished(shared_play, start(shared_play, orders=2, stock=2, **STUCK))


@pytest.fixture(scope="module")
def unguarded(shared_play: Play) -> str:
    """A run that was abandoned: its lights are red."""
    return finished(shared_play, start(shared_play, **UNGUARDED))


@pytest.fixture(scope="module")
def many(shared_play: Play) -> str:
    """Eight orders with retries: several hundred entries."""
    return finished(shared_play, start(shared_play, **MANY))


def test_several_orders_are_seen_one_at_a_time_at_the_same_moment(
    shared_play: Play, reader: ReaderOf, many: str
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/runs/{many}/?at=150")
    assert page.locator("#others li").count() == 7
    page.locator("#others li", has_text="ord-8415").get_by_role("link").click()
    page.wait_for_url("**saga=*")
    assert "at=150" in page.url
    assert page.locator("#order").inner_text() == "ord-8415"
    shows(page, scenes(one, many, f"{many}-4")[149])
    assert page.locator("#trace .span-row").count() >= 5


def test_every_move_on_a_run_of_hundreds_of_entries_is_painted_at_once(
    shared_play: Play, reader: ReaderOf, many: str, record_property: Callable[[str, object], None]
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/runs/{many}/")
    entries = len(scenes(one, many))
    assert entries > 300
    for seq in (1, 150, 250, 350):  # a page of frames each
        seek(page, seq)
        expect(page.locator(".stage")).to_have_attribute("data-seq", str(seq), timeout=PATIENCE_MS)
    took = page.evaluate(
        """() => {
          const range = document.querySelector('#scrub input[type=range]'), stage = document.querySelector('.stage')
          const lines = [...document.querySelectorAll('#journal li')]
          return [1, 200, 40, 290, 3, 120, 280, 60].map((seq) => {
            const begun = performance.now()
            range.value = lines[seq - 1].dataset.t
            range.dispatchEvent(new Event('input'))
            document.body.offsetHeight
            return stage.dataset.seq === String(seq) ? performance.now() - begun : null
          })
        }"""
    )
    assert None not in took
    record_property("budget", f"run of {entries} entries: a move {max(took):.0f} of {INTERACTION_MS} ms")


def test_a_person_lets_a_stuck_saga_go_on_and_only_at_the_newest_moment(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = finished(shared_play, start(shared_play, **STUCK))
    page = one.open(f"/runs/{run}/")
    resume = page.get_by_role("button", name="Fix the cause and resume")
    expect(page.locator("#light-end [data-now]")).to_have_attribute("data-state", "pending")
    press(page, "ArrowLeft")
    expect(resume).to_be_hidden()
    press(page, "End")
    resume.click()
    one.wait_for_end("compensated")
    expect(page.locator("#alert")).to_be_hidden()
    expect(page.locator("#journal li b").last).to_have_text("run-finished", timeout=PATIENCE_MS)
    assert one.api(f"/api/runs/{run}")["facts"]["consistent"]
    expect(page.locator("#light-end [data-now]")).to_have_attribute("data-state", "done")


def test_the_page_stops_with_the_worker_at_what_is_committed_and_goes_on_after_it(
    live_play: Callable[..., Play], reader: ReaderOf
) -> None:
    play = live_play(SAGA_LEASE_SECONDS="1")
    one = reader(play.url)
    run = start(play, latency_ms=700, faults=[{"step": "notify-warehouse", "kind": "error"}])
    page = one.open(f"/runs/{run}/")
    expect(page.locator("#rows-payments tr").first).to_be_attached(timeout=PATIENCE_MS)
    play.kill()
    shown = one.seq()
    assert page.locator("#journal li").count() == shown
    play.start()
    assert shown <= one.api(f"/api/runs/{run}/journal")["entries"][-1]["seq"]
    one.wait_for_end("compensated")
    entries = one.api(f"/api/runs/{run}/journal")["entries"]
    lines = [int(text) for text in page.locator("#journal .seq").all_text_contents()]
    assert lines == [entry["seq"] for entry in entries], "no gap, no double"
    seek(page, shown)
    shows(page, scenes(one, run)[shown - 1])
    one.console.clear()  # the browser itself reports the sockets that could not connect meanwhile


def test_two_runs_stand_side_by_side_and_part_where_they_differ(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    well = {**EVENTFUL, "faults": EVENTFUL["faults"][:1]}
    left, right = (finished(shared_play, start(shared_play, **scenario)) for scenario in (EVENTFUL, well))
    page = one.open(f"/runs/{left}/beside/{right}/")
    journals = [one.api(f"/api/runs/{run}/journal")["entries"] for run in (left, right)]
    says = [[(e["kind"], e["step"], e["attempt"]) for e in journal] for journal in journals]
    first = next(n for n, (a, b) in enumerate(zip(*says, strict=False), 1) if a != b)
    assert page.locator("#first-difference .n").inner_text().startswith(str(first))
    expect(page.locator(".difference")).to_contain_text(f"They agree on {first - 1} entries")
    expect(page.locator("#c-stage")).to_have_attribute("data-end", "compensated")
    expect(page.locator("#o-stage")).to_have_attribute("data-end", "done")
    expect(page.locator("#scrub")).to_be_visible()
    page.get_by_role("button", name="Go to the first difference").click()
    expect(page.locator("#c-stage")).to_have_attribute("data-end", "")
    seqs = [int(page.locator(f"#{lane}stage").get_attribute("data-seq") or 0) for lane in ("c-", "o-")]
    assert min(seqs) <= first <= max(seqs)


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS, SCHEMES * 2, strict=True)))
def test_no_width_scrolls_sideways_and_axe_finds_nothing(
    shared_play: Play, reader: ReaderOf, two: str, unguarded: str, width: int, scheme: str
) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path in (f"/runs/{two}/?at=19", f"/runs/{unguarded}/", f"/runs/{two}/beside/{unguarded}/"):
        assert problems(one.open(path), width) == [], path


def test_nothing_jumps_while_the_run_goes_on(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = start(shared_play, latency_ms=60)
    one.open(f"/runs/{run}/")
    watch_shifts(one.page)
    one.wait_for_end("done")
    assert shifted(one.page) <= SHIFT


def test_the_pages_are_light(shared_play: Play, reader: ReaderOf, two: str, unguarded: str) -> None:
    for path in (f"/runs/{two}/", f"/runs/{unguarded}/", f"/runs/{two}/beside/{unguarded}/"):
        weigh(reader(shared_play.url), path)
