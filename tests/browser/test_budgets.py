"""What each page weighs, and how soon it moves: weights and jumps are held to their budgets, times are printed.

Times depend on the machine and on what else it does, so the summary of the test run shows them beside their budgets
and nothing fails by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from statistics import median, quantiles
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import BUDGETS, SHIFT, weigh
from tests.browser.conftest import Reader
from tests.play import Play

ReaderOf = Callable[..., Reader]
Note = Callable[[str, object], None]

PACE = "latency_ms=120&timeout_ms=4000"
PAGES = {
    "home": "/",
    "act 0": "/acts/0/",
    "act 1": "/acts/1/",
    "act 2": "/acts/2/",
    "act 3": "/acts/3/",
    "act 4": "/acts/4/",
    "takeaways": "/takeaways/",
    "lab": "/lab/",
}
MOVING = {"home": "/", "act 2": f"/acts/2/?{PACE}"}

WATCH = """() => {
  window.seen = { paint: 0, shift: 0, slowest: 0, frames: 0, began: performance.now(), painted: {} }
  const watch = (type, take, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more })
  watch("largest-contentful-paint", (entry) => { seen.paint = entry.startTime })
  watch("layout-shift", (entry) => { seen.shift += entry.hadRecentInput ? 0 : entry.value })
  watch("event", (entry) => { seen.slowest = Math.max(seen.slowest, entry.duration) }, { durationThreshold: 16 })
  const count = () => { seen.frames += 1; requestAnimationFrame(count) }
  requestAnimationFrame(count)
  const stage = document.querySelector(".stage")
  if (stage) new MutationObserver(() => requestAnimationFrame(() => { seen.painted[stage.dataset.seq] ??= Date.now() }))
    .observe(stage, { attributeFilter: ["data-seq"] })
}"""
SEEN = "() => ({ ...seen, seconds: (performance.now() - seen.began) / 1000 })"


def watched(page: Page) -> dict[str, Any]:
    """Return what the page has seen of itself since `WATCH`."""
    seen: dict[str, Any] = page.evaluate(SEEN)
    return seen


def lags(one: Reader, painted: dict[str, int]) -> list[float]:
    """Return milliseconds from an entry's place in the journal to its frame on the screen, for each that was painted."""
    entries = one.api(f"/api/runs/{one.run()}/journal")["entries"]
    at = {entry["seq"]: datetime.fromisoformat(entry["at"]).timestamp() * 1000 for entry in entries}
    return [seen - at[int(seq)] for seq, seen in painted.items() if int(seq) in at]


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_light(shared_play: Play, reader: ReaderOf, record_property: Note, name: str) -> None:
    weights = weigh(reader(shared_play.url), PAGES[name])
    said = ", ".join(f"{kind} {weights[kind]:.1f} of {most} kB" for kind, most in BUDGETS.items())
    record_property("budget", f"{name}: {said}")


@pytest.mark.parametrize("name", MOVING)
def test_a_run_moves_without_a_jump(shared_play: Play, reader: ReaderOf, record_property: Note, name: str) -> None:
    one = reader(shared_play.url, viewport={"width": 1440, "height": 900})
    page = one.open(MOVING[name])
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH)
    page.get_by_role("button", name="Run the order").click()
    expect(page.locator(".stage")).to_have_attribute("data-end", re.compile("."))
    seen = watched(page)
    waits = lags(one, seen["painted"])
    assert len(waits) > 5
    record_property(
        "budget",
        f"{name}: largest paint {seen['paint']:.0f} of 1800 ms, shift {seen['shift']:.3f} of {SHIFT}, "
        f"interaction {seen['slowest']:.0f} of 150 ms, {seen['frames'] / seen['seconds']:.0f} of 60 frames/s, "
        f"entry to pixel p50 {median(waits):.0f} p95 {quantiles(waits, n=20)[-1]:.0f} of 150 ms",
    )
