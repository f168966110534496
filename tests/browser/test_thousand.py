"""A thousand runs as a reader meets them: they fill in, they can be walked with the keyboard, and each opens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import problems
from tests.browser.conftest import Reader
from tests.play import Play

PATH = "/lab/thousand/?mode=none&latency_ms=0"
LONG_MS = 100_000  # for a thousand runs on a busy machine

ReaderOf = Callable[..., Reader]


def all_counted(page: Page) -> Page:
    expect(page.locator(".waffle button")).to_have_count(1000, timeout=LONG_MS)
    expect(page.locator("progress")).to_have_count(0)
    return page


def test_the_squares_fill_in_and_one_of_them_opens_as_a_real_run(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(PATH)
    expect(page.get_by_role("heading", name="A thousand runs")).to_be_visible()
    all_counted(page)
    counts = [int(text) for text in page.locator(".counts td").all_inner_texts()]
    assert sum(counts) == 1000
    assert page.locator(".counts tr:has-text('a rule is broken') td").inner_text() == "0"

    first = page.locator(".waffle button").first
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".waffle button").nth(20)).to_be_focused()
    page.keyboard.press("End")
    last = page.locator(".waffle button").last
    expect(last).to_be_focused()
    said = last.get_attribute("title") or ""
    assert said.endswith("half done, and no one will undo it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*/")
    expect(page.locator(".stage")).to_have_attribute("data-end", "failed", timeout=LONG_MS)
    run = one.api(f"/api/runs/{page.url.rstrip('/').rpartition('/')[2]}")
    assert run["scenario"]["seed"] == int(said.split(":")[0].removeprefix("Run "))


def test_without_javascript_the_page_is_loaded_again_until_all_are_there(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, java_script_enabled=False)
    page = all_counted(one.open(PATH))
    page.get_by_label("Open run number").fill("17")
    page.get_by_role("button", name="Open it").click()
    page.wait_for_url("**/runs/*/")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (320, "light"), (320, "dark")])
def test_nothing_scrolls_sideways_and_axe_finds_nothing(
    shared_play: Play, reader: ReaderOf, width: int, scheme: str
) -> None:
    page = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme).open(PATH)
    assert problems(all_counted(page), width) == []
