"""Act 1 as a reader meets it: two designs, one lost message, one clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.checks import SCHEMES, SHIFT, WIDTHS, problems, shifted, watch_shifts, widened
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

PACE = "latency_ms=100&timeout_ms=800&retry=2,50,2"
LOSE_FOUR = f"/acts/1/?fault=notify-warehouse:timeout&{PACE}"
LANES = ("c-", "o-")
FACTS = ("charged", "held", "shipped", "knows")

ReaderOf = Callable[..., Reader]


def run_both(page: Page) -> None:
    page.get_by_role("button", name="Run both").click()


def wait_for_ends(page: Page, choreography: str, orchestration: str) -> None:
    for prefix, end in zip(LANES, (choreography, orchestration), strict=True):
        expect(page.locator(f"#{prefix}stage")).to_have_attribute("data-end", end, timeout=PATIENCE_MS)
        expect(page.locator(f"#{prefix}journal li b").last).to_have_text("run-finished", timeout=PATIENCE_MS)


def runs(one: Reader) -> list[dict[str, Any]]:
    """Return what the API says of both runs, choreography first."""
    ids = [lane.get_attribute("data-run") for lane in one.page.locator("#live [data-run]").all()]
    return [one.api(f"/api/runs/{run_id}") for run_id in ids]


def facts(page: Page, prefix: str) -> dict[str, str]:
    return {name: page.locator(f"#{prefix}fact-{name}").inner_text() for name in FACTS}


def ledger(page: Page, prefix: str, service: str) -> list[tuple[str, str]]:
    """Return number and amount of each row that a card shows, which slim cards keep out of sight."""
    found = page.locator(f"#{prefix}rows-{service} tr").all()
    return [(row.locator(".n").text_content() or "", row.locator(".amt").text_content() or "") for row in found]


def rows_of(run: dict[str, Any]) -> dict[str, list[tuple[str, int]]]:
    return {name: [(row["kind"], row["amount"]) for row in kept["ledger"]] for name, kept in run["services"].items()}


def test_one_lost_message_and_only_one_design_notices(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(LOSE_FOUR)
    run_both(page)
    wait_for_ends(page, "failed", "compensated")

    lost, undone = runs(one)
    assert (lost["scenario"]["mode"], lost["sagas"][0]["state"]) == ("choreography", "lost")
    assert (undone["scenario"]["mode"], undone["sagas"][0]["state"]) == ("orchestration", "compensated")
    assert lost["scenario"]["seed"] == undone["scenario"]["seed"]
    assert facts(page, "c-") == {"charged": "49.00", "held": "1", "shipped": "0", "knows": "no one"}
    assert facts(page, "o-") == {"charged": "0.00", "held": "0", "shipped": "0", "knows": "the orchestrator"}
    assert (lost["facts"]["charged"], lost["facts"]["consistent"]) == (4900, False)
    assert (undone["facts"]["charged"], undone["facts"]["refunded"]) == (4900, 4900)
    for prefix, run in zip(LANES, (lost, undone), strict=True):
        for service, kept in run["services"].items():
            assert [n for n, _ in ledger(page, prefix, service)] == [str(row["n"]) for row in kept["ledger"]]
    assert "$49.00" in page.locator("#c-say").inner_text()
    assert "notify-warehouse never answered" in page.locator("#o-say").inner_text()
    expect(page.locator("#c-hop-warehouse")).to_have_attribute("data-state", "failed")
    expect(page.locator("#o-stop-4")).to_have_attribute("data-state", "unknown")


def test_on_a_good_day_both_designs_write_the_same_rows(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(LOSE_FOUR)
    page.get_by_label("no one", exact=True).check(force=True)
    run_both(page)
    wait_for_ends(page, "done", "done")
    choreography, orchestration = runs(one)
    assert rows_of(choreography) == rows_of(orchestration)
    assert choreography["facts"]["consistent"]
    assert [facts(page, prefix)["shipped"] for prefix in LANES] == ["1", "1"]


def test_a_watcher_notices_and_has_the_order_undone(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"{LOSE_FOUR}&watcher_ms=2000")
    assert page.get_by_role("switch", name="Give choreography a watcher").is_checked()
    run_both(page)
    wait_for_ends(page, "compensated", "compensated")
    watched, _ = runs(one)
    assert watched["facts"]["refunded"] == 4900
    assert facts(page, "c-") == {"charged": "0.00", "held": "0", "shipped": "0", "knows": "a watcher"}


def test_a_killed_orchestrator_leaves_a_journal_that_another_one_reads(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"{LOSE_FOUR}&fault=notify-warehouse:crash-before")
    page.get_by_role("switch", name="Kill the orchestrator").check()
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    _, undone = runs(one)
    kinds = [entry["kind"] for entry in one.api(f"/api/runs/{undone['id']}/journal")["entries"]]
    assert kinds.index("orchestrator-crashed") < kinds.index("orchestrator-recovered")
    assert undone["facts"]["consistent"]
    assert "fault=notify-warehouse:crash-before" in page.url


def test_the_reader_picks_the_message_and_the_address_keeps_both_runs(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(f"/acts/1/?fault=book-delivery:timeout&{PACE}")
    assert page.get_by_label("Delivery", exact=True).is_checked()
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    ids = [run["id"] for run in runs(one)]
    assert re.findall(r"run=(\w+)", page.url) == ids

    shown = reader(shared_play.url, java_script_enabled=False).open(page.url.removeprefix(one.url))
    for prefix in LANES:
        assert facts(shown, prefix) == facts(page, prefix)
        assert shown.locator(f"#{prefix}say").inner_text() == page.locator(f"#{prefix}say").inner_text()
        assert ledger(shown, prefix, "payments") == ledger(page, prefix, "payments")


def test_a_choice_made_on_the_page_becomes_its_address(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/acts/1/")
    page.get_by_label("Orders", exact=True).check(force=True)
    page.get_by_role("switch", name="Give choreography a watcher").check()
    run_both(page)
    page.wait_for_url("**/acts/1/?fault=create-order:timeout&watcher_ms=*&run=*&run=*")


def test_one_clock_takes_both_lanes_back(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(LOSE_FOUR)
    expect(page.locator("#scrub")).to_be_hidden()
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    clock, journals = clock_at_rest(one)
    for share in (0, 0.3, 0.6):
        moment = int(share * int(clock.get_attribute("max") or 0))
        clock.evaluate("(range, ms) => { range.value = ms; range.dispatchEvent(new Event('input')) }", moment)
        for prefix, journal in zip(LANES, journals, strict=True):
            had = sum(elapsed(journal, n) <= moment for n in range(len(journal)))
            assert page.locator(f"#{prefix}stage").get_attribute("data-seq") == str(had)
    said = clock.get_attribute("aria-valuetext") or ""
    assert re.match(r"00:0\d\.\d\d\. Choreography: \S+.*\. Orchestration: \S+", said)
    expect(page.locator("#c-stage .token, #o-stage .token")).to_have_count(0)


def clock_at_rest(one: Reader) -> tuple[Locator, list[list[dict[str, Any]]]]:
    """Return the clock once it stands at the last entry of both journals, and these."""
    journals = [one.api(f"/api/runs/{run['id']}/journal")["entries"] for run in runs(one)]
    assert {journal[-1]["kind"] for journal in journals} == {"run-finished"}
    clock = one.page.locator("#scrub input[type=range]")
    expect(clock).to_have_value(str(max(elapsed(journal, -1) for journal in journals)))
    return clock, journals


def elapsed(journal: list[dict[str, Any]], n: int) -> int:
    """Return milliseconds from a journal's first entry to its entry n."""
    at = [one["at"] for one in (journal[0], journal[n])]
    first, then = (
        sum(int(part) * unit for part, unit in zip(re.split(r"[:.]", one[11:-1]), UNITS, strict=True)) for one in at
    )
    return (then - first) % 86_400_000


