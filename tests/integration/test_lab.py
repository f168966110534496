"""The lab's pages as a browser asks for them, with and without htmx: statuses, errors at fields, addresses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from playground import worlds
from playground.scenario import Scenario
from sagas.models import Run

pytestmark = pytest.mark.usefixtures("engine_databases")

HTMX = {"hx-request": "true", "hx-current-url": "http://testserver/lab/"}


@pytest.fixture
def client() -> Client:
    return Client()


def post(client: Client, path: str, *, htmx: bool, **fields: str) -> Any:
    return client.post(path, fields, headers=HTMX if htmx else {})


def newest() -> Run:
    run = Run.objects.order_by("-created_at").first()
    assert run is not None
    return run


def test_the_lab_opens_with_any_scenario(client: Client) -> None:
    answer = client.get("/lab/?mode=choreography&fault=notify-warehouse:drop-event&orders=2")
    assert answer.status_code == 200
    assert 'data-plan="choreo"' in answer.content.decode()
    assert client.head("/lab/").status_code == 200


def test_a_bad_address_shows_the_page_with_its_errors_and_status_400(client: Client) -> None:
    answer = client.get("/lab/?orders=9&stock=2&mode=none&colour=red")
    html = answer.content.decode()
    assert answer.status_code == 400
    assert 'id="e-orders" data-for="orders">must be at most 8, not 9</em>' in html
    assert '<p data-field="colour"><b>colour</b>: <span>is not a key of a scenario</span></p>' in html
    assert 'name="stock" value="2"' in html
    assert 'data-plan="naive"' in html


def test_a_check_answers_with_the_canonical_address(client: Client) -> None:
    fields = {"fault.charge-payment": "error", "times.charge-payment": "2", "orders": "1", "seed": "7"}
    answer = post(client, "/lab/check/", htmx=True, shown="order/orchestration/", **fields)
    assert answer.status_code == 200
    assert answer.headers["HX-Replace-Url"] == "/lab/?fault=charge-payment:error:2&seed=7"
    assert 'id="plan"' not in answer.content.decode()


def test_a_check_leaves_an_address_alone_that_holds_the_scenario_already(client: Client) -> None:
    headers = {**HTMX, "hx-current-url": "http://testserver/lab/?orders=2&run=k7mnpqrstvwxyz23"}
    answer = client.post("/lab/check/", {"orders": "2"}, headers=headers)
    assert "HX-Replace-Url" not in answer.headers


def test_a_check_names_what_is_wrong_and_leaves_the_address(client: Client) -> None:
    answer = post(client, "/lab/check/", htmx=True, shown="order/orchestration/", orders="9")
    assert (answer.status_code, "HX-Replace-Url" in answer.headers) == (200, False)
    assert (
        '<p data-field="orders"><b>Orders at once</b>: <span>must be at most 8, not 9</span></p>'
        in answer.content.decode()
    )


def test_another_mode_brings_another_plan(client: Client) -> None:
    html = post(client, "/lab/check/", htmx=True, shown="order/orchestration/", mode="choreography").content.decode()
    assert '<div id="plan" hx-swap-oob="true">' in html
    assert 'data-plan="choreo"' in html
    assert "data-idle" in html
    assert '<option value="drop-event">' in html


def test_a_check_without_htmx_leads_to_the_address_or_shows_the_page_again(client: Client) -> None:
    answer = post(client, "/lab/check/", htmx=False, orders="2")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/lab/?orders=2")
    again = post(client, "/lab/check/", htmx=False, orders="9", stock="4")
    assert again.status_code == 422
    assert 'name="stock" value="4"' in again.content.decode()


def test_running_starts_a_run_and_the_address_names_it(client: Client) -> None:
    answer = post(client, "/lab/", htmx=True, orders="2", mode="orchestration")
    run = newest()
    assert answer.status_code == 200
    assert answer.headers["HX-Push-Url"] == f"/lab/?orders=2&run={run.pk}"
    assert f'data-run="{run.pk}"' in answer.content.decode()
    assert f"/runs/{run.pk}/ask/pause" in answer.content.decode()
    assert run.scenario == Scenario.parse({"orders": 2}).full()


def test_running_without_htmx_leads_to_the_run(client: Client) -> None:
    answer = post(client, "/lab/", htmx=False, seed="5")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/lab/?seed=5&run={newest().pk}")
    assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize("htmx", [True, False])
def test_a_scenario_that_cannot_be_starts_nothing(client: Client, htmx: bool) -> None:
    before = Run.objects.count()
    answer = post(client, "/lab/", htmx=htmx, orders="9")
    assert (answer.status_code, Run.objects.count()) == (422, before)
    assert answer.headers.get("HX-Reswap") == ("none" if htmx else None)
    assert "must be at most 8, not 9" in answer.content.decode()


def test_an_order_comes_into_focus_and_the_address_keeps_the_scenario(client: Client) -> None:
    run = worlds.start(Scenario.parse({"orders": 3}))
    moved = client.get(f"/lab/?focus={run.pk}-2")
    assert moved.headers["Location"] == f"/lab/?orders=3&run={run.pk}&focus={run.pk}-2"
    page = client.get(moved.headers["Location"])
    assert f'data-saga="{run.pk}-2"' in page.content.decode()
    line = client.get(f"/lab/?focus={run.pk}-2", headers=HTMX)
    assert line.headers["HX-Replace-Url"] == moved.headers["Location"]
    assert 'data-after="0"' in line.content.decode()
    assert "data-finished" not in line.content.decode()


def test_an_address_with_a_run_is_told_what_is_wrong_with_the_rest_of_it(client: Client) -> None:
    run = worlds.start(Scenario.parse({}))
    answer = client.get(f"/lab/?run={run.pk}&at=0&stock=x")
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "is not a key of a scenario" in text
    assert 'value="x"' in text
    assert f'data-run="{run.pk}"' in text


@pytest.mark.parametrize("query", ["run=nothing", "focus=nothing-1"])
def test_a_run_that_is_not_there_is_not_found(client: Client, query: str) -> None:
    assert client.get(f"/lab/?{query}").status_code == 404


def test_a_run_of_the_page_has_the_form_of_its_own_scenario(client: Client) -> None:
    run = worlds.start(Scenario.parse({"stock": 7}))
    assert 'name="stock" value="7"' in client.get(f"/lab/?run={run.pk}").content.decode()


def test_every_act_leads_to_the_lab_with_its_own_scenario(client: Client) -> None:
    for number in range(5):
        html = client.get(f"/acts/{number}/").content.decode()
        assert '<a href="/lab/?' in html, number
        assert "Short link" in html, number
    links = [part.partition('"')[0] for part in client.get("/acts/1/").content.decode().split('<a href="/lab/?')[1:]]
    for query in links:
        assert client.get("/lab/?" + query.replace("&amp;", "&")).status_code == 200


def test_the_lab_is_a_chapter(client: Client) -> None:
    assert '<a href="/lab/" aria-current="page">' in client.get("/lab/").content.decode()
    assert '<a href="/lab/"><span>Next</span>' in client.get("/takeaways/").content.decode()


def test_what_the_linter_finds_is_part_of_the_page_and_of_every_check(client: Client) -> None:
    html = client.get("/lab/?mode=choreography").content.decode()
    assert "When one event is lost, the order stops half done" in html
    assert 'href="/lab/?mode=choreography&amp;fault=create-order:drop-event"' in html
    fields = {"shown": "order/orchestration/", "lock": "off", "orders": "4"}
    html = post(client, "/lab/check/", htmx=True, **fields).content.decode()
    assert 'id="lint-sum" hx-swap-oob="innerHTML"' in html
    assert "1 error" in html
    html = post(client, "/lab/check/", htmx=True, **{**fields, "orders": "many"}).content.decode()
    assert "Not checked" in html
