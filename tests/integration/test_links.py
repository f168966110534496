"""Short links: one scenario, one slug, kept for good, by page and by API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from playground.models import StoredScenario
from playground.scenario import Scenario
from tests.unit.test_published_addresses import LINES

pytestmark = pytest.mark.usefixtures("engine_databases")

VALUE = {"orders": 2, "faults": [{"step": "charge-payment", "kind": "timeout", "saga": 1}], "seed": 4242}
QUERY = "fault=charge-payment:timeout@1&orders=2&seed=4242"


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


def post(client: Client, value: object, **headers: str) -> Any:
    return client.post("/api/scenarios", value, content_type="application/json", headers=headers)


def test_a_scenario_is_kept_under_its_slug_and_opens_in_the_lab(client: Client) -> None:
    answer = post(client, VALUE)
    slug = Scenario.parse(VALUE).slug
    assert answer.status_code == 201
    assert answer.json() == {"slug": slug, "url": f"http://testserver/s/{slug}/"}
    assert answer.headers["Location"] == answer.json()["url"]
    opened = client.get(f"/s/{slug}/")
    assert (opened.status_code, opened.headers["Location"]) == (302, f"/lab/?{QUERY}")
    assert client.head(f"/s/{slug}/").status_code == 302


def test_the_same_scenario_is_kept_once_however_it_is_written(client: Client) -> None:
    spelled = Scenario.parse(VALUE).full()
    slugs = {post(client, value).json()["slug"] for value in (VALUE, spelled, {"v": 1, **VALUE})}
    assert len(slugs) == 1
    assert StoredScenario.objects.filter(pk__in=slugs).count() == 1
    assert StoredScenario.objects.get(pk__in=slugs).value == Scenario.parse(VALUE).compact()


@pytest.mark.parametrize(("address", "slug", "canonical"), [line[:3] for line in LINES[:12]])
def test_rule_40_a_published_slug_opens_its_scenario(client: Client, address: str, slug: str, canonical: str) -> None:
    assert post(client, Scenario.from_query(address).full()).json()["slug"] == slug
    assert client.get(f"/s/{slug}/").headers["Location"] == (f"/lab/?{canonical}" if canonical else "/lab/")


def test_an_idempotency_key_gives_the_same_answer_again(client: Client) -> None:
    key = str(uuid4())
    first, again = post(client, VALUE, idempotency_key=key), post(client, VALUE, idempotency_key=key)
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert post(client, {"seed": 1}, idempotency_key=key).status_code == 422


def test_a_scenario_that_cannot_be_is_refused_field_by_field(client: Client) -> None:
    answer = post(client, {"orders": 9, "faults": [{"step": "create-order", "kind": "meteor"}]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["orders", "faults.0.kind"]
    assert post(client, {"v": 12}).json()["errors"][0]["field"] == "v"


def test_too_large_foreign_and_not_json_are_refused_like_everywhere(client: Client) -> None:
    assert client.post("/api/scenarios", b" " * 70_000, content_type="application/json").status_code == 413
    assert client.post("/api/scenarios", b"{}", content_type="text/plain").status_code == 415
    assert post(client, VALUE, origin="https://evil.example").status_code == 403


@pytest.mark.parametrize("slug", ["a2222222222", "zzz", "A39RAMQ2QSZGH"])
def test_a_link_that_is_not_kept_here_says_what_to_do(client: Client, slug: str) -> None:
    answer = client.get(f"/s/{slug}/")
    assert answer.status_code == 404
    assert "This server does not know that link" in answer.content.decode()
    assert slug in answer.content.decode()


def test_the_pages_make_a_link_with_htmx_and_without() -> None:
    client = Client()
    slug = Scenario.from_query(QUERY).slug
    part = client.post("/links/", {"query": QUERY}, headers={"hx-request": "true"})
    page = client.post("/links/", {"query": QUERY})
    for answer in (part, page):
        assert answer.status_code == 200
        assert f'href="http://testserver/s/{slug}/"' in answer.content.decode()
    assert "<html" not in part.content.decode()
    assert "<html" in page.content.decode()
    assert client.post("/links/", {"query": "orders=9"}).status_code == 422


def test_the_api_describes_it(client: Client) -> None:
    described = client.get("/api/openapi.json").json()["paths"]["/api/scenarios"]["post"]
    assert {"201", "413", "422"} <= set(described["responses"])
