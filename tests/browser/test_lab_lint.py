"""The linter beside the lab's form: it follows every change, moves nothing, and its links show what it says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.checks import SHIFT, problems, shifted, watch_shifts
from tests.browser.conftest import Reader
from tests.play import Play

ReaderOf = Callable[..., Reader]


def test_findings_follow_the_form_and_nothing_moves(shared_play: Play, reader: ReaderOf) -> None:
    page = reader(shared_play.url, viewport={"width": 1440, "height": 900}).open("/lab/")
    page.wait_for_load_state("networkidle")
    said, found = page.locator("#lint-sum"), page.locator("#lint-list li")
    expect(said).to_contain_text("No findings")
    below = page.locator("#plan").bounding_box()
    watch_shifts(page)
    page.get_by_label("Orders at once").fill("4")
    page.get_by_label("Lock", exact=True).select_option("naive")
    expect(said).to_contain_text("1 error All 4 orders look before any of them takes")
    said.click()
    page.get_by_label("Keys", exact=True).uncheck()
    expect(found).to_have_count(2)
    page.get_by_label("Tries", exact=True).fill("1")
    expect(found.nth(2)).to_contain_text("note, reserve-inventory and 4 more One lost answer")
    page.get_by_label("Lamps").fill("4")
    expect(said).to_contain_text("1 error, 1 note")
    assert page.locator("#lint").get_attribute("open") is not None
    assert page.locator("#plan").bounding_box() == below
    assert shifted(page) < SHIFT / 100
    page.get_by_label("Lamps").fill("-1")
    expect(said).to_contain_text("Not checked")
    page.get_by_label("Lamps").fill("4")
    expect(found).to_have_count(2)
    found.first.get_by_role("link", name="See it happen").click()
    expect(page).to_have_url(re.compile(r"/lab/\?fault=charge-payment:duplicate:1&idempotency=off$"))


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light"), (320, "light")])
def test_the_list_is_readable_for_everyone(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = one.open("/lab/?orders=4&lock=naive&idempotency=off&retry=1,200,2")
    page.locator("#lint-sum").click()
    expect(page.locator("#lint-list li")).to_have_count(3)
    assert problems(page, width) == []
