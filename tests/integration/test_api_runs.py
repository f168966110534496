"""The API for runs, over real databases and a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from sagas.models import Run
from tests.engine import FAST, fault, finish, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

STEPS = ["reserve-inventory", "create-order", "charge-payment", "notify-warehouse", "book-delivery"]


@pytest.fixture
def client() -> Client:
    """A client that a proxy could be in front of: nothing but JSON, no cookies."""
    return Client(enforce_csrf_checks=True)


def post(client: Client, path: str, value: object, **headers: str) -> Any:
    return client.post(path, value, content_type="application/json", headers=headers)


def start(client: Client, **value: Any) -> dict[str, Any]:
    answer = post(client, "/api/runs", value)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def done(client: Client, value: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return what the API says of a run of this scenario, once it is at rest, and its id."""
    made = start(client, **value)
    finish(Run.objects.get(pk=made["id"]))
    return client.get(f"/api/runs/{made['id']}").json(), made["id"]


def test_a_run_is_made_with_all_its_addresses(client: Client) -> None:
    answer = post(client, "/api/runs", {"orders": 2})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == made["url"] == f"http://testserver/runs/{made['id']}/"
    assert made["journal_url"] == f"http://testserver/api/runs/{made['id']}/journal"
    assert made["socket_url"] == f"ws://testserver/ws/runs/{made['id']}/scenes"
    assert Run.objects.get(pk=made["id"]).scenario["orders"] == 2


def test_behind_tls_the_socket_is_encrypted_too(client: Client) -> None:
    answer = client.post("/api/runs", {}, content_type="application/json", secure=True)
    assert answer.json()["socket_url"].startswith("wss://")


