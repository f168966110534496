"""What act 2 adds before and after a run: the preview of the way back, each step's menu, the bet."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Reader
from tests.play import Play

BRISK = "latency_ms=60&compensation_retry=4,60,2"

ReaderOf = Callable[..., Reader]


def run_order(page: Page) -> None:
    page.get_by_role("button", name="Run the order").click()


def bet(page: Page, *undos: str, ends: str) -> None:
    page.get_by_text("Bet before you run").click()
    for undo in undos:
        page.locator("#bet label", has_text=undo).locator("input").check()
    page.get_by_label(ends).check()


def previewed(page: Page) -> list[str]:
    """Return what stands before each undo's name, for the undos that have anything there."""
    found = page.locator(".undo .lbl").evaluate_all("all => all.map(one => getComputedStyle(one, '::before').content)")
    return [content.strip('" ') for content in found if content not in ("none", "normal")]


def test_pointing_at_a_step_numbers_the_undos_before_it(shared_play: Play, reader: ReaderOf) -> None:
    page = reader(shared_play.url).open("/acts/2/")
    assert previewed(page) == []
    page.locator("#stop-4 .station").hover()
    assert previewed(page) == ["3", "2", "1"]
    page.mouse.move(0, 0)
    page.locator("#stop-4 input").focus()
    page.keyboard.press("ArrowLeft")
    assert previewed(page) == ["2", "1"]
    described = page.locator("#stop-3 input").get_attribute("aria-describedby") or ""
    assert page.locator(f"#{described}").inner_text() == "If it fails: cancel-order, then release-inventory."


def test_a_right_bet_is_told_so(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/2/?{BRISK}&fault=notify-warehouse:error")
    bet(page, "refund-payment", "cancel-order", "release-inventory", ends="no lamp, and no charge")
    run_order(page)
    one.wait_for_end("compensated")
    expect(page.locator(".settled")).to_contain_text("2 of 2 right.")
    assert one.api(f"/api/runs/{one.run()}")["facts"]["refunded"] == 4900


def test_a_wrong_bet_is_told_what_came_instead(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/2/?{BRISK}&fault=charge-payment:error")
    bet(page, "release-inventory", "cancel-order", ends="a charge, and no lamp")
    run_order(page)
    one.wait_for_end("compensated")
    settled = page.locator(".settled")
    expect(settled).to_contain_text("0 of 2 right.")
    expect(settled).to_contain_text("It was cancel-order, then release-inventory.")
    expect(settled).to_contain_text("The customer has no lamp, and no charge.")


@pytest.mark.parametrize(
    ("step", "does", "fault", "end"),
    [
        (3, "refuses", "charge-payment:decline", "compensated"),
        (3, "no answer, work done", "charge-payment:lost-reply", "compensated"),
        (1, "undo fails twice", "reserve-inventory.compensation:error:2", "compensated"),
        (2, "undo never works", "create-order.compensation:error", "stuck"),
    ],
)
def test_each_entry_of_a_steps_menu_is_a_fault_of_the_run(
    shared_play: Play, reader: ReaderOf, step: int, does: str, fault: str, end: str
) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/2/?fault=notify-warehouse:error")
    page.get_by_label("Choose what each step does").check(force=True)
    page.locator(f"[name=ill-{step}]").select_option(does)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        run_order(page)
    page.wait_for_url(lambda url: fault in url)
    one.open(f"{page.url.removeprefix(one.url).partition('&run=')[0]}&{BRISK}")
    assert page.locator(f"[name=ill-{step}]").locator("option:checked").inner_text() == does
    run_order(page)
    one.wait_for_end(end)


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_menus_and_bet_are_accessible_and_never_scroll_sideways(
    shared_play: Play, reader: ReaderOf, width: int, scheme: str
) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open("/acts/2/?fault=notify-warehouse:error&fault=create-order.compensation:error:2")
    page.get_by_text("Bet before you run").click()
    expect(page.locator("[name=ill-2]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in found] == []
