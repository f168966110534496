"""Act 2 as a reader meets it: break a step, watch the undo, break the undo, let it go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

STEPS = ["reserve-inventory", "create-order", "charge-payment", "notify-warehouse", "book-delivery"]
BRISK = "latency_ms=120&timeout_ms=20000&compensation_retry=4,60,2"
BREAK_FOUR = f"/acts/2/?fault=notify-warehouse:error&{BRISK}"
BREAK_UNDO = f"/acts/2/?fault=notify-warehouse:error&fault=charge-payment.compensation:error:4&{BRISK}"

ReaderOf = Callable[..., Reader]


def run_order(page: Page) -> None:
    page.get_by_role("button", name="Run the order").click()


def rows(page: Page, service: str) -> list[list[str]]:
    """Return a service's ledger as the page shows it: one list of cells a row."""
    found = page.locator(f"#rows-{service} tr").all()
    return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in found]


def facts(page: Page) -> dict[str, str]:
    return {name: page.locator(f"#fact-{name}").inner_text() for name in ("charged", "held", "shipped", "knows")}


def test_a_broken_step_is_undone_in_reverse_and_page_and_api_agree(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BREAK_FOUR)
    assert page.locator("#stop-4 input").is_checked()
    run_order(page)
    one.wait_for_end("compensated")

    run = one.api(f"/api/runs/{one.run()}")
    assert [step["state"] for step in run["sagas"][0]["steps"]] == [*["compensated"] * 3, "failed", "skipped"]
    expect(page.locator("#undo-1")).to_have_attribute("data-state", "compensated")
    expect(page.locator("#stop-4")).to_have_attribute("data-state", "failed")
    expect(page.locator("#svc-delivery")).to_have_attribute("data-state", "skipped")
    assert "undone" in page.locator("#say").inner_text()
    assert facts(page)["charged"] == "0.00"
    assert run["facts"]["charged"] == run["facts"]["refunded"] == 4900
    for service, kept in run["services"].items():
        assert [row[0] for row in rows(page, service)] == [str(row["n"]) for row in kept["ledger"]]
    assert [row[2] for row in rows(page, "payments")] == ["+49.00", "\N{MINUS SIGN}49.00"]

    undone = [e["step"] for e in one.api(f"/api/runs/{one.run()}/journal")["entries"] if is_undo(e)]
    assert undone == STEPS[2::-1]


def is_undo(entry: dict[str, Any]) -> bool:
    return entry["kind"] == "attempt-succeeded" and entry["op"] == "compensation"