UNITS = (3_600_000, 60_000, 1000, 1)


def test_the_clock_obeys_keys_and_leaves_inputs_alone(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(LOSE_FOUR)
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    clock, _ = clock_at_rest(one)
    end = clock.input_value()
    page.locator("#o-title").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")
    before = clock.input_value()
    assert int(before) < int(end)
    page.keyboard.press("ArrowRight")
    assert clock.input_value() == end
    page.keyboard.press("Space")
    expect(page.locator("#scrub")).to_have_attribute("data-playing", "")
    page.keyboard.press("Space")
    stopped = clock.input_value()
    assert int(stopped) < int(end)

    page.get_by_label("Warehouse", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_label("Payments", exact=True).is_checked()
    assert clock.input_value() == stopped
    clock.focus()
    page.keyboard.press("End")
    assert clock.input_value() == end
    assert facts(page, "c-")["knows"] == "no one"


def test_a_replay_comes_to_the_same_end(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(LOSE_FOUR)
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    seen = [(facts(page, prefix), ledger(page, prefix, "orders")) for prefix in LANES]
    page.locator('[name=speed][value="4"]').check(force=True)
    one.page.locator("#scrub input[type=range]").focus()
    page.keyboard.press("Home")
    expect(page.locator("#c-stage")).to_have_attribute("data-end", "")
    page.get_by_role("button", name="Play").click()
    wait_for_ends(page, "failed", "compensated")
    assert [(facts(page, prefix), ledger(page, prefix, "orders")) for prefix in LANES] == seen


def test_the_page_has_one_voice(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open(LOSE_FOUR)
    assert page.locator("[aria-live=polite], [role=status]").count() == 1
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    expect(page.locator("#heard")).to_contain_text("Orchestration: notify-warehouse never answered")


def test_the_act_works_by_keyboard_and_without_motion(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, reduced_motion="reduce")
    page = one.open(LOSE_FOUR)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[name=fail]')"):
            break
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("Delivery", exact=True).is_checked()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    wait_for_ends(page, "failed", "compensated")


def test_the_act_works_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    page = reader(shared_play.url, java_script_enabled=False).open(
        "/acts/1/?fault=notify-warehouse:timeout&latency_ms=0&timeout_ms=800&retry=1,0,1"
    )
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    expect(page.locator("#scrub")).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_lanes_stay_side_by_side_and_axe_finds_nothing(
    shared_play: Play, reader: ReaderOf, width: int, scheme: str
) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open("/acts/1/?fault=notify-warehouse:timeout&latency_ms=0&timeout_ms=800&retry=1,0,1")
    assert problems(page, width) == []
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    assert problems(page, width) == []
    for leg in range(1, 6):
        left, right = (page.locator(f"#{prefix}leg-{leg}").bounding_box() for prefix in LANES)
        assert left is not None
        assert right is not None
        assert abs(left["y"] - right["y"]) <= 2, f"leg {leg} is level in both lanes"
        assert left["x"] + left["width"] <= right["x"]


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_on_the_page_jumps_or_widens_it_while_two_orders_run(
    shared_play: Play, reader: ReaderOf, width: int
) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900})
    page = one.open(LOSE_FOUR)
    watch_shifts(page)
    run_both(page)
    wait_for_ends(page, "failed", "compensated")
    assert shifted(page) <= SHIFT
    assert widened(page) == 0, "a message on its way counts, too"


@pytest.mark.parametrize(("query", "named"), [("mode=none", "mode"), ("fault=no-such-step:timeout", "faults.0.step")])
def test_a_bad_address_shows_the_page_with_the_field_that_is_wrong(
    shared_play: Play, reader: ReaderOf, query: str, named: str
) -> None:
    one = reader(shared_play.url)
    answer = one.page.goto(f"{one.url}/acts/1/?{query}")
    assert answer is not None
    assert answer.status == 400
    expect(one.page.locator(f"[data-field='{named}']")).to_be_visible()
    one.console.clear()  # the browser reports the status 400 by itself