def test_every_wrong_field_of_a_scenario_is_named(client: Client) -> None:
    answer = post(client, "/api/runs", {"orders": 9, "faults": [{"step": "create-order", "kind": "meteor"}]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["orders", "faults.0.kind"]
    assert all(error["message"] for error in answer.json()["errors"])


def test_what_cannot_be_run_yet_says_so_at_its_field(client: Client) -> None:
    answer = post(client, "/api/runs", {"mode": "choreography", "schedule": [0]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["schedule"]


@pytest.mark.parametrize(
    "value",
    [
        {"lock": "off"},
        {"lock": "naive"},
        {"orders": 2, "schedule": [0, 1, 1]},
        {"mode": "choreography"},
        {"mode": "none"},
    ],
)
def test_a_run_without_a_lock_a_driver_or_a_free_schedule_starts(client: Client, value: dict[str, Any]) -> None:
    assert post(client, "/api/runs", value).status_code == 201


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 60_000, b'{"seed": NaN}', b"\xff", b"1" * 5000])
def test_a_body_that_is_not_json_is_an_error_of_the_whole_request(client: Client, body: bytes) -> None:
    answer = client.post("/api/runs", body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == ""


def test_text_that_no_encoding_can_hold_comes_back_as_an_error(client: Client) -> None:
    answer = client.post("/api/runs", b'{"saga": "\\ud800"}', content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "saga")


def test_a_body_over_64_kilobytes_is_too_large(client: Client) -> None:
    assert client.post("/api/runs", b" " * 65_536 + b"{}", content_type="application/json").status_code == 413
    assert client.post("/api/runs", b" " * 65_534 + b"{}", content_type="application/json").status_code == 201
    assert client.post("/api/runs", b" " * 5_000_000, content_type="application/json").status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_anything_but_json_is_refused(client: Client, kind: str) -> None:
    assert client.post("/api/runs", b"{}", content_type=kind).status_code == 415


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example"])
def test_a_foreign_page_is_refused_whatever_it_asks(client: Client, origin: str) -> None:
    assert post(client, "/api/runs", {}, origin=origin).status_code == 403
    assert client.get("/api/runs/nothing", headers={"origin": origin}).status_code == 403


def test_our_own_page_and_a_script_without_origin_are_welcome(client: Client) -> None:
    assert post(client, "/api/runs", {}, origin="http://testserver").status_code == 201
    assert post(client, "/api/runs", {}).status_code == 201


def test_a_finished_run_shows_its_sagas_its_services_and_its_facts(client: Client) -> None:
    run, run_id = done(client, scenario(fault("notify-warehouse", "decline"), timeout_ms=2000))
    assert (run["id"], run["state"], run["scenario"]["orders"]) == (run_id, "finished", 1)
    (saga,) = run["sagas"]
    assert (saga["id"], saga["order"], saga["state"]) == (f"{run_id}-1", "ord-8412", "compensated")
    assert saga["cause"] == {"step": "notify-warehouse", "op": "action", "outcome": "failed", "reason": "declined"}
    assert [step["name"] for step in saga["steps"]] == STEPS
    assert saga["steps"][2] == {
        "name": "charge-payment",
        "service": "payments",
        "state": "compensated",
        "attempts": 1,
        "key": "saga:ord-8412:charge-payment",
        "compensation": {"name": "refund-payment", "state": "compensated", "attempts": 1},
    }
    ledger = run["services"]["payments"]["ledger"]
    assert [(row["n"], row["order"], row["kind"], row["amount"], row["key"]) for row in ledger] == [
        (1, "ord-8412", "charge", 4900, "saga:ord-8412:charge-payment"),
        (2, "ord-8412", "refund", -4900, "saga:ord-8412:refund-payment"),
    ]
    assert all(row["at"].endswith("Z") for row in ledger)
    assert run["services"]["inventory"]["pending"] == []
    assert run["facts"] == {
        "charged": 4900,
        "refunded": 4900,
        "charges": 1,
        "units_held": 0,
        "units_sold": 0,
        "stock_left": 3,
        "orders_confirmed": 0,
        "picks_active": 0,
        "slots_booked": 0,
        "rooms_booked": 0,
        "tickets_sent": 0,
        "pending": 0,
        "double_charges": 0,
        "oversold": 0,
        "kept_back_sold": 0,
        "consistent": True,
        "violations": [],
    }


def test_a_saga_that_waits_for_a_person_is_not_consistent(client: Client) -> None:
    stuck = scenario(
        fault("notify-warehouse", "decline"),
        fault("refund-payment".replace("refund", "charge"), "error", on="compensation"),
    )
    run, _ = done(client, {**stuck, "timeout_ms": 2000})
    assert run["sagas"][0]["state"] == "needs-operator"
    assert run["facts"]["consistent"] is False
    assert run["facts"]["violations"] == [
        "Payments keeps $49.00, and 0 confirmed orders cost $0.00.",
        "unit-1 is still PENDING for ord-8412 in Inventory.",
        "ord-8412 is still PENDING for ord-8412 in Orders.",
        "ord-8412 is half done: Inventory, Orders and Payments did it, Warehouse and Delivery did not.",
    ]


def test_a_second_charge_is_a_violation_that_names_its_order(client: Client) -> None:
    run, _ = done(client, scenario(fault("charge-payment", "duplicate"), idempotency=False, timeout_ms=2000))
    assert run["facts"]["double_charges"] == 1
    assert run["facts"]["violations"] == [
        "Payments charged ord-8412 twice.",
        "Payments keeps $98.00, and 1 confirmed order cost $49.00.",
    ]


def test_a_run_that_has_not_begun_is_consistent(client: Client) -> None:
    made = start(client, **FAST)
    run = client.get(f"/api/runs/{made['id']}").json()
    assert (run["state"], run["sagas"][0]["state"], run["facts"]["consistent"]) == ("running", "pending", True)
    assert client.get(f"/api/runs/{made['id']}/journal").json() == {"entries": [], "finished": False}


def pages(client: Client, path: str, word: str) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        page = client.get(path, {"after": after}).json()
        yield page
        if not page[word]:
            return
        last = page[word][-1]
        after = last["seq"] if word == "entries" else last["entry"]["seq"]


def test_the_journal_is_read_page_by_page_to_an_empty_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.api.runs.PAGE_ENTRIES", 10)
    _, run_id = done(client, scenario(timeout_ms=2000))
    found = list(pages(client, f"/api/runs/{run_id}/journal", "entries"))
    entries = [entry for page in found for entry in page["entries"]]
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[0]["kind"] == "saga-started"
    assert entries[-1]["kind"] == "run-finished"
    assert [page["finished"] for page in found] == [False] * (len(found) - 2) + [True, True]


def test_scenes_read_page_by_page_are_the_scenes_read_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _, run_id = done(client, scenario(timeout_ms=2000))
    path = f"/api/runs/{run_id}/scenes"
    at_once = client.get(path).json()["frames"]
    monkeypatch.setattr("playground.api.runs.PAGE_FRAMES", 7)
    found = list(pages(client, path, "frames"))
    assert [frame for page in found for frame in page["frames"]] == at_once
    assert at_once[-1]["scene"]["end"] == "done"
    assert found[-1] == {"frames": [], "finished": True}


def test_scenes_can_be_seen_from_any_saga_of_the_run(client: Client) -> None:
    _, run_id = done(client, scenario(orders=2, timeout_ms=2000))
    frames = client.get(f"/api/runs/{run_id}/scenes", {"saga": f"{run_id}-2"}).json()["frames"]
    assert frames[-1]["scene"]["order"] == "ord-8413"
    assert client.get(f"/api/runs/{run_id}/scenes", {"saga": f"{run_id}-3"}).status_code == 404


def test_a_run_whose_definition_is_gone_still_shows_what_its_services_hold(client: Client) -> None:
    _, run_id = done(client, scenario(timeout_ms=2000))
    Run.objects.filter(pk=run_id).update(version=99)
    run = client.get(f"/api/runs/{run_id}").json()
    assert (run["facts"]["charged"], run["facts"]["consistent"]) == (4900, True)
    answer = client.get(f"/api/runs/{run_id}/scenes")
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (409, "no definition 'order' in version 99")


@pytest.mark.parametrize("path", ["", "/journal", "/scenes"])
def test_an_unknown_run_is_not_found(client: Client, path: str) -> None:
    answer = client.get(f"/api/runs/nothing{path}")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["message"] == "no run 'nothing'"


@pytest.mark.parametrize("after", ["-1", "x", "1.5", str(2**64)])
def test_a_bad_after_is_refused_by_name(client: Client, after: str) -> None:
    made = start(client, **FAST)
    answer = client.get(f"/api/runs/{made['id']}/journal", {"after": after})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "after")


def test_a_person_lets_a_stuck_saga_go_on(client: Client) -> None:
    stuck = scenario(fault("create-order", "decline"), fault("reserve-inventory", "error", on="compensation", times=3))
    run, run_id = done(client, {**stuck, "timeout_ms": 2000})
    saga = run["sagas"][0]["id"]
    assert run["sagas"][0]["state"] == "needs-operator"
    assert post(client, f"/api/sagas/{saga}/retry", {"who": "ada", "why": "mended"}).status_code == 202
    assert post(client, f"/api/sagas/{saga}/retry", {}).status_code == 409
    finish(Run.objects.get(pk=run_id))
    after = client.get(f"/api/runs/{run_id}").json()
    assert (after["sagas"][0]["state"], after["facts"]["consistent"]) == ("compensated", True)
    acted = [e for e in client.get(f"/api/runs/{run_id}/journal").json()["entries"] if e["kind"] == "operator-acted"]
    assert [entry["detail"]["who"] for entry in acted] == ["ada"]


def test_a_retry_of_a_saga_that_does_not_wait_or_does_not_exist_is_refused(client: Client) -> None:
    made = start(client, **FAST)
    assert client.generic("POST", f"/api/sagas/{made['id']}-1/retry", content_type="").status_code == 409
    assert post(client, "/api/sagas/nothing-1/retry", {}).status_code == 404
    assert post(client, f"/api/sagas/{made['id']}-1/retry", {"when": "now"}).status_code == 422
    assert post(client, f"/api/sagas/{made['id']}-1/retry", {"who": 7}).status_code == 422
    assert post(client, f"/api/sagas/{made['id']}-1/retry", []).status_code == 422


def test_the_api_describes_itself_and_loads_nothing_from_elsewhere(client: Client) -> None:
    described = client.get("/api/openapi.json").json()
    assert set(described["paths"]) >= {"/api/runs", "/api/runs/{id}", "/api/runs/{id}/journal", "/api/sagas/{id}/retry"}
    body = described["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) >= {"mode", "faults", "retry", "seed"}
    page = client.get("/api/docs").content.decode()
    assert "http://" not in page
    assert "https://" not in page