def test_the_reader_picks_the_step_and_the_address_keeps_the_choice(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/2/?{BRISK}&fault=create-order:error")
    page.locator("#stop-2 label").click()
    run_order(page)
    one.wait_for_end("compensated")
    assert "fault=create-order:error" in page.url
    assert f"run={one.run()}" in page.url

    # Whoever opens the address sees the same end, from the server alone.
    other = reader(shared_play.url, java_script_enabled=False)
    shown = other.open(page.url.removeprefix(one.url))
    assert facts(shown) == facts(page)
    assert shown.locator("#say").inner_text() == page.locator("#say").inner_text()
    assert rows(shown, "inventory") == rows(page, "inventory")


def test_nothing_fails_and_the_order_ships(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/2/?{BRISK}")
    page.get_by_label("none").check(force=True)
    run_order(page)
    one.wait_for_end("done")
    assert (facts(page)["charged"], facts(page)["shipped"]) == ("49.00", "1")


def test_a_broken_undo_is_retried_pages_a_person_and_goes_on(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BREAK_UNDO)
    assert page.get_by_role("switch").is_checked()
    run_order(page)
    one.wait_for_end("stuck")
    expect(page.locator("#alert")).to_be_visible()
    expect(page.locator("#waits-payments li")).to_have_count(3)
    expect(page.locator("#undo-3")).to_have_attribute("data-state", "stuck")
    run = one.api(f"/api/runs/{one.run()}")
    assert run["sagas"][0]["state"] == "needs-operator"
    assert run["facts"]["pending"] == 2

    page.get_by_role("button", name="Fix the cause and resume").click()
    one.wait_for_end("compensated")
    expect(page.locator("#alert")).to_be_hidden()
    run = one.api(f"/api/runs/{one.run()}")
    assert (run["sagas"][0]["state"], run["facts"]["consistent"]) == ("compensated", True)


def test_the_page_stops_with_the_worker_and_goes_on_after_the_restart(
    live_play: Callable[..., Play], reader: ReaderOf
) -> None:
    play = live_play(SAGA_LEASE_SECONDS="1")
    one = reader(play.url)
    page = one.open("/acts/2/?fault=notify-warehouse:error&latency_ms=700&timeout_ms=20000")
    run_order(page)
    expect(page.locator("#rows-payments tr")).to_have_count(1, timeout=PATIENCE_MS)
    run = one.run()
    play.kill()
    shown = one.seq()
    assert page.locator(".stage").get_attribute("data-end") == ""

    play.start()
    entries = one.api(f"/api/runs/{run}/journal")["entries"]
    assert shown <= entries[-1]["seq"], "the page never shows what is not committed"
    one.wait_for_end("compensated")
    entries = one.api(f"/api/runs/{run}/journal")["entries"]
    assert "orchestrator-recovered" in {e["kind"] for e in entries}
    lines = [int(text) for text in page.locator("#journal .seq").all_text_contents()]
    assert lines == [e["seq"] for e in entries], "no gap, no double"
    one.console.clear()  # the browser itself reports the sockets that could not connect meanwhile


def test_the_whole_act_works_by_keyboard(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(BREAK_FOUR)
    focused = "document.activeElement.matches('#stop-4 input')"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    assert page.evaluate(focused), "the chosen step is reached by Tab"
    page.keyboard.press("ArrowLeft")
    assert page.locator("#stop-3 input").is_checked()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    one.wait_for_end("compensated")


def test_the_page_works_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, java_script_enabled=False)
    page = one.open("/acts/2/?fault=notify-warehouse:error&latency_ms=0")
    run_order(page)
    expect(page.locator(".stage")).to_have_attribute("data-end", "compensated", timeout=PATIENCE_MS)
    assert facts(page)["charged"] == "0.00"


def test_reduced_motion_shows_the_same_end(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, reduced_motion="reduce")
    page = one.open(BREAK_FOUR)
    run_order(page)
    one.wait_for_end("compensated")
    assert page.evaluate("getComputedStyle(document.querySelector('.track')).transitionDuration") in ("0s", "0.001s")


@pytest.mark.parametrize("width", [1440, 768, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_and_axe_finds_nothing(
    shared_play: Play, reader: ReaderOf, width: int, scheme: str
) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    run = finished_run(one)
    for path in ("/", "/acts/2/", f"/acts/2/?run={run}", f"/runs/{run}/"):
        page = one.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        findings = Axe().run(page).response["violations"]
        assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in findings] == [], path


def finished_run(one: Reader) -> str:
    """Return a run that has ended stuck: every part of the stage is in use on it."""
    page = one.open(f"{BREAK_UNDO}&latency_ms=0".replace("latency_ms=120&", ""))
    run_order(page)
    one.wait_for_end("stuck")
    return one.run()


@pytest.mark.parametrize(
    ("query", "named"),
    [("fault=no-such-step:error", "faults.0.step"), ("stock=900", "stock"), ("colour=red", "colour")],
)
def test_a_bad_address_shows_the_page_with_the_field_that_is_wrong(
    shared_play: Play, reader: ReaderOf, query: str, named: str
) -> None:
    one = reader(shared_play.url)
    answer = one.page.goto(f"{one.url}/acts/2/?{query}")
    assert answer is not None
    assert answer.status == 400
    expect(one.page.get_by_text(named, exact=False).first).to_be_visible()
    one.console.clear()  # the browser reports the status 400 by itself
