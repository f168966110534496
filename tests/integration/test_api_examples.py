"""Every example of the API's description, sent to a live playground as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from playground.api import api
from playground.api.examples import HOST, SLOW, STARTED
from tests.play import Play

PATIENCE_SECONDS = 60
BLOCK = re.compile(r"```sh\n(.+?)\n```", re.DOTALL)
ASSIGNED = re.compile(r"""RUN=\$\((curl .+) \| cut -d'"' -f4\)""")


@dataclass
class Live:
    """A live playground, and the runs that its examples speak of by other ids."""

    url: str
    ids: dict[str, str] = field(default_factory=dict)

    def own(self, text: str) -> str:
        """Return a text with the ids of real runs for those of the examples."""
        for shown, real in self.ids.items():
            text = text.replace(shown, real)
        return text

    def send(self, method: str, path: str, query: dict[str, Any], body: Any) -> httpx.Response:
        return httpx.request(
            method,
            self.url + self.own(path),
            params={key: self.own(value) for key, value in query.items()} or None,
            json=body,
            timeout=30,
        )

    def rest(self, run: str) -> None:
        """Return when a run is finished: its socket has no more to say."""
        with connect(f"{self.url.replace('http', 'ws', 1)}/ws/runs/{run}/json?after=0") as line:
            while '"run-finished"' not in str(line.recv(timeout=PATIENCE_SECONDS)):
                pass


@pytest.fixture(scope="module")
def described(shared_play: Play) -> dict[str, Any]:
    answer = httpx.get(f"{shared_play.url}/api/openapi.json", timeout=30)
    return dict(answer.json())


@pytest.fixture(scope="module")
def live(shared_play: Play, described: dict[str, Any]) -> Live:
    """The playground, with the runs of the first examples started, and all but the slow one at rest."""
    found = Live(shared_play.url)
    operation = described["paths"]["/api/runs"]["post"]
    for name, example in operation["responses"]["201"]["content"]["application/json"]["examples"].items():
        shown = example["value"]["id"]
        if shown not in found.ids:
            body = operation["requestBody"]["content"]["application/json"]["examples"][name]["value"]
            made = found.send("POST", "/api/runs", {}, body)
            found.ids[shown] = made.json()["id"]
            if shown != SLOW:
                found.rest(found.ids[shown])
    assert set(found.ids) == set(STARTED)
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def answers(operation: dict[str, Any]) -> Iterator[tuple[str, int, str, Any]]:
    """Yield each example of an answer: its name, its status, its type, its value."""
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            for name, example in content.get("examples", {}).items():
                yield name, int(status), kind, example["value"]


def named(holder: dict[str, Any], name: str) -> Any:
    return holder.get("examples", {}).get(name, {}).get("value")


def test_every_operation_has_examples_and_a_line_to_try_it(described: dict[str, Any]) -> None:
    lacking = [
        f"{method} {path} has no examples: write some into playground/api/examples/"
        for method, path, operation in operations(described)
        if not list(answers(operation)) or not BLOCK.search(operation.get("description", ""))
    ]
    assert lacking == []


def test_every_example_gets_the_answer_that_is_documented(live: Live, described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        for name, status, kind, value in answers(operation):
            asked, query = path, {}
            for parameter in operation.get("parameters", ()):
                given = named(parameter, name)
                if given is not None and parameter["in"] == "path":
                    asked = asked.replace(f"{{{parameter['name']}}}", given)
                elif given is not None:
                    query[parameter["name"]] = given
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            got = live.send(method, asked, query, named(content, name))
            where = f"{method} {path}, {name!r}: {got.text[:300]}"
            assert got.status_code == status, where
            assert got.headers["Content-Type"].partition(";")[0] == kind, where
            if isinstance(value, str):
                assert got.text.startswith(live.own(value).partition("…")[0].rstrip()), where
            else:
                assert alike(value, got.json()) == [], where


def alike(shown: Any, real: Any, path: str = "") -> list[str]:
    """Return where an answer has not the shape that was shown: shown keys are there, and of the same kind."""
    if isinstance(shown, dict):
        if not isinstance(real, dict):
            return [f"{path} is no object"]
        free = path.endswith((".detail", ".scenario", ".services"))
        lacking = [] if free else [f"{path} lacks {key}" for key in shown if key not in real]
        return lacking + [
            line for key in shown if key in real for line in alike(shown[key], real[key], f"{path}.{key}")
        ]
    if isinstance(shown, list):
        if not isinstance(real, list) or (shown and not real):
            return [f"{path} is an empty list, or none"]
        return alike(shown[0], real[0], f"{path}[0]") if shown and path.endswith(("errors", "sagas", "frames")) else []
    return [] if shown is None or real is None or type(shown) is type(real) else [f"{path} is {real!r}"]


def test_every_line_works_when_it_is_pasted(live: Live, described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        block = BLOCK.search(operation["description"])
        assert block is not None
        expected = min(status for _, status, _, _ in answers(operation))
        answer = pasted(block[1], live)
        assert answer.status_code == expected, f"{method} {path}: {answer.text[:300]}"


def pasted(lines: str, live: Live) -> httpx.Response:
    """Return the answer to the last of some shell lines. Where they sleep, this waits for what they sleep for."""
    run, answer = "", None
    for line in lines.splitlines():
        if assigned := ASSIGNED.fullmatch(line):
            made = curl(assigned[1], live)
            run = made.text.split('"')[3]
            assert run == made.json()["id"]
            if '"latency_ms": 5000' not in assigned[1]:
                live.rest(run)
        elif not line.startswith("sleep "):
            assert answer is None or answer.is_success, line
            answer = curl(line.replace("$RUN", run), live)
    assert answer is not None, f"nothing is asked for in:\n{lines}"
    return answer


def curl(line: str, live: Live) -> httpx.Response:
    """Do what a line of curl does; any option that is not known here is an error."""
    words = iter(shlex.split(line))
    assert next(words) == "curl"
    method, url, data, headers = "", "", None, {}
    for word in words:
        match word:
            case "-s":
                pass
            case "-X":
                method = next(words)
            case "-d":
                data = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case _:
                assert word.startswith(HOST), word
                url = word.replace(HOST, live.url)
    return httpx.request(method or ("POST" if data else "GET"), url, content=data, headers=headers, timeout=30)


def test_an_operation_without_examples_would_be_noticed() -> None:
    schema = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/")))
    del schema["paths"]["/api/runs/{id}"]["get"]["description"]
    with pytest.raises(AssertionError, match=re.escape("GET /api/runs/{id} has no examples")):
        test_every_operation_has_examples_and_a_line_to_try_it(schema)
