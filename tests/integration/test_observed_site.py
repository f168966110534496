"""A whole playground and a worker beside it, looked at from outside: traces, metrics, lines of the log, the run's page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import promql_parser as promql
import pytest
import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from sagas.tracecontext import run_span, trace_id
from tests.door import TOKEN, Door
from tests.migrated import clean
from tests.otlp import Collector, Told, about, bare, collecting, is_reported, is_served, told_in_file
from tests.play import ROOT, Play

DOCS = ROOT / "docs" / "observability"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PLAIN = {"latency_ms": 0, "timeout_ms": 4000}
QUICK = {"max_attempts": 2, "initial_ms": 2, "max_ms": 4}
STUCK = {
    **PLAIN,
    "retry": QUICK,
    "compensation_retry": QUICK,
    "faults": [
        {"step": "create-order", "on": "action", "kind": "error", "times": None},
        {"step": "reserve-inventory", "on": "compensation", "kind": "error", "times": None},
    ],
}


class Site:
    """A playground of this module's, and the collector that it sends its traces to."""

    def __init__(self, play: Play, collector: Collector) -> None:
        self.play, self.collector = play, collector
        self.stuck, self.plain = (self.run(scenario) for scenario in (STUCK, PLAIN))

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.play.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def run(self, scenario: Mapping[str, Any]) -> str:
        """Start a run as a part of somebody else's trace; return its id once it is at rest and its trace has come."""
        body = json.dumps(scenario).encode()
        headers = {"Content-Type": "application/json", "traceparent": CALLER}
        request = urllib.request.Request(f"{self.play.url}/api/runs", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            run = str(json.load(answer)["id"])
        self.collector.wait(lambda: any(span.name == "run order" for _, span in self.collector.of(trace_id(run))))
        return run

    def spans(self, run: str) -> list[Told]:
        return self.collector.of(trace_id(run))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        collector = stack.enter_context(collecting())
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "SAGA_LOG": "json",
            "SAGA_SERVICES_TOKEN": TOKEN,
            "SAGA_TRACE_URL": "https://tracer.example/trace/{trace_id}?low={trace_id_dec}&run={run}",
        }
        play = stack.enter_context(Play(tmp_path_factory.mktemp("observed"), environment))
        yield Site(play, collector)


