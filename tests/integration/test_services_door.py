"""The services over HTTP, through a real socket: keys, worlds, verdicts, faults, and who may come in."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from playground import environment
from playground.models import CallCount, LateCall, OutsideWorld
from playground.scenario import Scenario
from playground.services import asked, worlds
from playground.services.commands import COMMANDS
from sagas import catalog
from sagas.runs import create_run
from sagas.services import answers
from sagas.services.calls import Call
from tests.door import Door, Heard, opened
from tests.engine import FAST, fault, leave_alone

pytestmark = pytest.mark.usefixtures("engine_databases")

ORDER = "ord-8412"
CHARGE = "payments/charge-payment"
BODY = {"order": ORDER, "item": "lamp", "amount": 4900}
SILENCE_MS = 20


@pytest.fixture(scope="module")
def door(engine_databases: None) -> Iterator[Door]:
    with opened() as served:
        yield served


@pytest.fixture
def world(door: Door) -> str:
    return open_world(door)


def open_world(door: Door, *faults: dict[str, Any], **fields: Any) -> str:
    scenario = {**FAST, "timeout_ms": SILENCE_MS, "faults": list(faults), **fields}
    heard = door.ask("POST", "worlds", scenario)
    assert heard.status == 201, heard.raw
    return str(heard.json["world"])


def call(door: Door, world: str, command: str, body: object = None, *, key: str = "", **headers: str) -> Heard:
    """Return the answer to a command, asked for under the key that this house would use."""
    key = key or f"saga:{ORDER}:{command.partition('/')[2]}"
    headers = {"Idempotency_Key": key, "Saga_World": world, **headers}
    return door.ask("POST", command, BODY if body is None else body, **headers)


def ledger(door: Door, world: str, service: str) -> list[tuple[str, int]]:
    """Return the rows of a service in a world, by kind and amount."""
    book = door.ask("GET", f"worlds/{world}").json["books"][service]
    return [(row["kind"], row["amount"]) for row in book["ledger"]]


def errors(heard: Heard) -> list[str]:
    return [error["field"] for error in heard.json["errors"]]


def test_every_action_undo_and_settlement_of_the_demos_has_an_address() -> None:
    named = {
        (step.service, name)
        for saga in ("order", "trip")
        for step in catalog.definition(saga).steps
        for name in (step.name, step.compensation_name)
        if name
    }
    assert named < set(COMMANDS)
    assert set(COMMANDS) - named == {
        ("inventory", "sell-inventory"),
        ("orders", "confirm-order"),
        ("flights", "sell-seat"),
    }


def test_a_whole_saga_is_done_undone_and_settled_by_hand(door: Door, world: str) -> None:
    for step in catalog.ORDER.steps:
        assert call(door, world, f"{step.service}/{step.name}").status == 200
    assert call(door, world, "orders/confirm-order", key="saga:ord-8412:settle-orders").json["answer"] == {
        "confirmed": ORDER
    }
    assert call(door, world, "inventory/sell-inventory", key="saga:ord-8412:settle-inventory").status == 200
    assert call(door, world, "payments/refund-payment", {"order": ORDER}).json == {
        "answer": {"refunded": 4900},
        "verdict": "ok",
    }
    assert ledger(door, world, "payments") == [("charge", 4900), ("refund", -4900)]
    assert ledger(door, world, "inventory") == [("hold", 1), ("sell", -1)]


def test_the_same_key_gets_the_same_bytes_and_nothing_twice(door: Door, world: str) -> None:
    first = call(door, world, CHARGE)
    again = call(door, world, CHARGE, key='"saga:ord-8412:charge-payment"')
    assert (
        (first.status, first.raw) == (again.status, again.raw) == (200, b'{"answer":{"charged":4900},"verdict":"ok"}')
    )
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ledger(door, world, "payments") == [("charge", 4900)]


def test_a_refusal_is_kept_for_the_whole_key(door: Door, world: str) -> None:
    dear = {**BODY, "amount": 200_000}
    heard = [call(door, world, CHARGE, dear) for _ in range(2)]
    assert heard[0].raw == heard[1].raw
    assert heard[0].status == 402
    assert heard[0].json == {"verdict": "refused", "reason": "card declined", "whole_key": True}


def test_another_body_under_a_key_is_422(door: Door, world: str) -> None:
    call(door, world, CHARGE)
    heard = call(door, world, CHARGE, {**BODY, "amount": 1})
    assert (heard.status, heard.json["verdict"]) == (422, "mismatch")
    assert ledger(door, world, "payments") == [("charge", 4900)]


def test_a_key_in_progress_is_409(door: Door, world: str) -> None:
    key = f"saga:{ORDER}:charge-payment"
    under_way = Call(world=world, order=ORDER, key=key, action_key=key, op=None, body=BODY)
    with answers.alone("payments", under_way) as alone:
        assert alone
        heard = call(door, world, CHARGE)
    assert (heard.status, heard.json["verdict"]) == (409, "conflict")
    assert ledger(door, world, "payments") == []
    assert call(door, world, CHARGE).status == 200


def test_an_action_after_its_undo_is_fenced(door: Door, world: str) -> None:
    assert call(door, world, "payments/refund-payment").json == {"answer": {"empty": True}, "verdict": "ok"}
    heard = call(door, world, CHARGE)
    assert (heard.status, heard.json["verdict"], heard.json["whole_key"]) == (410, "fenced", True)
    assert ledger(door, world, "payments") == []


@pytest.mark.parametrize(("lock", "status", "verdict"), [("fail-fast", 409, "refused"), ("wait", 202, "queued")])
def test_a_locked_unit_is_said_with_its_owner(door: Door, lock: str, status: int, verdict: str) -> None:
    world = open_world(door, orders=2, stock=1, lock=lock)
    assert call(door, world, "inventory/reserve-inventory").status == 200
    second = {**BODY, "order": "ord-8413"}
    heard = call(door, world, "inventory/reserve-inventory", second, key="saga:ord-8413:reserve-inventory")
    assert (heard.status, heard.json["verdict"]) == (status, verdict)
    assert (heard.json["record"], heard.json["owner"]) == ("unit-1", ORDER)


def test_a_lock_that_is_off_is_off_here_too(door: Door) -> None:
    world = open_world(door, orders=2, stock=1, lock="off")
    for order in (ORDER, "ord-8413"):
        key = f"saga:{order}:reserve-inventory"
        assert call(door, world, "inventory/reserve-inventory", {**BODY, "order": order}, key=key).status in (200, 409)
    assert door.ask("GET", f"worlds/{world}").json["books"]["inventory"]["pending"] == []


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({"Idempotency_Key": None}, 400, "Idempotency-Key"),
        ({"Idempotency_Key": "x" * 201}, 400, "Idempotency-Key"),
        ({"Idempotency_Key": '"open'}, 400, "Idempotency-Key"),
        ({"Idempotency_Key": '""'}, 400, "Idempotency-Key"),
        ({"Saga_World": None}, 400, "Saga-World"),
        ({"Saga_World": "elsewhere"}, 404, "Saga-World"),
        ({"Content_Type": "text/plain"}, 415, "Content-Type"),
    ],
)
def test_what_is_wrong_with_a_header_is_said_by_its_name(
    door: Door, world: str, headers: dict[str, str | None], status: int, field: str
) -> None:
    given = {"Idempotency_Key": "k", "Saga_World": world, **headers}
    sent = {name: value for name, value in given.items() if value is not None}
    heard = door.ask("POST", CHARGE, BODY, **sent)
    assert (heard.status, errors(heard)) == (status, [field])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{", [""]),
        (b"[]", [""]),
        (b'{"order": "\\ud800", "amount": 1}', [""]),
        ({"amount": 1}, ["order"]),
        ({"order": "a b", "amount": 0}, ["order", "amount"]),
        ({"order": ORDER}, ["amount"]),
        ({"order": ORDER, "amount": True}, ["amount"]),
    ],
)
def test_what_is_wrong_with_a_body_is_said_by_field(door: Door, world: str, body: object, fields: list[str]) -> None:
    heard = call(door, world, CHARGE, body)
    assert (heard.status, errors(heard)) == (422, fields)
    assert ledger(door, world, "payments") == []


@pytest.mark.parametrize(("at", "field"), [("payments/pay", "command"), ("bank/charge-payment", "command")])
def test_an_unknown_command_is_404(door: Door, world: str, at: str, field: str) -> None:
    heard = call(door, world, at)
    assert (heard.status, errors(heard)) == (404, [field])


def test_a_service_that_the_saga_has_not_is_not_in_its_world(door: Door, world: str) -> None:
    assert call(door, world, "flights/book-flight").status == 404


@pytest.mark.parametrize(
    "sent", [{}, {"Authorization": "Bearer no"}, {"Authorization": "Basic x"}, {"Authorization": "Bearer é"}]
)
def test_nobody_comes_in_without_the_token(door: Door, world: str, sent: dict[str, str]) -> None:
    for method, at in (
        ("POST", CHARGE),
        ("POST", "worlds"),
        ("GET", f"worlds/{world}"),
        ("POST", f"worlds/{world}/close"),
    ):
        heard = door.ask(method, at, BODY if method == "POST" else None, token=None, **sent)
        assert (heard.status, errors(heard)) == (401, ["Authorization"])
        assert heard.headers["WWW-Authenticate"].startswith("Bearer")
    assert ledger(door, world, "payments") == []


def test_without_a_token_of_ours_there_is_no_door() -> None:
    with opened(token="") as closed:
        for sent in ("Bearer ", "Bearer a-token-for-the-tests"):
            heard = closed.ask("POST", CHARGE, BODY, token=None, Authorization=sent)
            assert (heard.status, errors(heard)) == (404, [""])


def test_a_token_that_could_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for short in ("secret", "with a space in it", "ü" * 20):
        monkeypatch.setenv("SAGA_SERVICES_TOKEN", short)
        with pytest.raises(ImproperlyConfigured, match="SAGA_SERVICES_TOKEN"):
            environment.token("SAGA_SERVICES_TOKEN")


def test_another_method_is_405_and_says_which(door: Door, world: str) -> None:
    heard = door.ask("GET", CHARGE)
    assert (heard.status, heard.headers["Allow"], errors(heard)) == (405, "POST", ["method"])


SILENT_FAULTS = {"timeout": [], "lost-reply": [("charge", 4900)], "crash-before": [], "crash-after": [("charge", 4900)]}


@pytest.mark.parametrize("kind", SILENT_FAULTS)
def test_who_is_not_answered_cannot_tell_and_asks_again(door: Door, kind: str) -> None:
    world = open_world(door, fault("charge-payment", kind, times=1))
    heard = call(door, world, CHARGE)
    assert (heard.status, heard.json["verdict"]) == (502 if kind.startswith("crash") else 504, "unknown")
    assert ledger(door, world, "payments") == SILENT_FAULTS[kind]
    assert call(door, world, CHARGE).status == 200
    assert ledger(door, world, "payments") == [("charge", 4900)]


@pytest.mark.parametrize(("kind", "status", "verdict"), [("error", 500, "failed"), ("decline", 409, "refused")])
def test_an_answer_in_the_services_place_says_that_nothing_happened(
    door: Door, kind: str, status: int, verdict: str
) -> None:
    world = open_world(door, fault("charge-payment", kind, times=2))
    for _ in range(2):
        heard = call(door, world, CHARGE)
        assert (heard.status, heard.json["verdict"]) == (status, verdict)
        assert heard.json.get("whole_key") in (None, False)
    assert ledger(door, world, "payments") == []
    assert call(door, world, CHARGE).status == 200


def test_a_request_that_comes_twice_is_done_once(door: Door) -> None:
    world = open_world(door, fault("charge-payment", "duplicate"))
    assert call(door, world, CHARGE).status == 200
    assert ledger(door, world, "payments") == [("charge", 4900)]
    unkept = open_world(door, fault("charge-payment", "duplicate"), idempotency=False)
    assert call(door, unkept, CHARGE).status == 200
    assert ledger(door, unkept, "payments") == [("charge", 4900)] * 2


def test_a_late_request_arrives_after_its_undo_and_is_fenced(door: Door) -> None:
    world = open_world(door, fault("charge-payment", "late"))
    assert call(door, world, CHARGE).status == 504
    assert LateCall.objects.filter(world=world).count() == 1
    assert call(door, world, "payments/refund-payment").json["answer"] == {"empty": True}
    assert not LateCall.objects.filter(world=world).exists()
    assert ledger(door, world, "payments") == []


def test_a_late_request_of_a_saga_that_went_on_arrives_at_its_end(door: Door) -> None:
    world = open_world(door, fault("charge-payment", "late", times=1), idempotency=False)
    assert [call(door, world, CHARGE).status for _ in range(2)] == [504, 200]
    assert door.ask("POST", f"worlds/{world}/close", {}).json == {"arrived": 1}
    assert ledger(door, world, "payments") == [("charge", 4900)] * 2, "nothing is kept, so it is done again"
    assert door.ask("POST", f"worlds/{world}/close", {}).json == {"arrived": 0}


def test_a_late_request_whose_undo_is_owed_stays_on_its_way(door: Door) -> None:
    world = open_world(door, fault("charge-payment", "late"), fault("charge-payment", "decline", on="compensation"))
    call(door, world, CHARGE)
    assert call(door, world, "payments/refund-payment").status == 409
    assert door.ask("POST", f"worlds/{world}/close", {}).json == {"arrived": 0}
    assert LateCall.objects.filter(world=world).count() == 1


def test_a_fault_of_one_saga_meets_no_other(door: Door) -> None:
    world = open_world(door, {**fault("charge-payment", "error"), "saga": 1}, orders=2)
    assert call(door, world, CHARGE).status == 200
    other = call(door, world, CHARGE, {**BODY, "order": "ord-8413"}, key="saga:ord-8413:charge-payment")
    assert other.status == 500


def test_attempts_are_counted_whatever_happens_at_the_same_time(door: Door) -> None:
    world = open_world(door, fault("charge-payment", "error", times=4))
    heard: list[int] = []
    threads = [Thread(target=lambda: heard.append(call(door, world, CHARGE).status)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard.count(500) == 4
    assert CallCount.objects.get(world=world).n == 6
    assert ledger(door, world, "payments") == [("charge", 4900)]


def test_the_world_of_a_run_of_this_house_can_be_called(door: Door) -> None:
    run = create_run(Scenario.parse({**FAST, "faults": [fault("charge-payment", "error", times=1)]}).full())
    leave_alone()
    assert [call(door, run.pk, CHARGE).status for _ in range(2)] == [500, 200]


def test_a_world_is_opened_once_per_key_and_wrong_scenarios_are_refused_by_field(door: Door) -> None:
    first, again = (door.ask("POST", "worlds", {"stock": 1}, Idempotency_Key="the-same") for _ in range(2))
    assert first.raw == again.raw
    assert first.json["orders"] == [ORDER]
    assert first.json["payload"] == {"item": "lamp", "amount": 4900}
    wrong = door.ask("POST", "worlds", {"stock": -1, "seed": "x"})
    assert (wrong.status, errors(wrong)) == (422, ["stock", "seed"])
    assert door.ask("GET", "worlds/nowhere").status == 404


def test_old_worlds_go_with_all_that_they_own(door: Door) -> None:
    world = open_world(door, fault("charge-payment", "late"))
    call(door, world, CHARGE)
    opened_at = OutsideWorld.objects.get(pk=world).created_at
    worlds.drop(round(opened_at.timestamp() * 1000) - 1)
    assert OutsideWorld.objects.filter(pk=world).exists()
    assert worlds.drop(round(opened_at.timestamp() * 1000) + 1) >= 1
    assert door.ask("GET", f"worlds/{world}").status == 404
    assert catalog.SERVICES["payments"].facts(world)["charges"] == 0
    assert not CallCount.objects.filter(world=world).exists()
    assert not LateCall.objects.filter(world=world).exists()


def test_a_quoted_key_is_what_is_in_the_quotes() -> None:
    assert asked.key_of(r'"a \"b\" \\c"') == r'a "b" \c'
    assert asked.key_of("plain") == asked.key_of('"plain"') == "plain"
