"""What a run or a scenario looks like elsewhere: its card, its oEmbed, its page for a frame."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from PIL import Image

from playground import card, subjects
from playground.scenario import Scenario
from playground.scenario_words import sentence, title
from sagas.entries import Kind
from sagas.runs import create_run
from tests.engine import Finished, drive, fault, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

HOST = "http://testserver"
SCENARIOS: dict[str, dict[str, Any]] = {
    "completed": scenario(timeout_ms=4000),
    "compensated": scenario(fault("notify-warehouse", "decline"), timeout_ms=4000),
    "stuck": scenario(
        fault("notify-warehouse", "decline"), fault("charge-payment", "error", on="compensation"), timeout_ms=4000
    ),
    "lost": scenario(fault("notify-warehouse", "drop-event"), mode="choreography", timeout_ms=4000),
    "abandoned": scenario(fault("notify-warehouse", "error"), mode="none", timeout_ms=4000),
}
WORDS = {
    "completed": "completed",
    "compensated": "all undone",
    "stuck": "needs a human",
    "lost": "lost",
    "abandoned": "abandoned",
}


@pytest.fixture(scope="module")
def runs(engine_databases: None) -> dict[str, Finished]:
    return dict(zip(SCENARIOS, drive(*SCENARIOS.values()), strict=True))


def picture(path: str) -> Image.Image:
    answer = Client().get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    return Image.open(BytesIO(answer.content)).convert("RGB")


def rgb(hue: str) -> tuple[int, ...]:
    return tuple(int(hue[n : n + 2], 16) for n in (1, 3, 5))


def near(image: Image.Image, hue: str, box: tuple[int, int, int, int]) -> int:
    """Return how many pixels of a part of a picture have about this colour."""
    wanted = rgb(hue)
    colours = image.crop(box).getcolors(1 << 20) or []
    return sum(n for n, seen in colours if max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) < 24)


def around(n: int, y: int) -> tuple[int, int, int, int]:
    """Return the place of the glyph of step n on a card, 40 by 40."""
    x = round(card.LEFT + 24 + (card.RIGHT - card.LEFT - 170) / 4 * n)
    return x - 20, y - 20, x + 20, y + 20


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_card_is_a_picture_of_the_size_that_previews_have(name: str, runs: dict[str, Finished]) -> None:
    run = runs[name].run.pk
    assert picture(f"/runs/{run}/card.png").size == (1200, 630)
    subject = subjects.of_run(run)
    assert subject.title == f"ord-8412: {WORDS[name]}"
    assert card.face_of(subject).word == WORDS[name]


def test_a_card_shows_the_state_of_every_step_and_of_every_undo(runs: dict[str, Finished]) -> None:
    green, red, plum = "#1d6a3d", "#b0261c", "#8a2768"
    image = picture(f"/runs/{runs['compensated'].run.pk}/card.png")
    outward = [max((green, red, plum), key=lambda hue: near(image, hue, around(n, card.OUT_Y))) for n in range(4)]
    assert outward == [green, green, green, red]
    assert [near(image, plum, around(n, card.BACK_Y)) > 200 for n in range(5)] == [True, True, True, False, False]
    assert near(image, red, around(4, card.OUT_Y)) == 0
    done = picture(f"/runs/{runs['completed'].run.pk}/card.png")
    assert all(near(done, green, around(n, card.OUT_Y)) > 400 for n in range(5))


def test_a_card_can_show_any_moment_of_a_run(runs: dict[str, Finished]) -> None:
    run = runs["compensated"]
    seq = run.kinds(Kind.ATTEMPT_STARTED, step="notify-warehouse")[0].seq
    image = picture(f"/runs/{run.run.pk}/card.png?at={seq}")
    assert near(image, "#1c4f9c", around(3, card.OUT_Y)) > 100, "it is calling"
    assert near(image, "#b0261c", around(3, card.OUT_Y)) == 0


def test_a_card_is_drawn_once_and_kept_under_its_tag(runs: dict[str, Finished]) -> None:
    path = f"/runs/{runs['completed'].run.pk}/card.png"
    card.png.cache_clear()
    first, second = Client().get(path), Client().get(path)
    assert first.content == second.content
    assert card.png.cache_info().misses == 1
    card.png.cache_clear()
    assert Client().get(path).content == first.content, "drawn anew it is the same, to the byte"
    card.png.cache_clear()
    kept = Client().get(path, headers={"if-none-match": first.headers["ETag"]})
    assert (kept.status_code, kept.content, kept.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert card.png.cache_info().misses == 0, "nothing is drawn for whoever has it"
    other = Client().get(f"/runs/{runs['stuck'].run.pk}/card.png", headers={"if-none-match": first.headers["ETag"]})
    assert other.status_code == 200


def test_a_running_run_has_a_card_that_changes_with_it() -> None:
    run = create_run(scenario()).pk
    answer = Client().get(f"/runs/{run}/card.png")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=60")


def test_a_scenario_has_a_card_too() -> None:
    assert picture("/lab/card.png?fault=charge-payment:lost-reply:1&orders=2").size == (1200, 630)
    assert picture("/lab/card.png").size == (1200, 630)
    wrong = Client().get("/lab/card.png?orders=99")
    assert (wrong.status_code, wrong.content) == (400, b"orders: must be at most 8, not 99\n")


@pytest.mark.parametrize(
    ("path", "status"), [("/runs/nothing/card.png", 404), ("/runs/x/card.png?at=-1", 400), ("/runs/x/embed/", 404)]
)
def test_what_is_not_there_has_no_card(path: str, status: int) -> None:
    assert Client().get(path).status_code == status


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "One order, and nothing goes wrong"),
        ({"orders": 2, "stock": 1}, "2 orders, one lamp"),
        ({"faults": [fault("charge-payment", "lost-reply", times=1)]}, "The answer of charge-payment is lost once"),
        ({"faults": [fault("charge-payment", "crash-after", times=1)]}, "The orchestrator dies after charge-payment"),
        (
            {"faults": [fault("book-delivery", "decline"), fault("create-order", "error", on="compensation", times=2)]},
            "book-delivery refuses, and 1 more",
        ),
    ],
)
def test_a_scenario_says_in_words_what_goes_wrong(value: dict[str, Any], said: str) -> None:
    assert title(Scenario.parse(value)) == said
    assert sentence(Scenario.parse(value)).endswith(".")


def oembed(url: str, **more: str) -> Any:
    return Client().get("/oembed", {"url": url, **more})


def test_oembed_of_a_run_is_its_frame(runs: dict[str, Finished]) -> None:
    run = runs["compensated"].run.pk
    answer = oembed(f"{HOST}/runs/{run}/", format="json")
    said = answer.json()
    assert (answer.status_code, said["version"], said["type"]) == (200, "1.0", "rich")
    assert said["title"] == "ord-8412: all undone"
    assert f'src="{HOST}/runs/{run}/embed/"' in said["html"]
    assert f'width="{said["width"]}" height="{said["height"]}"' in said["html"]
    assert said["thumbnail_url"] == f"{HOST}/runs/{run}/card.png"
    assert (said["thumbnail_width"], said["thumbnail_height"]) == (1200, 630)


def test_oembed_keeps_the_moment_and_the_measures_that_were_asked_for(runs: dict[str, Finished]) -> None:
    run = runs["compensated"].run.pk
    said = oembed(f"{HOST}/runs/{run}/?at=9&speed=2", maxwidth="400", maxheight="300").json()
    assert (said["width"], said["height"]) == (400, 300)
    assert f'src="{HOST}/runs/{run}/embed/?at=9"' in said["html"]


def test_oembed_of_a_scenario_is_the_lab_with_one_button() -> None:
    query = "mode=choreography&fault=notify-warehouse:drop-event"
    said = oembed(f"{HOST}/lab/?{query}").json()
    assert said["title"] == "The event for notify-warehouse is dropped"
    assert f"{HOST}/lab/embed/?mode=choreography&amp;fault=notify-warehouse:drop-event" in said["html"]


@pytest.mark.parametrize(
    ("url", "more", "status"),
    [
        ("https://evil.example/runs/x/", {}, 404),
        (f"{HOST}/runs/nothing/", {}, 404),
        (f"{HOST}/lab/?orders=99", {}, 404),
        (f"{HOST}/acts/2/", {}, 404),
        (f"{HOST}/nowhere", {}, 404),
        ("javascript:alert(1)", {}, 404),
        ("", {}, 404),
        (f"{HOST}/lab/", {"format": "xml"}, 501),
        (f"{HOST}/lab/", {"maxwidth": "wide"}, 400),
        (f"{HOST}/lab/", {"maxheight": "10"}, 400),
    ],
)
def test_oembed_of_anything_else_says_what_is_wrong(url: str, more: dict[str, str], status: int) -> None:
    answer = oembed(url, **more)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] in ("url", "format", "maxwidth", "maxheight")


def test_a_runs_page_leads_to_its_card_and_to_its_oembed(runs: dict[str, Finished]) -> None:
    run = runs["compensated"].run.pk
    page = Client().get(f"/runs/{run}/").content.decode()
    url = quote(f"{HOST}/runs/{run}/", safe="")
    assert f'type="application/json+oembed" href="{HOST}/oembed?url={url}&amp;format=json"' in page
    found = dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[a-z:]+)" content="([^"]*)">', page))
    assert found["og:title"] == "ord-8412: all undone"
    assert found["og:description"] == "notify-warehouse failed. 3 of 3 steps undone. Nobody is charged."
    assert found["og:image"] == f"{HOST}/runs/{run}/card.png"
    assert found["twitter:card"] == "summary_large_image"
    (snippet,) = re.findall(r"<textarea[^>]*>(.+?)</textarea>", page)
    assert unescape(snippet) == oembed(f"{HOST}/runs/{run}/").json()["html"]


FRAMED = ("/runs/{}/embed/", "/runs/{}/embed/?at=3&theme=dark", "/lab/embed/?orders=2")
NOT_FRAMED = ("/", "/runs/{}/", "/acts/2/", "/api/docs", "/runs/{}/card.png", "/admin/login/")


@pytest.mark.parametrize("path", FRAMED)
def test_a_page_for_a_frame_may_be_framed_by_anybody_and_sets_no_cookie(path: str, runs: dict[str, Finished]) -> None:
    answer = Client().get(path.format(runs["stuck"].run.pk))
    assert answer.status_code == 200
    assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    assert not answer.cookies
    assert Client().post(path.format(runs["stuck"].run.pk)).status_code == 405


@pytest.mark.parametrize("path", NOT_FRAMED)
def test_no_other_page_may_be_framed_from_elsewhere(path: str, runs: dict[str, Finished]) -> None:
    answer = Client().get(path.format(runs["completed"].run.pk))
    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] in ("SAMEORIGIN", "DENY")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/lab/embed/?orders=99", "orders"),
        ("/lab/embed/?theme=pink", "theme"),
        ("/runs/{}/embed/?at=x", "at"),
        ("/lab/embed/?mode=choreography&schedule=0", "schedule"),
    ],
)
def test_a_frame_with_a_bad_address_says_what_is_wrong(path: str, named: str, runs: dict[str, Finished]) -> None:
    answer = Client().get(path.format(runs["completed"].run.pk))
    assert answer.status_code == 400
    assert f"{named}: " in answer.content.decode()


def test_a_scenario_of_another_saga_is_that_saga_elsewhere_too() -> None:
    client = Client()
    assert "book-flight" in client.get("/lab/embed/?saga=trip").content.decode()
    told = client.get("/oembed", {"url": "http://testserver/lab/?saga=trip"}).json()
    assert told["thumbnail_url"] == "http://testserver/lab/card.png?saga=trip"
    assert client.get("/lab/card.png?saga=trip").headers["ETag"] != client.get("/lab/card.png").headers["ETag"]
