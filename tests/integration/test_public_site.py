"""A public site at its doors: sockets, passwords, and TLS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from playground import limits
from playground.limits import AtOnce, Limit
from playground.models import Turn
from playground.routing import application_for
from sagas.runs import create_run
from tests.engine import scenario
from tests.visitors import Visitor

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENCE = 20  # seconds
PASSWORD = "a long way down"


@pytest.fixture(autouse=True)
def public(settings: Any) -> Iterator[None]:
    """A public site that nobody has visited."""
    settings.SAGA_PUBLIC = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    Turn.objects.all().delete()
    yield
    Turn.objects.all().delete()


class Line(WebsocketCommunicator):
    """A socket of a visitor at one address."""

    def __init__(self, app: Any, path: str, address: str) -> None:
        super().__init__(app, path)
        self.scope["client"] = [address, 1]

    async def refusal(self) -> tuple[str, int, str]:
        """Return the sentence that was said, and the code and the reason of the end."""
        assert (await self.connect(timeout=PATIENCE))[0]
        said = json.loads(await self.receive_from(PATIENCE))["errors"][0]["message"]
        closed = await self.receive_output(PATIENCE)
        return said, closed["code"], closed["reason"]


async def test_one_socket_too_many_is_closed_with_the_reason_until_another_one_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SOCKETS", AtOnce("open sockets", 2, 3))
    run = await asyncio.to_thread(create_run, scenario())
    app, path = application_for(None), f"/ws/runs/{run.pk}/json"
    one = [Line(app, path, "203.0.113.1") for _ in range(2)]
    for line in one:
        assert (await line.connect(timeout=PATIENCE))[0]
    said, code, reason = await Line(app, path, "203.0.113.1").refusal()
    assert (code, reason) == (4429, said)
    assert said == "a visitor may have at most 2 open sockets at once. Try again in 5 seconds"
    other = Line(app, path, "203.0.113.2")
    assert (await other.connect(timeout=PATIENCE))[0]
    assert (await Line(app, path, "203.0.113.3").refusal())[0].startswith("this site takes at most 3 open sockets")
    await one[0].disconnect()
    last = Line(app, path, "203.0.113.1")
    assert (await last.connect(timeout=PATIENCE))[0]
    for line in (one[1], other, last):
        await line.disconnect()


async def test_a_socket_from_a_foreign_page_is_refused_and_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOCKETS", AtOnce("open sockets", 0, 0))
    line = WebsocketCommunicator(application_for(None), "/ws/latest/", [(b"origin", b"https://evil.example")])
    connected, code = await line.connect(timeout=PATIENCE)
    assert (connected, code) == (False, 4403)


def log_in(visitor: Visitor, name: str, password: str) -> Any:
    return visitor.post("/admin/login/?next=/admin/", {"username": name, "password": password})


@pytest.fixture
def operator() -> Iterator[User]:
    user = User.objects.create_superuser("gate", password=PASSWORD)
    yield user
    user.delete()


def test_whoever_guesses_passwords_has_to_wait(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOGINS", Limit("login", "attempts to log in", 3, 100, 900))
    thief = Visitor(1)
    assert [log_in(thief, f"user-{n}", "guess").status_code for n in range(4)] == [200, 200, 200, 429]
    refused = log_in(thief, "gate", PASSWORD)
    assert refused.status_code == 429, "not even the right one is looked at"
    assert 1 <= int(refused["Retry-After"]) <= 900
    assert "attempts to log in within 15 minutes" in refused.content.decode()
    assert log_in(Visitor(2), "gate", PASSWORD).status_code == 302


def test_many_addresses_do_not_help_to_guess_the_password_of_one_user(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOGINS_AS_ONE", Limit("login-as", "attempts to log in", 3, 100, 900))
    names = ("gate", "GATE", " gate")
    assert [log_in(Visitor(n), name, "guess").status_code for n, name in enumerate(names)] == [200] * 3
    assert log_in(Visitor(9), "gate", "guess").status_code == 429
    assert log_in(Visitor(9), "another", "guess").status_code == 200


def test_the_right_password_forgives_the_wrong_ones(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOGINS", Limit("login", "attempts to log in", 3, 100, 900))
    for _ in range(2):
        typing = Visitor(1)
        assert [log_in(typing, "gate", "typo").status_code for _ in range(2)] == [200, 200]
        assert log_in(typing, "gate", PASSWORD).status_code == 302


def test_without_tls_a_visitor_is_sent_to_where_there_is_some() -> None:
    from django.test import Client

    plain = Client(REMOTE_ADDR="203.0.113.1")
    answer = plain.get("/acts/2/?seed=7")
    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/acts/2/?seed=7")
    assert plain.get("/healthz").status_code == 200
    assert Client(REMOTE_ADDR="127.0.0.1").get("/").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_machine_of_the_house_is_answered_by_any_name_and_without_tls(settings: Any, path: str) -> None:
    from django.test import Client

    settings.ALLOWED_HOSTS = ["sagas.example"]
    settings.DEBUG = False
    inside = Client(REMOTE_ADDR="172.28.0.7", headers={"host": "172.28.0.3:8000"})
    assert inside.get(path).status_code == 200
    assert Client(REMOTE_ADDR="127.0.0.1", headers={"host": "127.0.0.1:8000"}).get(path).status_code == 200
    assert inside.get(path, secure=True).status_code == 200
    assert inside.get("/", secure=True).status_code == 400, "only what is asked by machines has no name"
    assert inside.post(path).status_code == 405
