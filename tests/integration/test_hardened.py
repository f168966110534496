"""Nobody gets in: every address of the site, by the headers of its answers and by what it refuses."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from playground import thousand
from playground.api import api
from playground.models import StoredScenario
from playground.scenario import Scenario
from sagas.models import Command, Run
from tests.integration.addresses import every_address
from tests.integration.admin import stuck_run, user
from tests.migrated import manage
from tests.play import ROOT
from tests.visitors import Visitor

pytestmark = pytest.mark.usefixtures("engine_databases")

DIRECTIVES = {
    "default-src": {"'none'"},
    "style-src": {"'self'"},
    "img-src": {"'self'", "data:"},
    "font-src": {"'self'"},
    "connect-src": {"'self'"},
    "manifest-src": {"'self'"},
    "frame-src": {"'self'"},
    "form-action": {"'self'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'none'"},
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FRAMED = re.compile(r"/runs/\w+/embed/|/lab/embed/")
KEY = "a-key-for-tests-that-is-long-enough-to-please-the-check-of-keys-0123456789"


@pytest.fixture(scope="module")
def everywhere(engine_databases: None) -> list[str]:
    """Every address, about a run that waits for a person."""
    run = stuck_run().run
    scenario = Scenario.parse({"seed": 31})
    StoredScenario.objects.get_or_create(slug=scenario.slug, defaults={"value": scenario.compact()})
    user("walker", superuser=True)
    return every_address(Run.objects.get(pk=run.pk), scenario.slug)


@pytest.fixture
def walker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """A superuser on a public site, where a thousand are a handful."""
    settings.SAGA_PUBLIC = True
    monkeypatch.setattr(thousand, "RUNS", 5)
    visitor = Visitor(77)
    visitor.force_login(user("walker", superuser=True))
    return visitor


class Inline(HTMLParser):
    """Collects what a strict policy forbids: code and style that stand in the page itself."""

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._nonce = nonce

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        named = given.get("nonce") == self._nonce and bool(self._nonce)
        data = given.get("type") == "application/json"
        if (tag == "script" and "src" not in given and not named and not data) or (tag == "style" and not named):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            script = name in ("href", "action", "src", "formaction") and (value or "").strip().startswith("javascript:")
            if name == "style" or name.startswith("on") or name.startswith("hx-on") or script:
                self.found.append(f"{tag} {name}={value!r}")


def policy_of(answer: Any) -> tuple[dict[str, set[str]], str]:
    """Return the directives of an answer's policy without its nonce, and the nonce."""
    directives = {}
    for part in answer.headers["Content-Security-Policy"].split(";"):
        name, *values = part.split()
        directives[name] = set(values)
    nonces = [value for value in directives["script-src"] if value.startswith("'nonce-")]
    directives["script-src"] -= set(nonces)
    return directives, nonces[0][7:-1] if nonces else ""


def test_no_page_allows_a_script_or_a_style_that_is_not_ours(everywhere: list[str], walker: Visitor) -> None:
    pages, wrong = 0, {}
    for address in everywhere:
        answer = walker.get(address)
        assert answer.status_code < 500, address
        framed = bool(FRAMED.fullmatch(address))
        directives, nonce = policy_of(answer)
        strict = {**DIRECTIVES, "script-src": {"'self'"}, **({"frame-ancestors": {"*"}} if framed else {})}
        assert directives == strict, address
        assert answer.headers.get("X-Frame-Options") == (None if framed else "DENY"), address
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, address
        assert all(cookie["samesite"] == "Lax" for cookie in answer.cookies.values()), address
        assert not (framed and answer.cookies), address
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            reader = Inline(nonce)
            reader.feed(answer.content.decode())
            pages += 1
            if reader.found:
                wrong[address] = reader.found
    assert wrong == {}
    assert pages > 60, "the walk has lost its way"


def test_the_walk_would_see_what_it_looks_for() -> None:
    reader = Inline("right")
    reader.feed(
        '<p style="x" onclick="y"></p><a href="javascript:z"></a><script nonce="wrong"></script><style></style>'
    )
    assert len(reader.found) == 5
    reader = Inline("right")
    reader.feed('<script nonce="right">1</script><script src="x.js"></script><script type="application/json"></script>')
    assert reader.found == []


