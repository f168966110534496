"""Act 3 as a reader meets it: lose a message, choose the key, read what Payments kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

BRISK = "latency_ms=60&timeout_ms=900&retry=3,100,2"

ReaderOf = Callable[..., Reader]


def tap(page: Page) -> None:
    page.get_by_role("button", name="Charge the card").click()


def kept(page: Page) -> list[str]:
    return page.locator("#till-keys .what b").all_inner_texts()


def facts(page: Page) -> dict[str, str]:
    names = {"charged": "#fact-charged", "sent": "#till-sent", "arrived": "#till-arrived", "knows": "#till-knows"}
    return {name: page.locator(selector).inner_text() for name, selector in names.items()}


@pytest.mark.parametrize(
    ("fault", "sent", "arrived", "moral"),
    [
        ("lost-reply:1", "2", "2", "2 requests, one charge"),
        ("timeout:1", "2", "1", "never arrived"),
        ("duplicate:1", "1", "2", "2 requests, one charge"),
        ("crash-after", "2", "2", "2 requests, one charge"),
    ],
)
def test_with_a_key_the_card_is_charged_once_whatever_is_lost(
    shared_play: Play, reader: ReaderOf, fault: str, sent: str, arrived: str, moral: str
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/3/?{BRISK}&fault=charge-payment:{fault}")
    tap(page)
    one.wait_for_end("done")
    expect(page.locator("#till-moral")).to_contain_text(moral)
    assert (facts(page)["sent"], facts(page)["arrived"], facts(page)["charged"]) == (sent, arrived, "49.00")
    run = one.api(f"/api/runs/{one.run()}")
    assert (run["facts"]["charges"], run["facts"]["double_charges"]) == (1, 0)
    assert kept(page) == [run["sagas"][0]["steps"][2]["key"]]
    expect(page.locator("#stop-3 [data-when=done]")).to_be_visible()


def test_without_a_key_a_lost_reply_charges_twice_and_nobody_knows(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/3/?{BRISK}&fault=charge-payment:timeout:1")
    page.get_by_label("the reply is lost").check()
    page.get_by_label("none", exact=True).check()
    tap(page)
    one.wait_for_end("done")
    expect(page.locator("#till-moral")).to_contain_text("2 charges")
    assert facts(page) == {"charged": "98.00", "sent": "2", "arrived": "2", "knows": "no one"}
    run = one.api(f"/api/runs/{one.run()}")
    assert (run["facts"]["charged"], run["facts"]["double_charges"]) == (9800, 1)
    assert kept(page) == []
    assert "idempotency=off" in page.url


def test_a_key_without_the_step_gives_the_charges_answer_to_the_refund(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/3/")
    page.get_by_role("link", name="Set the till up like that").click()
    assert page.get_by_role("switch").is_checked()
    one.open(f"/acts/3/?{BRISK}&fault=book-delivery:decline&key_scope=order")
    tap(page)
    one.wait_for_end("compensated")
    expect(page.locator("#till-moral")).to_contain_text("answers the refund as it answered the charge")
    expect(page.locator("#undo-3 [data-when=compensated]")).to_be_visible()
    assert kept(page) == ["saga:ord-8412"]
    run = one.api(f"/api/runs/{one.run()}")
    assert (run["facts"]["charged"], run["facts"]["refunded"]) == (4900, 0)
    assert run["facts"]["consistent"] is False

    other = reader(shared_play.url, java_script_enabled=False)
    shown = other.open(page.url.removeprefix(one.url))
    assert facts(shown) == facts(page)
    assert kept(shown) == ["saga:ord-8412"]


def test_the_till_works_by_keyboard(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/3/?{BRISK}&fault=charge-payment:lost-reply:1")
    page.locator("[name=lose]:checked").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("[name=lose][value=twice]").is_checked()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    one.wait_for_end("done")
    expect(page.locator("#till-arrived")).to_have_text("2", timeout=PATIENCE_MS)


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scroll_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(
        shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = one.open(f"/acts/3/?{BRISK}&fault=book-delivery:decline&key_scope=order")
    tap(page)
    one.wait_for_end("compensated")
    for path in ("/acts/3/", page.url.removeprefix(one.url)):
        one.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in found] == []
