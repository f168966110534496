"""Every page that takes a query, with arbitrary ones."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib.admin import site
from django.test import Client
from hypothesis import strategies as st

from playground.acts import act0, act1, act2, act3, act4
from playground.export.scenarios import WAYS
from playground.lab.draft import NOT_SCENARIO
from playground.scenario import Scenario, ScenarioInvalid
from playground.scenario_errors import FieldError
from playground.subjects import PAGE_KEYS
from playground.views import takeaways
from tests.fuzz.conftest import Shelf
from tests.fuzzing import JUNK, SCENARIO, TEXTS, depths, fuzz, percent, queries, stored
from tests.integration.admin import client_of

pytestmark = pytest.mark.usefixtures("strict_databases")

OF_A_PAGE = {200, 302, 303, 400, 404, 405, 409, 413, 414, 422, 501}
OF_THE_ADMIN = {*OF_A_PAGE, 403}

SCENARIO_OF: Mapping[str, Callable[[str], Any]] = {
    "/acts/0/": act0.ACT.from_address,
    "/acts/1/": act1.pair_from_address,
    "/acts/2/": act2.ACT.from_address,
    "/acts/3/": act3.ACT.from_address,
    "/acts/4/": act4.ACT.from_address,
    "/lab/": lambda query: Scenario.from_query(query, NOT_SCENARIO),
    "/lab/embed/": lambda query: Scenario.from_query(query, PAGE_KEYS),
    "/lab/card.png": lambda query: Scenario.from_query(query, PAGE_KEYS),
    "/takeaways/": lambda query: Scenario.from_query(query, takeaways.PAGE_KEYS),
    "/takeaways/asl.zip": lambda query: Scenario.from_query(query, takeaways.PAGE_KEYS),
}

Asked = tuple[str, str]  # a path and a raw query
Keys = Mapping[str, list[str]]

FILTERS: Keys = {
    "q": ["ord-8412", "ord-8412-1"],
    "p": ["1", "~", "1~2", "2026-01-01~x", "2026-01-01T00:00:00+00:00~abc", "9" * 30],
    "o": ["1", "-1.2"],
    "all": [""],
    "e": ["1"],
    "state": ["running", "finished", "stuck"],
    "mode": ["none"],
    "definition": ["order"],
    "step": ["charge-payment"],
    "outcome": ["unknown"],
    "age": ["1h", "older"],
    "kind": ["step-fenced"],
    "answered": ["yes", "no"],
    "held": ["any"],
    "id__exact": ["1"],
    "run__id__in": ["1,2"],
    "_popup": ["1"],
    "_to_field": ["id"],
    "_changelist_filters": ["q=1"],
    "after": ["3", "9" * 20],
}


@depths(ordinary=250, torture=3000)
def test_no_page_breaks_or_stores_anything_whatever_its_address_says(shelf: Shelf, examples: int) -> None:
    client, before = Client(), stored()
    fuzz(examples, pages(shelf), lambda asked: answered(client, asked, OF_A_PAGE))
    assert stored() == before


@depths(ordinary=120, torture=4000)
def test_no_page_of_the_admin_breaks_or_stores_anything_whatever_its_address_says(shelf: Shelf, examples: int) -> None:
    client, before = client_of("olga", superuser=True), stored()
    fuzz(examples, admin_pages(shelf), lambda asked: answered(client, asked, OF_THE_ADMIN))
    assert stored() == before


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("/oembed?url=http://[", {}, 404),
        ("/oembed?url=http://testserver//[", {}, 404),
        ("/oembed?url=http://testserver/runs/{run}/%3Fat=" + "9" * 5000, {}, 200),
        ("/lab/thousand/open/?n=000000001" + "9" * 5000, {}, 404),
        ("/runs/%00/", {}, 404),
        ("/runs/{run}/?saga=%00", {}, 400),
        ("/acts/2/?run=a%00b", {}, 400),
        ("/lab/?focus=%00-1", {}, 400),
        ("/api/runs/{run}", {"Origin": "http://["}, 403),
        ("/lab/", {"HX-Request": "true", "HX-Current-URL": "http://["}, 200),
    ],
)
def test_an_address_or_a_header_that_once_broke_a_page_is_answered(
    shelf: Shelf, address: str, headers: dict[str, str], status: int
) -> None:
    assert Client().get(address.replace("{run}", shelf.runs[0]), headers=headers).status_code == status


def test_a_place_in_a_list_of_the_admin_that_names_no_time_zone_is_none(shelf: Shelf) -> None:
    client = client_of("olga", superuser=True)
    lead = "/admin/sagas/run/?p=2026-01-01"
    assert [client.get(f"{lead}{rest}").status_code for rest in ("~x", "T00:00:00Z~x")] == [302, 200]


def test_nobody_is_led_elsewhere_by_the_address_that_a_form_was_sent_from(shelf: Shelf) -> None:
    word = f"/runs/{shelf.stuck}/sagas/{shelf.stuck}-1/retry"
    for referer in ("http://testserver//elsewhere.example/", "http://[", "http://elsewhere.example/"):
        answer = Client().post(word, headers={"Referer": referer})
        assert answer.status_code in (302, 409)
        assert "//" not in answer.headers.get("Location", "")


def answered(client: Client, asked: Asked, allowed: set[int]) -> None:
    """Fail unless a GET of this path and query gets one of the answers that are written down, and a 400 its field."""
    path, query = asked
    response = client.get(path, QUERY_STRING=query)
    assert response.status_code in allowed, (path, query[:300], response.status_code)
    if path in SCENARIO_OF:
        errors = wrong(path, query)
        assert not errors or response.status_code in (400, 404, 302), (path, query[:300], response.status_code)
        if response.status_code == 400 and "%00" not in query:
            page = html.unescape(response.content.decode())
            named = [error["field"].partition(".")[0] for error in errors] or ["theme", "at", "platform"]
            assert any(field in page for field in named), (path, query[:300], errors)


def wrong(path: str, query: str) -> list[FieldError]:
    """Return what is wrong with the scenario of an address, by the rules of its own page."""
    try:
        SCENARIO_OF[path](query)
    except ScenarioInvalid as error:
        return error.errors
    return []


def admin_pages(shelf: Shelf) -> st.SearchStrategy[Asked]:
    """Return paths of every list of our own in the admin, and of what is in them."""
    lists = [f"/admin/{m._meta.app_label}/{m._meta.model_name}/" for m in site._registry if m._meta.app_label != "auth"]
    word = st.one_of(st.sampled_from([*shelf.runs, *shelf.sagas]), TEXTS.map(percent), JUNK)
    ends = st.sampled_from(["change/", "history/", "delete/", "act/retry/", ""])
    path = st.one_of(st.sampled_from(lists), st.builds("{}{}/{}".format, st.sampled_from(lists), word, ends))
    return st.tuples(path, queries({**FILTERS, "q": [*shelf.runs, *shelf.sagas, "ord-8412", *FILTERS["q"]]}, 3))


def pages(shelf: Shelf) -> st.SearchStrategy[Asked]:
    """Return paths of the site, each with the keys that it knows and others."""
    run = st.one_of(st.sampled_from(shelf.runs), st.sampled_from(shelf.runs), TEXTS.map(percent), JUNK)
    slug = st.one_of(st.just(shelf.slug), st.text("abc-_09", min_size=1, max_size=40))
    lock = st.one_of(st.sampled_from(["off", "naive", "fail-fast", "wait"]), TEXTS.map(percent))
    moment = {"at": ["0", "1", "7", "99999"], "speed": ["1", "2", "0.5"], "theme": ["light"], "saga": shelf.sagas}
    ours = {"run": shelf.runs, "focus": [*shelf.sagas, "-1", "-"], **moment}
    urls = ["http://testserver/lab/?orders=2", "http://[", f"http://testserver/runs/{shelf.runs[0]}/?at="]
    urls += [f"http://testserver/s/{shelf.slug}/", "http://testserver/runs/%00/", "http://testserver:99999/lab/"]
    about = {"url": urls, "format": ["json", "xml"], "maxwidth": ["300", "1"], "maxheight": ["300"]}
    acts = [f"/acts/{n}/" for n in range(5)]
    places: list[tuple[st.SearchStrategy[str], Keys]] = [
        (st.sampled_from(["/", "/links/", "/lab/check/"]), ours),
        (st.sampled_from(["/takeaways/", "/takeaways/asl.zip"]), {**SCENARIO, "platform": [*WAYS, "here", "x"]}),
        (st.just("/acts/2/bet/"), {**ours, "order": ["1,2"], "ends": ["completed", "compensated"]}),
        (st.sampled_from([*acts, "/lab/", "/lab/embed/", "/lab/card.png"]), {**SCENARIO, **ours}),
        (st.sampled_from([*acts, "/lab/"]), ours),
        (st.just("/lab/thousand/open/"), {**SCENARIO, "n": ["1", "1000", "1001", "0" * 9 + "1" + "9" * 5000]}),
        (st.just("/oembed"), about),
        (st.builds("/runs/{}/{}".format, run, st.sampled_from(["", "panels/", "embed/", "card.png"])), moment),
        (st.builds("/runs/{}/{}".format, run, st.sampled_from(["fork", "ask/pause", "sagas/x-1/retry"])), ours),
        (st.builds("/runs/{}/beside/{}/".format, run, run), ours),
        (st.builds("/s/{}/{}".format, slug, st.sampled_from(["", "card.png"])), ours),
        (st.builds("/acts/{}/{}/".format, st.sampled_from(["3/till", "4/shelf"]), run), {}),
        (st.builds("/acts/4/race/{}/{}/".format, lock, st.sampled_from([0, 1, 41, 201, 10**30])), {}),
        (st.just("/import/"), {"platform": ["asl", "temporal"]}),
        (
            st.builds("/import/{}/{}".format, st.one_of(st.just(shelf.history), slug), st.sampled_from(["", "scenes"])),
            {**moment, "after": ["0", "3", "x"], "limit": ["1", "500", "0"]},
        ),
        (st.builds("/styles/{}+base.{}.css".format, TEXTS.map(percent), TEXTS.map(percent)), {}),
    ]
    return st.one_of(*(st.tuples(path, queries(keys)) for path, keys in places))