def test_no_form_of_a_page_is_taken_without_its_token(everywhere: list[str], settings: Any) -> None:
    settings.SAGA_PUBLIC = True
    strict = Visitor(78, strict=True)
    strict.force_login(user("walker", superuser=True))
    runs, commands = Run.objects.count(), Command.objects.count()
    for address in everywhere:
        if not address.startswith(("/api/", "/services/")):  # where no cookie is an authority, and so no token needed
            answer = strict.post(address, {"step": "4", "query": "seed=99"})
            assert answer.status_code == 403, address
            assert "too old to be trusted" in answer.content.decode(), address
    assert (Run.objects.count(), Command.objects.count()) == (runs, commands)


def operations() -> list[tuple[str, str]]:
    """Return method and path of every operation of the API."""
    paths = api.get_openapi_schema(path_prefix="/api/")["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


def test_the_api_answers_no_page_from_elsewhere(everywhere: list[str], settings: Any) -> None:
    settings.SAGA_PUBLIC = True
    run = Run.objects.filter(sagas__state="needs-operator").order_by("-created_at")[0]
    visitor, asked = Visitor(79), operations()
    assert len(asked) > 12
    for method, path in asked:
        address = path.replace("{id}", f"{run.pk}-1" if "/sagas/" in path else run.pk)
        send: Callable[..., Any] = getattr(visitor, method)
        foreign = send(address, **_body("application/json", method), headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (403, "Origin"), (method, path)
        null = send(address, **_body("application/json", method), headers={"Origin": "null"})
        assert null.status_code == 403, (method, path)
        if method == "post":
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                assert send(address, **_body(kind, method)).status_code == 415, (method, path, kind)


def _body(content_type: str, method: str) -> Mapping[str, Any]:
    return {"data": "{}", "content_type": content_type} if method == "post" else {}


def test_a_cookie_is_no_authority_for_the_api(walker: Visitor) -> None:
    run = stuck_run().run
    answer = walker.post(f"/api/sagas/{run.pk}-1/retry", content_type="application/json")
    assert answer.status_code == 202
    assert Command.objects.get(run=run).who == "someone, through the API"
    assert not answer.cookies


def test_a_public_site_satisfies_djangos_own_check_of_a_deployment() -> None:
    done = manage("check", "--deploy", "--fail-level", "INFO", SAGA_PUBLIC="1", SECRET_KEY=KEY)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (1 silenced).\n"), done.stderr


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"SAGA_PUBLIC": "1"}, "SECRET_KEY is missing"),
        ({"SAGA_PUBLIC": "1", "SECRET_KEY": KEY, "DEBUG": "1"}, "DEBUG shows strangers"),
        ({"SAGA_TRUSTED_PROXIES": "10.0.0.300"}, "SAGA_TRUSTED_PROXIES: '10.0.0.300'"),
        ({"SAGA_KEEP": "a week"}, "SAGA_KEEP: 'a week' is no age"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line_and_no_start(environment: Mapping[str, str], line: str) -> None:
    done = manage("play", **environment)
    assert done.returncode == 1
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_no_secret_is_in_the_repository() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in tracked if re.search(r"secret_key$|\.env$|\.pem$|\.key$|\.sqlite3$", name)]
    settings = (ROOT / "playground" / "settings.py").read_text()
    assert re.findall(r"^SECRET_KEY = (\w+)\(", settings, re.M) == ["secret_key"]


def test_the_lock_pins_every_dependency_by_hash_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", lock, flags=re.M).strip())
    assert len(pins) > 50
    for pin in pins:
        assert re.match(r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==\S+", pin), pin
        assert "--hash=sha256:" in pin, pin
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links|@ ", lock)


def test_a_debug_page_is_shown_nowhere_unless_it_is_asked_for(settings: Any) -> None:
    assert settings.DEBUG is False
    assert Client(raise_request_exception=False).get("/nowhere/").status_code == 404
