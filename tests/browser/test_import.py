"""A history from elsewhere in a browser: handed in as a file, looked back into, and held to what every page is held to."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.checks import problems
from tests.browser.conftest import Reader
from tests.play import ROOT, Play

HISTORIES = ROOT / "tests" / "data" / "histories"


def test_a_history_is_handed_in_and_looked_back_into(shared_play: Play, reader: Callable[..., Reader]) -> None:
    one = reader(shared_play.url, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = one.open("/import/")
    assert problems(page, 390) == []
    page.check("[value=temporal]")
    page.set_input_files("#history-file", HISTORIES / "temporal-stuck.json")
    page.click("text=Open it")
    expect(page.locator(".stage")).to_have_attribute("data-end", "stuck")
    expect(page.locator("#say")).to_contain_text("It stops, and cannot go on by itself")
    page.wait_for_load_state()
    assert problems(page, 390) == []
    page.click("[data-goes='6']")
    expect(page.locator("#say")).to_have_text("Payments is asked for charge-payment.")
    expect(page.locator("#stop-3")).to_have_attribute("data-state", "running")
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?at=6")
