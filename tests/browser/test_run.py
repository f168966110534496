"""The page of one run as a reader meets it: live, then a replay that can stand at any entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

ReaderOf = Callable[..., Reader]

FAULTS = [
    {"step": "charge-payment", "kind": "lost-reply", "times": 1},
    {"step": "notify-warehouse", "kind": "error"},
    {"step": "charge-payment", "on": "compensation", "kind": "error", "times": 1},
]
EVENTFUL = {"faults": FAULTS, "latency_ms": 20, "timeout_ms": 300, "retry": {"initial_ms": 20, "max_attempts": 2}}
UNGUARDED = {"mode": "none", "faults": [{"step": "notify-warehouse", "kind": "error"}], "latency_ms": 0}


def start(play: Play, **scenario: Any) -> str:
    """Return the id of a new run in which no answer is late by chance."""
    patient = {"timeout_ms": 20_000, **scenario}
    answer = httpx.post(f"{play.url}/api/runs", json=patient, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def eventful(shared_play: Play) -> str:
    """A run that has ended: a lost reply, retries, three undos, one of them in two attempts."""
    return finished(shared_play, start(shared_play, **EVENTFUL))


def finished(play: Play, run: str) -> str:
    """Wait on the socket's own word, by the journal, that a run is at rest."""
    seen = 0
    while True:
        page = httpx.get(f"{play.url}/api/runs/{run}/journal?after={seen}", timeout=10).json()
        if page["finished"]:
            return run
        seen = page["entries"][-1]["seq"] if page["entries"] else seen


def scenes(one: Reader, run: str, saga: str = "") -> list[dict[str, Any]]:
    return [frame["scene"] for frame in one.api(f"/api/runs/{run}/scenes?saga={saga}")["frames"]]


def shows(page: Page, scene: dict[str, Any]) -> None:
    """Hold the stage to a scene: belief, truth, ledgers, words and facts."""
    expect(page.locator(".stage")).to_have_attribute("data-seq", str(scene["seq"]), timeout=PATIENCE_MS)
    assert page.locator("#say").inner_text() == scene["say"]
    assert page.locator("#orch").get_attribute("data-state") == scene["orch"]["state"]
    for n, leg in enumerate(scene["legs"], 1):
        service = leg["service"]
        faces = {f"stop-{n}": leg["stop"], f"undo-{n}": leg["undo"], f"svc-{service['name']}": service}
        for place, face in faces.items():
            if place.startswith("undo") and scene["plan"] != "saga":
                continue  # there is no way back to be seen
            assert page.locator(f"#{place}").get_attribute("data-state") == face["state"], place
        rows = page.locator(f"#rows-{service['name']} .n").all_text_contents()
        assert rows == [str(row["n"]) for row in service["rows"]]
        assert page.locator(f"#bal-{service['name']}").text_content() == service["total"]
    expect(page.locator("#journal [data-past]")).to_have_count(scene["seq"])
    expect(page.locator("#journal [data-current]")).to_have_id(f"j-{scene['seq']}")


def clock_of(page: Page) -> Locator:
    return page.locator("#scrub input[type=range]")


def seek(page: Page, seq: int) -> None:
    moment = int(page.locator(f"#j-{seq}").get_attribute("data-t") or 0)
    clock_of(page).evaluate("(range, ms) => { range.value = ms; range.dispatchEvent(new Event('input')) }", moment)


def press(page: Page, *keys: str) -> None:
    page.evaluate("document.activeElement.blur()")
    for key in keys:
        page.keyboard.press(key)


def test_scrubbing_back_and_forth_paints_what_the_api_says_of_each_moment(
    shared_play: Play, reader: ReaderOf, eventful: str
) -> None:
    one = reader(shared_play.url)
    every = scenes(one, eventful)
    page = one.open(f"/runs/{eventful}/")
    shows(page, every[-1])
    for seq in (1, 14, len(every) - 3, 9, 9, len(every)):
        seek(page, seq)
        shows(page, every[seq - 1])
    expect(page.locator(".stage .token")).to_have_count(0)


def test_the_address_opens_a_moment_without_javascript_and_the_same_one_with_it(
    shared_play: Play, reader: ReaderOf, eventful: str
) -> None:
    plain = reader(shared_play.url, java_script_enabled=False)
    scene = scenes(plain, eventful)[13]
    for one in (plain, reader(shared_play.url)):
        page = one.open(f"/runs/{eventful}/?at=14&speed=2")
        shows(page, scene)
        assert page.locator("[name=speed][value='2']").is_checked()
        assert page.locator("#records [data-seq][data-past]").count() == written(one, eventful, 14)
    page = plain.page
    page.locator("#j-9 button").click()
    page.wait_for_url(re.compile(r"[?&]at=9\b"))
    shows(page, scenes(plain, eventful)[8])


def written(one: Reader, run: str, seq: int) -> int:
    entries = one.api(f"/api/runs/{run}/journal")["entries"][:seq]
    return sum(entry["kind"] == "effect" for entry in entries)


@pytest.mark.parametrize(("query", "field"), [("at=0", "at"), ("at=x", "at"), ("at=9999", "at"), ("speed=3", "speed")])
def test_a_moment_that_is_none_is_said_plainly(shared_play: Play, eventful: str, query: str, field: str) -> None:
    answer = httpx.get(f"{shared_play.url}/runs/{eventful}/?{query}", timeout=10)
    assert answer.status_code == 400
    assert f'data-field="{field}"' in answer.text
    assert 'data-end="compensated"' in answer.text, "the page is there all the same"
    assert httpx.get(f"{shared_play.url}/runs/{eventful}/?saga=nobody", timeout=10).status_code == 404


