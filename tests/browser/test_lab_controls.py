"""What a reader may ask of a run while it moves: pause it, let it make one step, resume it, cancel it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.checks import problems
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

SLOW = "latency_ms=400&timeout_ms=10000"

ReaderOf = Callable[..., Reader]


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def begin(one: Reader) -> Page:
    page = one.open(f"/lab/?{SLOW}")
    for name in ("Pause", "Resume", "One step", "Cancel"):
        expect(button(page, name)).to_have_count(0)
    button(page, "Run once").click()
    expect(page.locator("#stop-1")).not_to_have_attribute("data-state", "idle", timeout=PATIENCE_MS)
    return page


def over(one: Reader) -> dict[str, Any]:
    expect(one.page.locator("#stage")).to_have_attribute("data-over", "", timeout=PATIENCE_MS)
    expect(button(one.page, "Cancel")).to_have_count(0)
    run: dict[str, Any] = one.api(f"/api/runs/{one.run()}")
    return run


def test_a_run_is_paused_stepped_and_resumed(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = begin(one)
    button(page, "Pause").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-paused", "", timeout=PATIENCE_MS)
    expect(button(page, "Pause")).to_have_count(0)
    expect(button(page, "Resume")).to_be_focused()
    assert problems(page, page.viewport_size["width"] if page.viewport_size else 0) == []
    before = one.api(f"/api/runs/{one.run()}/journal")["entries"][-1]["seq"]
    button(page, "One step").click()
    expect(page.locator("#stage")).not_to_have_attribute("data-seq", str(before), timeout=PATIENCE_MS)
    expect(page.locator("#stage")).to_have_attribute("data-paused", "")
    button(page, "Resume").click()
    assert over(one)["sagas"][0]["state"] == "completed"


def test_a_run_that_is_cancelled_turns_back(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = begin(one)
    button(page, "Cancel").click()
    assert over(one)["sagas"][0]["state"] == "compensated"


def test_without_javascript_a_run_is_cancelled_too(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, java_script_enabled=False)
    page = one.open("/lab/?latency_ms=2500&timeout_ms=20000")
    button(page, "Run once").click()
    button(page, "Cancel").click()
    expect(page.locator("#stage")).to_have_attribute("data-over", "", timeout=PATIENCE_MS)
    assert "/lab/?" in page.url
    assert one.api(f"/api/runs/{one.run()}")["sagas"][0]["state"] == "compensated"
