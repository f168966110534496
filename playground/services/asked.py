"""What a request to a service says: key, world, body. Whatever is wrong with it is said by field."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from playground.api.answers import HEADER
from playground.api.wire import json_of, problem
from playground.scenario_errors import FieldError, ScenarioInvalid
from playground.services import worlds
from playground.services.commands import Command
from playground.services.worlds import World
from sagas.entries import Op
from sagas.services.calls import canonical
from sagas.services.models import KEY_LENGTH, NAME_LENGTH

WORLD = "Saga-World"
SCHEME = "bearer"
MAX_AMOUNT = 2**31 - 1  # cents

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ORDER = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_LENGTH - 1}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, understood."""

    world: World
    order: str
    key: str
    body: dict[str, Any]


class Refusal(Exception):
    """A request that no service gets to see, and the answer to it."""

    def __init__(self, status: int, *errors: tuple[str, str]) -> None:
        super().__init__(status, *errors)
        self.status = status
        self.errors: list[FieldError] = [{"field": field, "message": message} for field, message in errors]


def stopped(request: HttpRequest) -> HttpResponse | None:
    """Return the refusal for whoever has no token, None for who has it. Without a token of ours there is no door."""
    if not settings.SAGA_SERVICES_TOKEN:
        return problem(404, "", "nothing is at this address")
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    known = hmac.compare_digest(sent.encode(errors="replace"), settings.SAGA_SERVICES_TOKEN.encode())
    if scheme.lower() == SCHEME and known:
        return None
    response = problem(401, "Authorization", "must be Bearer and the token of this site's services")
    response.headers["WWW-Authenticate"] = 'Bearer realm="services"'
    return response


def read(request: HttpRequest, command: Command) -> Asked:
    """Return what a request asks of a command. Raises Refusal."""
    key = key_of(request.headers.get(HEADER))
    name = request.headers.get(WORLD)
    if name is None:
        raise Refusal(400, (WORLD, "is missing: it names the world, which is the id of the run"))
    world = worlds.find(name) if name.isascii() and name.isprintable() else None
    if world is None or command.service not in world.services:
        raise Refusal(404, (WORLD, f"is no world that {command.service} knows"))
    body = _object(request)
    _refuse_wrong(body, command)
    return Asked(world=world, order=body["order"], key=key, body=body)


def key_of(sent: str | None) -> str:
    """Return the key of an `Idempotency-Key` header. Raises Refusal when there is none.

    A quoted string is taken for what is in the quotes, so that both ways to write a key are the same key.
    Source: IETF draft-ietf-httpapi-idempotency-key-header, section 2.1; RFC 8941, section 3.3.3.
    """
    if sent is None:
        raise Refusal(400, (HEADER, "is missing: it names the call, so that the same call is never done twice"))
    quoted = _QUOTED.fullmatch(sent)
    key = re.sub(r'\\(["\\])', r"\1", quoted[1]) if quoted else sent
    if not (1 <= len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()) or (sent[0] == '"' and not quoted):
        raise Refusal(400, (HEADER, f"must be 1 to {KEY_LENGTH} printable ASCII characters, quoted or not"))
    return key


def _object(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json_of(request)
        if not isinstance(body, dict):
            raise Refusal(422, ("", "must be an object"))
        canonical(body)  # what cannot be written again has no fingerprint
    except ScenarioInvalid as error:
        raise Refusal(422, *((found["field"], found["message"]) for found in error.errors)) from None
    except (ValueError, RecursionError):
        raise Refusal(422, ("", "holds text that is no Unicode")) from None
    return body


def _refuse_wrong(body: dict[str, Any], command: Command) -> None:
    errors = []
    order, amount = body.get("order"), body.get("amount")
    if not isinstance(order, str) or not _ORDER.fullmatch(order):
        errors.append(("order", f"must be 1 to {NAME_LENGTH} letters, digits, dots, dashes and underscores"))
    if (command.op is Op.ACTION or "amount" in body) and not (type(amount) is int and 1 <= amount <= MAX_AMOUNT):
        errors.append(("amount", f"must be a whole number of cents from 1 to {MAX_AMOUNT}"))
    if errors:
        raise Refusal(422, *errors)