def test_the_clock_obeys_keys_and_the_address_follows(shared_play: Play, reader: ReaderOf, eventful: str) -> None:
    one = reader(shared_play.url, permissions=["clipboard-read", "clipboard-write"])
    page = one.open(f"/runs/{eventful}/")
    every = scenes(one, eventful)
    press(page, "ArrowLeft", "ArrowLeft")
    shows(page, every[-3])
    press(page, "ArrowRight")
    shows(page, every[-2])
    page.wait_for_url(f"**/?at={len(every) - 1}")
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    press(page, "Home")
    shows(page, every[0])
    press(page, "Space")
    expect(page.locator("#scrub")).to_have_attribute("data-playing", "")
    press(page, "Space")
    expect(page.locator("#scrub")).not_to_have_attribute("data-playing", "")
    press(page, "End")
    shows(page, every[-1])
    page.wait_for_url(re.compile(r"/runs/\w+/$"))


def test_a_replay_at_four_times_the_speed_comes_to_the_same_end(
    shared_play: Play, reader: ReaderOf, eventful: str
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/runs/{eventful}/?at=1&speed=4")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".stage")).to_have_attribute("data-end", "compensated", timeout=PATIENCE_MS)
    shows(page, scenes(one, eventful)[-1])
    assert page.locator("#entry-now").inner_text() == page.locator("#entry-of").inner_text()


def test_a_line_a_bar_and_a_red_light_lead_to_their_moments(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = finished(shared_play, start(shared_play, **UNGUARDED))
    every = scenes(one, run)
    page = one.open(f"/runs/{run}/")
    page.locator("#j-5 button").click()
    shows(page, every[4])
    bar = page.locator("#trace .span[data-kind=attempt]").nth(2)
    bar.focus()
    page.keyboard.press("Enter")
    shows(page, every[int(bar.get_attribute("data-goes") or 0) - 1])

    light = page.locator("#light-end")
    expect(light).to_contain_text("open")
    light.get_by_role("link").click()
    (broke,) = [
        entry["seq"] for entry in one.api(f"/api/runs/{run}/journal")["entries"] if entry["kind"] == "saga-abandoned"
    ]
    shows(page, every[broke - 1])
    expect(light).to_contain_text("ord-8412 is abandoned")
    expect(page.locator("#light-money [data-now]")).to_have_attribute("data-state", "failed")


def test_the_records_are_those_of_the_moment_and_at_the_end_those_of_the_services(
    shared_play: Play, reader: ReaderOf, eventful: str
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/runs/{eventful}/")
    for service, kept in one.api(f"/api/runs/{eventful}")["services"].items():
        table = page.locator(f"#records-{service}")
        for cell, key in ((".n", "n"), (".of", "order"), (".what", "kind"), (".k", "key")):
            assert table.locator(cell).all_text_contents() == [str(row[key]) for row in kept["ledger"]]
    press(page, "Home")
    assert page.locator("#records [data-past]").count() == 0
    assert "later" in page.locator("#records-payments .amt").first.inner_text()
    seek(page, 14)
    assert page.locator("#records [data-past]").count() == written(one, eventful, 14)


def test_every_attempt_and_every_wait_is_a_bar_and_the_playhead_is_the_clocks(
    shared_play: Play, reader: ReaderOf, eventful: str
) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/runs/{eventful}/")
    kinds = [entry["kind"] for entry in one.api(f"/api/runs/{eventful}/journal")["entries"]]
    assert page.locator("#trace [data-kind=attempt]").count() == kinds.count("attempt-started")
    assert page.locator("#trace [data-kind=wait]").count() == kinds.count("retry-scheduled") >= 2
    seek(page, 14)
    share = float(clock_of(page).input_value()) / float(clock_of(page).get_attribute("max") or 1)
    assert abs(float((page.locator(".playhead").get_attribute("x1") or "").rstrip("%")) / 100 - share) < 0.01


def test_belief_stands_beside_truth_and_is_marked_where_they_part(
    shared_play: Play, reader: ReaderOf, eventful: str
) -> None:
    one = reader(shared_play.url)
    entries = one.api(f"/api/runs/{eventful}/journal")["entries"]
    (lost,) = [entry["seq"] for entry in entries if entry["kind"] == "attempt-unknown"]
    page = one.open(f"/runs/{eventful}/?at={lost}")
    row = page.locator("#beliefs tr[data-step=charge-payment][data-now]")
    expect(row).to_contain_text("Payments did it. The orchestrator cannot tell.")
    assert row.get_attribute("data-apart") is not None
    press(page, "End")
    assert page.locator("#beliefs [data-now][data-apart]").count() == 0


def test_two_browsers_on_one_link_see_the_same_live_and_one_may_look_back(shared_play: Play, reader: ReaderOf) -> None:
    run = start(shared_play, latency_ms=600)
    one, other = reader(shared_play.url), reader(shared_play.url)
    pages = [each.open(f"/runs/{run}/") for each in (one, other)]
    expect(pages[1].locator("#rows-inventory tr").first).to_be_attached(timeout=PATIENCE_MS)
    press(pages[1], "Home")
    expect(pages[1].get_by_role("button", name="Follow")).to_be_visible()
    one.wait_for_end("done")
    expect(pages[1].locator("#journal li b").last).to_have_text("run-finished", timeout=PATIENCE_MS)
    assert other.seq() == 1, "who looks back stays there"
    press(pages[1], "End")
    every = scenes(one, run)
    for page in pages:
        shows(page, every[-1])
        ledger = one.api(f"/api/runs/{run}")["services"]["payments"]["ledger"]
        expect(page.locator("#light-end [data-now]")).to_have_attribute("data-state", "done", timeout=PATIENCE_MS)
        expect(page.locator("#records-payments [data-seq]")).to_have_count(len(ledger))
        expect(page.locator("#trace [data-kind=attempt]")).to_have_count(5)
