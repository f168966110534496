"""The home page as a reader meets it: a question, a stage that runs, what to read, what others run."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.checks import SCHEMES, SHIFT, WIDTHS, problems, shifted, watch_shifts
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

BRISK = "latency_ms=0&fault=create-order:error"

ReaderOf = Callable[..., Reader]


def test_the_stage_runs_an_order_and_the_address_stays(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/")
    page.locator("#stop-1 label").click()
    page.get_by_role("button", name="Run the order").click()
    one.wait_for_end("compensated")
    assert page.url == f"{one.url}/"
    run = one.api(f"/api/runs/{one.run()}")
    assert run["sagas"][0]["cause"]["step"] == "reserve-inventory"
    assert run["facts"]["charges"] == 0
    assert page.locator("#fact-charged").inner_text() == "0.00"
    page.locator(".permalink").click()
    assert page.url == f"{one.url}/runs/{run['id']}/"


def test_the_latest_runs_come_in_by_themselves(shared_play: Play, reader: ReaderOf) -> None:
    one, other = reader(shared_play.url), reader(shared_play.url)
    page = one.open("/")
    other.open(f"/acts/2/?{BRISK}").get_by_role("button", name="Run the order").click()
    other.wait_for_end("compensated")
    run = other.run()
    row = page.locator("#runlist-body tr", has=page.locator(f"#run-{run}"))
    expect(row.locator(".outcome")).to_have_text("all undone", timeout=PATIENCE_MS)
    states = [glyph.get_attribute("data-state") for glyph in row.locator(".sig > span").first.locator("i").all()]
    assert states == ["done", "failed", "skipped", "skipped", "skipped"]
    back = [glyph.get_attribute("data-state") for glyph in row.locator(".sig > span").last.locator("i").all()]
    assert back == ["compensated", "", "", "", ""]
    assert row.locator("a").get_attribute("href") == f"/runs/{run}/"


def test_who_stands_on_a_link_of_the_list_stays_there(shared_play: Play, reader: ReaderOf) -> None:
    one, other = reader(shared_play.url), reader(shared_play.url)
    other.open(f"/acts/2/?{BRISK}").get_by_role("button", name="Run the order").click()
    other.wait_for_end("compensated")
    first = other.run()
    page = one.open("/")
    page.locator(f"#run-{first}").focus()
    other.open(f"/acts/2/?{BRISK}").get_by_role("button", name="Run the order").click()
    other.wait_for_end("compensated")
    expect(page.locator(f"#run-{other.run()}")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("document.activeElement.id") == f"run-{first}"


def test_the_index_leads_to_every_chapter(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/")
    links = [link.get_attribute("href") or "" for link in page.locator(".index a").all()]
    assert links[:3] == ["/acts/0/", "/acts/1/", "/acts/2/"]
    for link in links:
        page = one.open(link)
        expect(page.locator("h1")).to_be_visible()
        assert page.locator(".chapters [aria-current]").get_attribute("href") == link
    expect(one.open("/").locator(".index .fig")).to_have_count(len(links))


def test_the_page_says_its_piece_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, java_script_enabled=False)
    page = one.open("/")
    page.locator("#stop-2 label").click()
    page.get_by_role("button", name="Run the order").click()
    assert re.search(r"/acts/2/\?fault=create-order:error&run=\w+$", page.url), "which shows the run"
    assert one.open("/").locator("#runlist-body .outcome").count() >= 1


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_fits_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open("/")
    assert problems(page, width) == []


def test_nothing_on_the_page_jumps_while_an_order_runs(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, viewport={"width": 1440, "height": 900})
    page = one.open("/")
    watch_shifts(page)
    page.locator("#stop-1 label").click()
    page.get_by_role("button", name="Run the order").click()
    one.wait_for_end("compensated")
    assert shifted(page) <= SHIFT
