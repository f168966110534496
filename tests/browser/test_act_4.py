"""Act 4 as a reader meets it: race two buyers, decide who moves, open a race of two hundred."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

BRISK = "latency_ms=60&timeout_ms=20000"

ReaderOf = Callable[..., Reader]


def send(one: Reader) -> dict[str, Any]:
    """Send both orders; return the run as the API has it once both are at rest."""
    one.page.get_by_role("button", name="Send both orders").click()
    return at_rest(one)


def at_rest(one: Reader) -> dict[str, Any]:
    for stage in ("#a-stage", "#b-stage"):
        expect(one.page.locator(stage)).not_to_have_attribute("data-end", "", timeout=PATIENCE_MS)
    expect(one.page.locator("#a-stage")).to_have_attribute("data-watched", "", timeout=PATIENCE_MS)
    for _ in range(100):
        run: dict[str, Any] = one.api(f"/api/runs/{one.run()}")
        if run["state"] == "finished":
            return run
        one.page.wait_for_timeout(50)
    raise AssertionError("the run does not end")


def states(run: dict[str, Any]) -> list[str]:
    return [saga["state"] for saga in run["sagas"]]


def shelf(page: Page) -> dict[str, str]:
    return {name: page.locator(f"#shelf-{name}").inner_text() for name in ("left", "promised", "charged", "knows")}


@pytest.mark.parametrize("lock", ["off", "naive"])
def test_without_a_real_lock_the_rendezvous_sells_one_lamp_twice(
    shared_play: Play, reader: ReaderOf, lock: str
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/4/?{BRISK}&lock={lock}")
    run = send(one)
    assert states(run) == ["completed", "completed"]
    assert run["facts"]["oversold"] == 1
    expect(page.locator("#shelf-says")).to_contain_text("Two people have paid for one lamp")
    expect(page.locator("#record-lamp")).to_have_attribute("data-state", "stuck")
    assert shelf(page)["promised"] == "2"
    assert shelf(page)["charged"] == "98.00"
    assert [row["n"] for row in run["services"]["inventory"]["ledger"]] == [
        int(n) for n in page.locator("#a-rows-inventory .n").all_inner_texts()
    ]


@pytest.mark.parametrize(("lock", "told"), [("fail-fast", "was refused at once"), ("wait", "waited in line")])
def test_a_mark_keeps_the_lamp_for_one_buyer(shared_play: Play, reader: ReaderOf, lock: str, told: str) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/4/?{BRISK}&lock={lock}")
    run = send(one)
    assert sorted(states(run)) == ["compensated", "completed"]
    assert run["facts"]["consistent"] is True
    expect(page.locator("#shelf-says")).to_contain_text(told)
    assert shelf(page)["charged"] == "49.00"


def test_when_anas_order_breaks_the_waiting_ben_gets_the_lamp(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/4/?{BRISK}&lock=wait&fault=book-delivery:decline@0&schedule=0,1")
    assert page.get_by_role("switch").is_checked()
    run = send(one)
    assert states(run) == ["compensated", "completed"]
    assert (run["facts"]["units_sold"], run["facts"]["consistent"]) == (1, True)
    expect(page.locator("#shelf-says")).to_contain_text("broke and gave it back")
    expect(page.locator("#record-lamp .word")).to_have_text("sold to ord-8413")


def test_the_reader_is_the_scheduler(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/4/?lock=off&latency_ms=0")
    page.get_by_text("Decide who moves when").click()
    for name in ("Ben", "Ben", "Ana", "Ana"):
        page.get_by_role("button", name=re.compile(f"{name}.s next move")).click()
    expect(page.locator(".told")).to_contain_text("Ben looks, Ben holds it, Ana looks, Ana holds it")
    run = send(one)
    assert states(run) == ["compensated", "completed"]
    assert run["scenario"]["schedule"] == [1, 1, 0, 0]
    assert "schedule=1,1,0,0" in page.url
    expect(page.locator("#shelf-says")).to_contain_text("Ben has the lamp")


def test_the_race_works_by_keyboard(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/4/?lock=off&latency_ms=0")
    page.locator("input[name=lock]:checked").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("input[value=wait]")).to_be_checked()
    page.locator("details.moves summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("BA")
    page.keyboard.press("Enter")
    run = at_rest(one)
    assert (run["scenario"]["lock"], run["scenario"]["schedule"]) == ("wait", [1, 0])
    assert states(run) == ["compensated", "completed"]


def test_two_hundred_races_and_the_map_open_real_runs(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/4/?lock=off")
    page.get_by_role("link", name="Race 200 times").click()
    expect(page.locator(".waffle button")).to_have_count(200, timeout=60_000)
    counted = [int(text) for text in page.locator("[data-count]").all_inner_texts()]
    assert sum(counted) == 200
    assert counted[0] > 0, "without a lock, luck is not enough"

    page.get_by_role("link", name="Draw the map").click()
    expect(page.locator(".cells button")).to_have_count(6)
    shortest = page.locator(".cells [data-shortest]")
    expect(shortest).to_have_count(1)
    shortest.click()
    run = at_rest(one)
    assert run["scenario"]["schedule"] == [0, 1, 0, 1]
    assert run["facts"]["oversold"] == 1
    expect(page.locator(".waffle button")).to_have_count(200)


def test_the_end_is_there_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, java_script_enabled=False)
    page = one.open("/acts/4/?lock=off&latency_ms=0")
    page.get_by_role("button", name="Send both orders").click()
    expect(page.locator("#b-stage")).to_have_attribute("data-end", "done", timeout=PATIENCE_MS)
    expect(page.locator("#shelf-says")).to_contain_text("Two people have paid", timeout=PATIENCE_MS)
    page.get_by_role("link", name="Draw the map").click()
    expect(page.locator(".cells button")).to_have_count(6)


def test_the_race_fits_one_phone_screen(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, viewport={"width": 390, "height": 844})
    page = one.open("/acts/4/?lock=wait&latency_ms=0")
    send(one)
    page.get_by_role("button", name="Send both orders").evaluate("button => button.scrollIntoView()")
    for selector in ("#record-lamp", "#a-stop-5", "#b-stop-5", "#shelf-says", "#shelf-knows"):
        expect(page.locator(selector)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scroll_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(
        shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = one.open("/acts/4/?lock=naive&latency_ms=0")
    send(one)
    page.get_by_role("link", name="Race 200 times").click()
    page.get_by_role("link", name="Draw the map").click()
    expect(page.locator(".waffle button")).to_have_count(200, timeout=60_000)
    expect(page.locator(".cells button")).to_have_count(6)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in found] == []
