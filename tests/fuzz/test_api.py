"""The API of a playground that runs, asked by its own description: what that allows, and what it does not."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS

from tests.fuzz.kept import check_what_is_kept
from tests.fuzz.wire import Answer, Raw, send
from tests.fuzz.wire import requests as raw_requests
from tests.fuzzing import depths, fuzz, hypothesis_as_it_was
from tests.play import Play

PATIENCE_SECONDS = 60
KEY = "Idempotency-Key"


class Asker:
    """Whoever sends the requests, and counts what was made for them."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.made = 0
        self._session = requests.Session()
        self.run = self.post("/api/runs", {"latency_ms": 0}).json()["id"]
        self.schema = schemathesis.openapi.from_dict(self._session.get(f"{play.url}/api/openapi.json").json())

    def post(self, path: str, body: object) -> requests.Response:
        return self.heard("POST", self._session.post(self.play.url + path, json=body, timeout=PATIENCE_SECONDS))

    def heard(self, label: str, response: requests.Response) -> requests.Response:
        """Count an answer; a stored one that is given again made nothing."""
        self.statuses[label, response.status_code] += 1
        is_run = response.status_code == 201 and "socket_url" in response.json()
        self.made += is_run and "idempotency-replayed" not in {name.lower() for name in response.headers}
        return response

    def ask(self, case: Case, mode: GenerationMode) -> None:
        """Send a request and hold the answer to the description."""
        if mode is GenerationMode.POSITIVE:
            _make_likely(case, self.run)
        response = case.call(base_url=self.play.url, session=self._session, timeout=PATIENCE_SECONDS)
        self.heard(case.operation.label, response)
        assert response.status_code < 500, response.text
        # That settings contradict each other, or a key was used before, is more than a description can say.
        but = CHECKS.get_by_names(["not_a_server_error", "positive_data_acceptance"])
        case.validate_response(response, excluded_checks=but)
        if response.status_code >= 400:
            assert response.json()["errors"], "what is refused says why"

    def send(self, request: Raw) -> Answer:
        """Send a request byte by byte; whatever answers, the API's refusals are JSON and name what is wrong."""
        answer = send(self.play.url, request, PATIENCE_SECONDS)
        self.statuses["raw", answer.status] += 1
        assert answer.status < 500, (request, answer)
        if answer.status >= 400 and "x-frame-options" in answer.headers and request.method != "HEAD":
            assert answer.headers["content-type"] == "application/json", (request, answer)
            assert json.loads(answer.body)["errors"], (request, answer)
        if answer.status == 201 and b"socket_url" in answer.body and "idempotency-replayed" not in answer.headers:
            self.made += 1
        return answer


def _make_likely(case: Case, run: str) -> None:
    """Ask for a run that there is, every other time; a key that was never used is a new one."""
    parameters, headers = case.path_parameters, case.headers
    if parameters and len(str(case.body)) % 2 == 0:
        parameters["id"] = f"{run}-1" if case.path.startswith("/api/sagas/") else run
    if headers and len(headers.get(KEY, "")) > 20:
        headers[KEY] = uuid.uuid4().hex


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory, engine_databases: None) -> Iterator[Asker]:
    with Play(tmp_path_factory.mktemp("fuzzed-play")) as play:
        yield Asker(play)


@depths(ordinary=4, torture=400)
def test_every_operation_answers_as_the_description_says_and_keeps_nothing_it_should_not(
    asker: Asker, examples: int
) -> None:
    for found in asker.schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            with hypothesis_as_it_was():
                strategy = operation.as_strategy(generation_mode=mode)
                strategy.validate()
            fuzz(examples, strategy, lambda case, mode=mode: asker.ask(case, mode))
    assert asker.statuses["POST /api/runs", 201] > 0, "no request was one that is granted"
    assert asker.statuses["POST /api/scenarios", 201] > 0
    check_what_is_kept(asker.play, runs=asker.made)
    assert "Traceback" not in asker.play.output


@depths(ordinary=100, torture=5000)
def test_no_bytes_break_the_api_or_leave_anything_behind(asker: Asker, examples: int) -> None:
    fuzz(examples, raw_requests(asker.run), asker.send)
    check_what_is_kept(asker.play, runs=asker.made)
    assert "Traceback" not in asker.play.output
