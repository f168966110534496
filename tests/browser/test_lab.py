"""The lab as a reader meets it: build a scenario, run it, watch several orders, share what was built."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import SCHEMES, problems, shifted, watch_shifts, weigh
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

BRISK = "latency_ms=40&timeout_ms=4000"

ReaderOf = Callable[..., Reader]


def at_rest(one: Reader) -> dict[str, Any]:
    """Return the run as the API has it, once the stage says that it is over."""
    expect(one.page.locator("#stage")).to_have_attribute("data-over", "", timeout=PATIENCE_MS)
    run: dict[str, Any] = one.api(f"/api/runs/{one.run()}")
    assert run["state"] == "finished"
    return run


def run(one: Reader) -> dict[str, Any]:
    one.page.get_by_role("button", name="Run once").click()
    expect(one.page).to_have_url(re.compile(r"run=\w{16}"))
    return at_rest(one)


def facts(page: Page) -> list[str]:
    return [page.locator(f"#fact-{name}").inner_text() for name in ("charged", "held", "shipped", "knows")]


def test_a_reader_builds_a_scenario_runs_it_and_the_api_agrees(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/lab/?latency_ms=40")
    page.get_by_label("charge-payment", exact=True).select_option(label="reply lost")
    page.get_by_label("How many times, charge-payment").fill("1")
    page.get_by_label("notify-warehouse", exact=True).select_option(label="declines")
    page.get_by_label("First wait", exact=True).fill("20")
    page.get_by_text("More settings").click()
    page.get_by_label("Give up waiting after").fill("400")
    expect(page).to_have_url(re.compile("timeout_ms=400"))
    found = run(one)
    expect(page.locator("#say")).to_have_text("notify-warehouse failed. 3 of 3 steps undone. Nobody is charged.")
    assert facts(page) == ["0.00", "0", "0", "the orchestrator"]
    assert found["sagas"][0]["state"] == "compensated"
    assert (found["facts"]["charges"], found["facts"]["refunded"]) == (1, 4900)
    assert [(f["step"], f["kind"], f["times"]) for f in found["scenario"]["faults"]] == [
        ("charge-payment", "lost-reply", 1),
        ("notify-warehouse", "decline", None),
    ]
    assert page.locator("#journal li").count() == one.seq()
    again = reader(shared_play.url).open(page.url.removeprefix(one.url))
    assert facts(again) == facts(page)
    expect(again.get_by_label("Give up waiting after")).to_have_value("400")


def test_what_makes_no_sense_is_said_at_its_field_and_nothing_runs(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/lab/?{BRISK}")
    orders = page.get_by_label("Orders at once")
    orders.fill("9")
    expect(orders).to_have_attribute("aria-invalid", "true")
    expect(orders).to_have_accessible_description("must be at most 8, not 9")
    assert "orders" not in page.url
    page.get_by_label("Lamps").focus()
    page.keyboard.press("Enter")
    expect(orders).to_be_focused()
    assert one.run() == ""
    orders.fill("2")
    expect(orders).not_to_have_attribute("aria-invalid", "true")
    expect(page).to_have_url(re.compile("orders=2"))
    one.console = [line for line in one.console if "422" not in line]  # that answer is the point


def test_another_mode_swaps_the_plan_and_ends_the_line_to_the_old_run(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/lab/?{BRISK}&fault=notify-warehouse:decline")
    run(one)
    page.get_by_label("choreography", exact=True).check()
    expect(page.locator(".grid")).to_have_attribute("data-plan", "choreo")
    expect(page.locator("#stage")).not_to_have_attribute("data-live", "")
    expect(page.locator("#journal li")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"mode=choreography&fault=notify-warehouse:decline"))
    page.get_by_label("notify-warehouse", exact=True).select_option("drop-event")
    expect(page).to_have_url(re.compile("drop-event"))
    found = run(one)
    assert found["sagas"][0]["state"] == "lost"
    expect(page.locator("#fact-knows")).to_have_text("no one")


def test_eight_orders_are_seen_at_once_and_any_comes_into_focus(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/lab/?{BRISK}&orders=8&lock=wait")
    found = run(one)
    states = {saga["order"]: saga["state"] for saga in found["sagas"]}
    expect(page.locator("#others li")).to_have_count(7)
    lines = {line.locator("code").inner_text(): line for line in page.locator("#others li").all()}
    for order, line in lines.items():
        expect(line.locator(".word")).to_have_text("completed" if states[order] == "completed" else "nothing to undo")
        assert line.locator(".sig > span").first.locator(".glyph").count() == 5
    assert found["facts"]["units_sold"] == 3
    before, journal = one.run(), page.locator("#journal li").count()
    page.get_by_role("link", name="ord-8415").click()
    expect(page.locator("#order")).to_have_text("ord-8415")
    expect(page).to_have_url(re.compile(f"orders=8&lock=wait&.*run={before}&focus={before}-4"))
    assert one.run() == before
    expect(page.locator("#journal li")).to_have_count(journal)
    expect(page.get_by_role("link", name="ord-8412")).to_be_visible()
    page.reload()
    expect(page.locator("#order")).to_have_text("ord-8415")
    expect(page.get_by_label("Orders at once")).to_have_value("8")


def test_a_story_is_one_click_away(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/lab/")
    page.get_by_role("link", name="An event is dropped", exact=True).click()
    expect(page.get_by_label("choreography", exact=True)).to_be_checked()
    expect(page.get_by_label("notify-warehouse", exact=True)).to_have_value("drop-event")
    page.get_by_label("Latency").fill("0")
    expect(page).to_have_url(re.compile("latency_ms=0"))
    assert run(one)["sagas"][0]["state"] == "lost"


def test_a_short_link_opens_the_same_scenario(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    query = f"fault=charge-payment:error:1@1&fault=charge-payment:late:2&orders=2&{BRISK}&deadline_ms=9000"
    page = one.open(f"/lab/?{query}")
    canonical = page.get_by_role("button", name="Short link")
    canonical.click()
    link = page.locator("#share .short a")
    expect(link).to_be_focused()
    address = link.get_attribute("href") or ""
    made = httpx.post(f"{one.url}/api/scenarios", json={"orders": 2}, timeout=10).json()
    assert re.fullmatch(rf"{one.url}/s/a\w{{12}}/", address)
    assert made["url"] != address
    page.goto(address)
    expect(page).to_have_url(re.compile(r"/lab/\?fault=charge-payment:error:1@1&fault=charge-payment:late:2&orders=2"))
    expect(page.get_by_label("charge-payment", exact=True)).to_have_value("late")
    expect(page.get_by_role("textbox", name="One a line")).to_have_value("charge-payment:error:1@1")


def test_the_lab_works_by_keyboard(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/lab/?{BRISK}")
    page.get_by_label("create-order", exact=True).focus()
    page.keyboard.type("decl")
    expect(page).to_have_url(re.compile("create-order:decline"))
    page.keyboard.press("Tab")
    page.keyboard.press("2")
    expect(page).to_have_url(re.compile("create-order:decline:2"))
    page.keyboard.press("Enter")
    assert at_rest(one)["sagas"][0]["state"] == "compensated"
    page.get_by_label("orchestration", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".grid")).to_have_attribute("data-plan", "choreo")
    expect(page.get_by_label("choreography", exact=True)).to_be_focused()


def test_without_javascript_the_form_checks_runs_and_shares(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, java_script_enabled=False)
    page = one.open("/lab/?latency_ms=0&orders=2")
    page.get_by_label("charge-payment", exact=True).select_option("decline")
    page.get_by_role("button", name="Show its address").click()
    assert page.url.endswith("/lab/?fault=charge-payment:decline&orders=2&latency_ms=0")
    page.get_by_role("button", name="Run once").click()
    expect(page.locator("#stage")).to_have_attribute("data-over", "", timeout=PATIENCE_MS)
    expect(page.locator("#say")).to_contain_text("Nobody is charged")
    page.get_by_role("link", name="ord-8413").click()
    expect(page.locator("#order")).to_have_text("ord-8413")
    page.get_by_role("button", name="Short link").click()
    page.get_by_role("link", name="/s/").click()
    assert page.url.endswith("/lab/?fault=charge-payment:decline&orders=2&latency_ms=0")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_sideways_scroll_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, scheme: str) -> None:
    one = reader(shared_play.url, color_scheme=scheme, reduced_motion="reduce")
    page = one.open(f"/lab/?{BRISK}&orders=3&stock=1&fault=charge-payment:error:1@0&fault=notify-warehouse:decline")
    run(one)
    page.get_by_label("Orders at once").fill("9")
    expect(page.locator("#faulty p")).to_have_count(1)
    for width in (1440, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert problems(page, width) == []


def test_the_lab_is_light_and_does_not_jump_while_it_runs(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    weigh(one, f"/lab/?{BRISK}&fault=book-delivery:decline")
    watch_shifts(one.page)
    run(one)
    assert shifted(one.page) <= 0.02