@contextmanager
def worker(data: Path, **environment: str) -> Iterator[str]:
    """A worker of its own; gives what it has said by the time it works."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sagaworker"],
        cwd=ROOT,
        env=clean(PYTHONUNBUFFERED="1", SAGA_DATA=str(data), **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if line.startswith("working:"):
                break
        drain = Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield said
    finally:
        process.terminate()
        assert process.wait(30) == 0, said
        drain.join()
        process.stdout.close()


def test_a_request_is_a_span_of_its_callers_trace_and_points_at_the_run(site: Site) -> None:
    _, trace, parent, _ = CALLER.split("-")
    site.collector.wait(lambda: len(site.collector.of(trace)) >= 2)
    asked = {about(span)["saga.run"]: (service, span) for service, span in site.collector.of(trace)}
    service, span = asked[site.plain]
    assert (service, span.name, span.kind) == ("five-ledgers", "POST /api/runs", Span.SPAN_KIND_SERVER)
    assert span.parent_span_id.hex() == parent
    assert about(span)["http.route"] == "/api/runs"
    ((linked),) = [(link.trace_id.hex(), link.span_id.hex()) for link in span.links]
    assert linked == (trace_id(site.plain), run_span(trace_id(site.plain)))


def test_a_driver_elsewhere_finds_what_the_services_did_in_its_own_trace(site: Site) -> None:
    door, trace = Door(site.play.url), "1af7651916cd43dd8448eb211c80319c"
    world = door.ask("POST", "worlds", {"latency_ms": 0}).json["world"]
    asked = door.ask(
        "POST",
        "payments/charge-payment",
        {"order": "ord-8412", "amount": 4900},
        Saga_World=world,
        Idempotency_Key='"saga:ord-8412:charge-payment"',
        traceparent=f"00-{trace}-b7ad6b7169203331-01",
    )
    assert asked.status == 200, asked.raw
    site.collector.wait(lambda: len(site.collector.of(trace)) >= 2)
    told = dict(site.collector.of(trace))
    request, work = told["five-ledgers"], told["payments"]
    assert (request.parent_span_id.hex(), work.parent_span_id) == ("b7ad6b7169203331", request.span_id)
    assert (work.name, about(work)["saga.verdict"], about(work)["saga.rows"]) == ("charge-payment", "ok", 1)


def test_the_playground_sends_the_trace_that_the_runs_file_has(site: Site) -> None:
    told = told_in_file(site.get(f"/api/runs/{site.stuck}/export?format=otlp"))
    live = [(service, span) for service, span in site.spans(site.stuck) if not is_served(span)]
    assert bare(live) == bare((service, span) for service, span in told if not is_reported(span))
    served = {service for service, span in site.spans(site.plain) if is_served(span)}
    assert served == {"inventory", "orders", "payments", "warehouse", "delivery"}


def test_lines_of_the_log_are_json_and_name_the_trace(site: Site) -> None:
    lines = [json.loads(line) for line in site.play.output.splitlines() if line.startswith("{")]
    (raised,) = [line for line in lines if line["message"].startswith("alert.raised")]
    assert raised["trace_id"] == trace_id(site.stuck)
    assert (raised["run"], raised["saga"], raised["step"]) == (site.stuck, f"{site.stuck}-1", "reserve-inventory")
    assert (raised["level"], raised["logger"]) == ("ERROR", "sagas.alerts")
    assert raised["worker"]
    assert {"timestamp", "process"} <= raised.keys()


def test_a_runs_page_leads_to_its_trace(site: Site) -> None:
    page = site.get(f"/runs/{site.plain}/")
    trace = trace_id(site.plain)
    low = int(trace[16:], 16)
    address = f"https://tracer.example/trace/{trace}?low={low}&amp;run={site.plain}"
    assert f'href="{address}"' in page
    assert re.search(rf'<a [^>]*href="{re.escape(address)}"[^>]* rel="noopener noreferrer"', page)


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression is about. Raises ValueError for one that Prometheus would not take."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        match node:
            case promql.VectorSelector():
                found.add(node.name)
            case promql.MatrixSelector():
                walk(node.vector_selector)
            case promql.Call():
                for each in node.args:
                    walk(each)
            case promql.BinaryExpr():
                walk(node.lhs)
                walk(node.rhs)
            case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                walk(node.expr)
            case promql.NumberLiteral() | promql.StringLiteral():
                pass
            case _:
                raise AssertionError(f"unread: {node!r}")

    walk(promql.parse(expression))
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> dict[str, list[str]]:
    board = json.loads((DOCS / "grafana.json").read_text())
    return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in board["panels"]}


def served(text: str) -> set[str]:
    """Return the names under which samples are served; a counter without any yet counts by its name alone."""
    found: set[str] = set()
    for family in text_string_to_metric_families(text):
        if family.name.endswith("_created"):
            continue  # when a counter began: the parser takes it for a family of its own
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
        found |= {family.name + end for end in ends}
        assert {sample.name for sample in family.samples} <= {*found, f"{family.name}_created"}
    return found


def test_whatever_a_dashboard_or_an_alert_asks_for_is_served(site: Site) -> None:
    found = served(site.get("/metrics"))
    for rule in rules():
        assert names_in(rule["expr"]) <= found, rule["alert"]
    for title, expressions in panels().items():
        for expression in expressions:
            assert names_in(expression.replace("$__rate_interval", "5m")) <= found, title


def test_a_metric_that_is_not_there_would_be_missed(site: Site) -> None:
    assert names_in("rate(saga_attempts_total[5m]) > saga_nothing") - served(site.get("/metrics")) == {"saga_nothing"}
    with pytest.raises(ValueError, match="unclosed"):
        names_in("rate(saga_attempts_total[5m]")


def test_rules_are_as_prometheus_wants_them() -> None:
    seen = set()
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[A-Z]\w+", rule["alert"])
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        seen.add(rule["alert"])
    assert len(seen) == len(rules())
    told = (ROOT / "docs" / "OBSERVABILITY.md").read_text()
    assert [alert for alert in sorted(seen) if f"`{alert}`" not in told] == []


def test_steps_retries_and_undoing_are_counted(site: Site) -> None:
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(site.get("/metrics"))
        for sample in family.samples
    }
    assert samples["saga_step_duration_seconds_count", ("op", "action"), ("step", "charge-payment")] == 1
    assert samples["saga_step_duration_seconds_count", ("op", "compensation"), ("step", "reserve-inventory")] == 2
    assert samples["saga_retries_total", ("op", "action"), ("step", "create-order")] == 1
    assert samples["saga_retries_total", ("op", "compensation"), ("step", "reserve-inventory")] == 1
    assert samples["saga_compensations_total", ("outcome", "failed"), ("step", "reserve-inventory")] == 2
    assert samples["saga_ends_total", ("state", "needs-operator")] == 1
    assert samples["saga_runs_finished_total",] == 2
    assert samples["saga_alerts_open",] == 1


def test_a_worker_alone_serves_its_own_metrics(site: Site) -> None:
    with worker(site.play.data, SAGA_METRICS_PORT="0") as said:
        found = re.search(r"metrics\.served (http://127\.0\.0\.1:\d+/metrics)", said)
        assert found, said
        with urllib.request.urlopen(found[1], timeout=30) as answer:
            text = answer.read().decode()
    assert served(text) == served(site.get("/metrics"))
