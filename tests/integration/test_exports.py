"""A run taken away in each format: what is in the file, and what the API and the terminal say."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from playground import export
from playground.export import journal as journal_format
from playground.export.taken import take
from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.entries import Kind
from sagas.models import Run
from sagas.runs import create_run, retry_saga
from sagas.tracecontext import trace_id
from tests import jaeger
from tests.engine import Finished, drive, fault, finish, scenario
from tests.otlp import Told, about, told_in_file

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENT = {"timeout_ms": 4000}
HOSTILE = 'mended;\nend # <b>"{x}" %% Note over'
CHARGE, PICK, BOOK = "charge-payment", "notify-warehouse", "book-delivery"

SCENARIOS: dict[str, dict[str, Any]] = {
    "completed": scenario(**PATIENT),
    "retried": scenario(fault(CHARGE, "error", times=2), **PATIENT),
    "lost reply": scenario(fault(CHARGE, "lost-reply", times=1), timeout_ms=1000),
    "lost call": scenario(fault(CHARGE, "timeout", times=1), timeout_ms=1000),
    "crash": scenario(fault(CHARGE, "crash-after", times=1), **PATIENT),
    "stuck": scenario(fault(PICK, "decline"), fault(CHARGE, "error", on="compensation", times=3), **PATIENT),
    "two": scenario(orders=2, stock=1, lock="wait", **PATIENT),
    "dropped": scenario(fault(PICK, "drop-event"), mode="choreography", **PATIENT),
    "no way back": scenario(fault(PICK, "error"), mode="none", **PATIENT),
}


@pytest.fixture(scope="module")
def runs(engine_databases: None) -> dict[str, Finished]:
    found = dict(zip(SCENARIOS, drive(*SCENARIOS.values()), strict=True))
    stuck = found["stuck"].run.pk
    retry_saga(f"{stuck}-1", who="ada", why=HOSTILE)
    (found["stuck"],) = finish(Run.objects.get(pk=stuck))
    return found


@pytest.fixture(params=SCENARIOS)
def run(request: pytest.FixtureRequest, runs: dict[str, Finished]) -> Finished:
    return runs[request.param]


def text_of(run: Finished, form: str) -> Any:
    return export.export(run.run.pk, form).text


def test_a_journal_read_again_is_the_run(run: Finished) -> None:
    text = text_of(run, "journal")
    taken = journal_format.read(text)
    assert taken == take(run.run.pk)
    assert list(taken.entries) == run.entries
    assert journal_format.write(taken) == text


@pytest.mark.parametrize("form", export.FORMATS)
def test_the_same_run_gives_the_same_bytes(form: str, runs: dict[str, Finished]) -> None:
    for one in runs.values():
        if form in ("asl", "temporal", "durable") and one.run.scenario.get("mode", "orchestration") != "orchestration":
            with pytest.raises(export.ExportRefused, match="drives, and there nobody does"):
                text_of(one, form)
            continue
        assert text_of(one, form) == text_of(one, form)


@pytest.mark.parametrize("form", ["asl", "temporal", "durable"])
def test_services_that_are_their_authors_own_stay_where_they_are(
    form: str, runs: dict[str, Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = take(runs["completed"].run.pk)
    own = SagaDefinition("parcel", version=taken.version, steps=taken.steps.steps)
    monkeypatch.setitem(catalog.DEFINITIONS, ("parcel", own.version), own)
    taken = replace(taken, definition="parcel", scenario={**taken.scenario, "saga": "parcel"})
    with pytest.raises(export.ExportRefused, match="the services of saga 'parcel' are its author's own"):
        export.FORMATS[form].write(taken)


@pytest.mark.parametrize("text", ["[]", '{"format": "x"}', '{"format": "five-ledgers/journal", "format_version": 9}'])
def test_what_is_no_journal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="journal"):
        journal_format.read(text)


NAME = "driver|shop|watcher|operator|inventory|orders|payments|warehouse|delivery"
SAFE = r"(?:[^#;<>&\"%{}\\\n]|#\d+;)+"
LINES = (
    rf"title {SAFE}",
    rf"(?:participant|actor) (?:{NAME}) as [A-Z][a-z ]+",
    rf"(?P<from>{NAME})(?P<arrow>->>|-->>|-x|--x)(?P<to>{NAME}): (?P<said>{SAFE})",
    rf"Note over (?:{NAME})(?:,(?:{NAME}))?: {SAFE}",
)


def diagram(run: Finished) -> list[str]:
    first, *lines = text_of(run, "mermaid").splitlines()
    assert first == "sequenceDiagram"
    assert all(line.startswith("  ") for line in lines)
    return [line.strip() for line in lines]


def arrows(run: Finished) -> list[tuple[str, str, str, str]]:
    found = [re.fullmatch(LINES[2], line) for line in diagram(run)]
    return [(one["from"], one["arrow"], one["to"], one["said"]) for one in found if one]


def test_every_line_of_a_diagram_is_one_that_mermaid_knows(run: Finished) -> None:
    lines = diagram(run)
    assert [line for line in lines if not any(re.fullmatch(known, line) for known in LINES)] == []
    declared = {line.split()[1] for line in lines if line.startswith(("participant", "actor"))}
    used = {name for one, _, other, _ in arrows(run) for name in (one, other)}
    assert used <= declared


def test_a_diagram_shows_what_is_lost_and_what_is_done_again(runs: dict[str, Finished]) -> None:
    assert ("payments", "--x", "driver", "reply lost") in arrows(runs["lost reply"])
    assert ("payments", "-->>", "driver", "done, the kept answer") in arrows(runs["lost reply"])
    assert ("driver", "-x", "payments", "charge-payment") in arrows(runs["lost call"])
    assert ("driver", "->>", "payments", "charge-payment (attempt 3)") in arrows(runs["retried"])
    assert any("waits" in line for line in diagram(runs["retried"]))
    assert ("payments", "-x", "warehouse", "payment-charged (dropped)") in arrows(runs["dropped"])


def test_a_diagram_shows_the_way_back_the_crash_and_the_person(runs: dict[str, Finished]) -> None:
    stuck = arrows(runs["stuck"])
    undone = [said for one, arrow, _, said in stuck if (one, arrow) == ("driver", "->>")]
    assert undone[-3:] == ["refund-payment (attempt 4)", "cancel-order", "release-inventory"]
    (asked,) = [said for one, _, _, said in stuck if one == "operator"]
    assert asked.startswith("retry, says ada: mended#59; end")
    crash = diagram(runs["crash"])
    down = next(n for n, line in enumerate(crash) if "The orchestrator is down" in line)
    assert "Another worker reads the journal" in crash[down + 1]


def spans(run: Finished) -> list[Told]:
    return told_in_file(text_of(run, "otlp"))


def sagas(run: Finished) -> list[Span]:
    return [span for _, span in spans(run) if span.name.startswith("saga ")]


def test_a_run_is_a_trace_with_a_span_per_saga_and_per_attempt(run: Finished) -> None:
    found = [span for _, span in spans(run)]
    (root,) = [span for span in found if not span.parent_span_id]
    assert {span.trace_id.hex() for span in found} == {trace_id(run.run.pk)}
    first = [span for span in sagas(run) if about(span)["saga.spell"] == 1]
    assert sorted(about(span)["saga.id"] for span in first) == [saga.pk for saga in run.sagas]
    assert {span.parent_span_id for span in first} == {root.span_id}
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in found)
    assert len({span.span_id for span in found}) == len(found)
    by_id = {span.span_id: span for span in found}
    assert all(span.parent_span_id in by_id for span in found if span.parent_span_id)
    assert all(link.span_id in by_id for span in found for link in span.links)
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in found)
    attempts = [span for span in found if span.kind in (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_CONSUMER)]
    assert len(attempts) == len(run.kinds(Kind.ATTEMPT_STARTED))


def test_a_lost_reply_is_an_error_above_work_that_was_done(runs: dict[str, Finished]) -> None:
    found = [(service, span) for service, span in spans(runs["lost reply"]) if span.name == CHARGE]
    first, second = [span for service, span in found if service == "orchestrator"]
    assert (about(first)["saga.outcome"], first.status.code) == ("unknown", Status.STATUS_CODE_ERROR)
    assert (about(second)["saga.outcome"], second.status.code) == ("ok", Status.STATUS_CODE_OK)
    assert [link.span_id for link in second.links] == [first.span_id]
    work = [span for service, span in found if service == "payments"]
    assert [span.parent_span_id for span in work] == [first.span_id, second.span_id]
    assert [[event.name for event in span.events] for span in work] == [["effect"], ["replayed"]]


def test_waits_turns_and_people_are_events_of_the_saga(runs: dict[str, Finished]) -> None:
    before, after = sagas(runs["stuck"])
    events = [event.name for event in before.events]
    assert {"saga-started", "saga-compensating", "saga-needs-operator"} <= set(events)
    waits = [about(event)["saga.delay_ms"] for event in before.events if event.name == "retry-scheduled"]
    assert waits == [2, 4]
    assert after.events[0].name == "operator-acted"


BROKEN = {"stuck": "needs-operator", "dropped": "lost", "no way back": "abandoned"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_saga_is_an_error_and_so_is_its_run(runs: dict[str, Finished], name: str) -> None:
    saga, *_ = sagas(runs[name])
    assert saga.status.code == Status.STATUS_CODE_ERROR
    assert about(saga)["error.type"] == about(saga)["saga.state"] == BROKEN[name]
    assert saga.status.message.startswith(f"{BROKEN[name]}: ")
    by_id = {span.span_id: span for _, span in spans(runs[name])}
    assert by_id[saga.parent_span_id].status.code == Status.STATUS_CODE_ERROR


def test_a_saga_that_goes_on_after_a_person_acted_has_another_span(runs: dict[str, Finished]) -> None:
    before, after = sagas(runs["stuck"])
    assert [link.span_id for link in after.links] == [before.span_id]
    assert (about(after)["saga.state"], after.status.code) == ("compensated", Status.STATUS_CODE_UNSET)
    by_id = {span.span_id: span for _, span in spans(runs["stuck"])}
    first, second = by_id[before.parent_span_id], by_id[after.parent_span_id]
    assert (second.parent_span_id, second.status.code) == (first.span_id, Status.STATUS_CODE_UNSET)
    assert before.end_time_unix_nano <= after.start_time_unix_nano


def test_an_undo_points_at_the_attempt_that_it_undoes(runs: dict[str, Finished]) -> None:
    found = [span for _, span in spans(runs["stuck"])]
    calls = [span for span in found if span.kind == Span.SPAN_KIND_CLIENT]
    (charged,) = [span for span in calls if span.name == CHARGE]
    refunds = [span for span in calls if span.name == "refund-payment"]
    assert len(refunds) == 4
    for before, refund in zip([None, *refunds], refunds, strict=False):
        why = {about(link)["saga.link"]: link.span_id for link in refund.links}
        assert why == {"undoes": charged.span_id} | ({"retry of": before.span_id} if before else {})
        assert about(refund)["saga.key"].endswith(":refund-payment")


def test_where_nobody_drives_events_lead_from_one_attempt_to_the_next(runs: dict[str, Finished]) -> None:
    found = spans(runs["dropped"])
    by_id = {span.span_id: span for _, span in found}
    (create,) = [span for _, span in found if span.name == "create-order" and span.kind == Span.SPAN_KIND_CONSUMER]
    said = by_id[create.parent_span_id]
    assert (said.name, said.kind) == ("inventory-reserved", Span.SPAN_KIND_PRODUCER)
    assert about(said)["messaging.destination.name"] == about(create)["messaging.destination.name"]
    assert by_id[said.parent_span_id].name == "reserve-inventory"
    assert by_id[by_id[said.parent_span_id].parent_span_id].name == "order-placed"


def test_jaegers_file_has_its_shape_and_the_same_spans(run: Finished) -> None:
    (trace,) = jaeger.File.model_validate_json(text_of(run, "jaeger")).data
    told = {span.span_id.hex(): (service, span) for service, span in spans(run)}
    assert {span.span for span in trace.spans} == told.keys()
    assert len(trace.spans) == len(told)
    for one in trace.spans:
        service, span = told[one.span]
        tags = {tag.key: tag.value for tag in one.tags}
        assert (trace.processes[one.process].name, one.name) == (service, span.name)
        assert (one.trace, trace.trace) == (span.trace_id.hex(),) * 2
        assert one.began * 1000 == span.start_time_unix_nano
        assert (one.began + one.duration) * 1000 == span.end_time_unix_nano
        assert about(span).items() <= tags.items()
        assert tags.get("error", False) is (span.status.code == Status.STATUS_CODE_ERROR)
        assert tags.get("otel.status_description", "") == span.status.message
        parents = [ref.span for ref in one.references if ref.kind == "CHILD_OF"]
        assert parents == ([span.parent_span_id.hex()] if span.parent_span_id else [])
        links = [ref.span for ref in one.references if ref.kind == "FOLLOWS_FROM"]
        assert links == [link.span_id.hex() for link in span.links]
        assert [{field.key: field.value for field in log.fields}["event"] for log in one.logs] == [
            event.name for event in span.events
        ]


def test_a_file_comes_with_its_name_and_its_type(runs: dict[str, Finished]) -> None:
    run = runs["completed"].run.pk
    expected = {
        "journal": ("application/json", f"run-{run}.json"),
        "mermaid": ("text/vnd.mermaid; charset=utf-8", f"run-{run}.mmd"),
        "otlp": ("application/json", f"run-{run}.otlp.json"),
        "jaeger": ("application/json", f"run-{run}.jaeger.json"),
        "pytest": ("text/x-python; charset=utf-8", f"test_run_{run}.py"),
        "asl": ("application/zip", f"run-{run}.asl.zip"),
        "temporal": ("application/zip", f"run-{run}.temporal.zip"),
        "durable": ("application/zip", f"run-{run}.durable.zip"),
    }
    for form, (content_type, name) in expected.items():
        answer = Client().get(f"/api/runs/{run}/export", {"format": form})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        written = text_of(runs["completed"], form)
        assert answer.content == (written if isinstance(written, bytes) else written.encode())


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("?format=pdf", 422, "format"),
        ("", 422, "format"),
    ],
)
def test_a_format_that_is_not_there_is_named(runs: dict[str, Finished], query: str, status: int, field: str) -> None:
    answer = Client().get(f"/api/runs/{runs['completed'].run.pk}/export{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


def test_an_unknown_run_a_running_one_and_a_foreign_page_get_no_file() -> None:
    assert Client().get("/api/runs/nothing/export?format=journal").status_code == 404
    run = create_run(scenario()).pk
    answer = Client().get(f"/api/runs/{run}/export?format=pytest")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "format")
    for form in ("journal", "mermaid", "otlp", "jaeger"):
        assert Client().get(f"/api/runs/{run}/export?format={form}").status_code == 200
    foreign = Client().get(f"/api/runs/{run}/export?format=journal", headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_the_terminal_writes_the_same_file(runs: dict[str, Finished], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("playground.management.exporting.prepare_databases", lambda: None)
    run, out, file = runs["two"], StringIO(), tmp_path / "run.mmd"
    call_command("saga", "export", run.run.pk, format="mermaid", stdout=out)
    call_command("saga", "export", run.run.pk, format="mermaid", output=str(file))
    assert out.getvalue() == file.read_text(encoding="utf-8") == text_of(run, "mermaid")
    with pytest.raises(CommandError, match="asl is no text: name a file with --output"):
        call_command("saga", "export", run.run.pk, format="asl")
    call_command("saga", "export", run.run.pk, format="asl", output=str(file))
    assert file.read_bytes() == text_of(run, "asl")
    with pytest.raises(CommandError, match="temporal is no text: name a file with --output"):
        call_command("saga", "export", run.run.pk, format="temporal")
    call_command("saga", "export", run.run.pk, format="temporal", output=str(file))
    assert file.read_bytes() == text_of(run, "temporal")
    with pytest.raises(CommandError, match="there is no run 'nothing'"):
        call_command("saga", "export", "nothing", format="journal")
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("saga", "export", run.run.pk, format="journal", output=str(tmp_path / "no" / "where"))
