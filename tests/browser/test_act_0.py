"""Act 0 as a reader meets it: five commits without an undo, and the same writes in one database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import SCHEMES, SHIFT, WIDTHS, problems, shifted, watch_shifts
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

BRISK = "/acts/0/?fault=notify-warehouse:error&latency_ms=120&timeout_ms=20000"

ReaderOf = Callable[..., Reader]


def run_order(page: Page) -> None:
    page.get_by_role("button", name="Run the order").click()


def facts(page: Page) -> dict[str, str]:
    return {name: page.locator(f"#fact-{name}").inner_text() for name in ("charged", "held", "shipped", "knows")}


def strip(page: Page) -> list[tuple[str, str]]:
    """Return the five writes in one database: what each is, and how it stands."""
    return [
        (one.locator(".what").inner_text(), one.get_attribute("data-state") or "")
        for one in page.locator("#one li").all()
    ]


def ledger(page: Page, service: str) -> list[list[str]]:
    found = page.locator(f"#rows-{service} tr").all()
    return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in found]


def test_the_fourth_call_breaks_and_three_commits_stay(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BRISK)
    assert page.get_by_role("switch").is_checked()
    assert page.locator(".station input").count() == 0, "there is nothing to pick here"
    run_order(page)
    one.wait_for_end("failed")

    run = one.api(f"/api/runs/{one.run()}")
    assert run["sagas"][0]["state"] == "abandoned"
    assert run["facts"]["charged"] == 4900
    assert run["facts"]["refunded"] == 0
    assert not run["facts"]["consistent"]
    assert facts(page) == {"charged": "49.00", "held": "1", "shipped": "0", "knows": "no one"}
    assert page.locator("#say").inner_text() == (
        "notify-warehouse failed. $49.00 is charged, 1 lamp is held, nothing ships. No one will undo it."
    )
    for service, kept in run["services"].items():
        assert [row[:2] for row in ledger(page, service)] == [[str(row["n"]), row["kind"]] for row in kept["ledger"]]
    assert page.locator(".back, .undo, .turn").count() == 0, "no line leads back"


def test_in_one_database_the_same_error_rubs_everything_out(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BRISK)
    assert {state for _, state in strip(page)} == {"idle"}
    run_order(page)
    one.wait_for_end("failed")
    assert strip(page) == [
        ("hold", "skipped"),
        ("open", "skipped"),
        ("charge", "skipped"),
        ("pick", "failed"),
        ("book", "idle"),
    ]
    expect(page.locator("#one .word")).to_have_text("ROLLBACK")
    expect(page.locator("#one .aside")).to_contain_text("no row in any of the five tables")


def test_until_the_run_ends_the_writes_stand_in_pencil(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/0/?fault=notify-warehouse:error&latency_ms=900&timeout_ms=20000")
    run_order(page)
    expect(page.locator("#svc-inventory")).to_have_attribute("data-state", "done", timeout=PATIENCE_MS)
    expect(page.locator("#one .word")).to_be_hidden()
    expect(page.locator("#one li").first.locator("del")).to_be_visible()
    assert "linear-gradient" in page.locator("#one li").first.evaluate("li => getComputedStyle(li).backgroundImage")
    one.wait_for_end("failed")
    expect(page.locator("#one .word")).to_be_visible()


def test_with_the_warehouse_up_both_shops_do_the_same(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BRISK)
    page.get_by_role("switch").uncheck()
    run_order(page)
    expect(page.locator(".stage")).to_have_attribute("data-end", "done", timeout=PATIENCE_MS)
    assert facts(page)["shipped"] == "1"
    assert {state for _, state in strip(page)} == {"done"}
    expect(page.locator("#one .word")).to_have_text("COMMIT")
    assert one.api(f"/api/runs/{one.run()}")["facts"]["consistent"]


def test_the_address_shows_the_same_end_from_the_server_alone(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BRISK)
    run_order(page)
    one.wait_for_end("failed")
    assert f"run={one.run()}" in page.url
    other = reader(shared_play.url, java_script_enabled=False).open(page.url.removeprefix(one.url))
    assert facts(other) == facts(page)
    assert strip(other) == strip(page)
    assert other.locator("#one .aside").inner_text() == page.locator("#one .aside").inner_text()


def test_the_act_works_by_keyboard_and_without_motion(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, reduced_motion="reduce")
    page = one.open(BRISK)
    tab_to(page, "[name=down]")
    page.keyboard.press("Space")
    assert not page.get_by_role("switch").is_checked()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    one.wait_for_end("failed")


def tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reached {selector}")


def test_the_act_works_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    page = reader(shared_play.url, java_script_enabled=False).open("/acts/0/?fault=notify-warehouse:error&latency_ms=0")
    run_order(page)
    expect(page.locator(".stage")).to_have_attribute("data-end", "failed", timeout=PATIENCE_MS)
    expect(page.locator("#one .word")).to_have_text("ROLLBACK")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_act_fits_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open("/acts/0/?fault=notify-warehouse:error&latency_ms=0")
    assert problems(page, width) == []
    run_order(page)
    one.wait_for_end("failed")
    assert problems(page, width) == []


def test_nothing_on_the_page_jumps_while_an_order_runs(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, viewport={"width": 1440, "height": 900})
    page = one.open(BRISK)
    watch_shifts(page)
    run_order(page)
    one.wait_for_end("failed")
    assert shifted(page) <= SHIFT
