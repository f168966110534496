"""Live traces: what a worker sends is what the journal says, once, from whichever worker, and nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from playground import export, observed
from playground.scenario import Scenario
from playground.tracing import follower as follower_module
from playground.tracing.follower import Follower
from playground.tracing.sdk import Tracing, current
from playground.tracing.services import watched
from sagas import catalog
from sagas.entries import Entry, Kind
from sagas.models import Run
from sagas.runs import create_run, retry_saga
from sagas.services.calls import Call
from sagas.simulation import simulate
from sagas.tracecontext import event_span, parse, trace_id
from tests.engine import Finished, drive, fault, read, scenario, working
from tests.otlp import Collector, Told, about, bare, collecting, is_reported, is_served, told_in_file

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENT = {"timeout_ms": 4000}
CHARGE, PICK = "charge-payment", "notify-warehouse"
SCENARIOS: dict[str, dict[str, Any]] = {
    "completed": scenario(**PATIENT),
    "retried": scenario(fault(CHARGE, "error", times=2), **PATIENT),
    "lost reply": scenario(fault(CHARGE, "lost-reply", times=1), timeout_ms=300),
    "twice": scenario(fault(CHARGE, "duplicate"), **PATIENT),
    "late": scenario(fault(CHARGE, "late"), timeout_ms=300),
    "crash": scenario(fault(CHARGE, "crash-after", times=1), **PATIENT),
    "stuck": scenario(fault(PICK, "decline"), fault(CHARGE, "error", on="compensation", times=3), **PATIENT),
    "two": scenario(orders=2, stock=1, lock="wait", **PATIENT),
    "chain": scenario(mode="choreography", **PATIENT),
    "dropped": scenario(fault(PICK, "drop-event"), mode="choreography", **PATIENT),
    "turned back": scenario(fault(PICK, "decline"), mode="choreography", **PATIENT),
    "no way back": scenario(fault(PICK, "error"), mode="none", **PATIENT),
}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def tracing_to(collector: Collector) -> Tracing:
    return Tracing([OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces")])


async def work(tracing: Tracing, runs: Sequence[str], *, ask: str = "") -> None:
    """Drive runs to their rest while they are traced; then have one saga go on, and drive its run again."""
    async with working() as (book, _, wait):
        with observed.traced(book, tracing):
            await wait(runs)
            if ask:
                await asyncio.to_thread(retry_saga, ask, who="ada", why="mended")
                await wait([ask.partition("-")[0]])


def traced(collector: Collector, *scenarios: dict[str, Any], stuck: int | None = None) -> list[Finished]:
    tracing = tracing_to(collector)
    runs = [create_run(each).pk for each in scenarios]
    asyncio.run(work(tracing, runs, ask="" if stuck is None else f"{runs[stuck]}-1"))
    tracing.close()
    return [read(run) for run in runs]


@pytest.fixture(scope="module")
def runs(engine_databases: None, collector: Collector) -> dict[str, Finished]:
    done = traced(collector, *SCENARIOS.values(), stuck=list(SCENARIOS).index("stuck"))
    return dict(zip(SCENARIOS, done, strict=True))


@pytest.fixture(params=SCENARIOS)
def run(request: pytest.FixtureRequest, runs: dict[str, Finished]) -> Finished:
    return runs[request.param]


def exported(run: str) -> list[Told]:
    """Return the spans that the run's file has."""
    return told_in_file(export.export(run, "otlp").text)


def test_what_is_sent_live_is_what_the_journal_says(collector: Collector, run: Finished) -> None:
    live = [(service, span) for service, span in collector.of(trace_id(run.run.pk)) if not is_served(span)]
    told = [(service, span) for service, span in exported(run.run.pk) if not is_reported(span)]
    assert bare(live) == bare(told)
    assert len(live) == len(told), "a span was sent twice"


def leaves_a_fact(span: Span) -> bool:
    """Return whether a delivery is in the journal: it wrote, repeated itself, was fenced, or was refused a record."""
    said = about(span)
    refused = said["saga.verdict"] == "refused" and "saga.record" in said
    return bool(said["saga.rows"] or said["saga.replayed"] or said["saga.verdict"] == "fenced" or refused)


def test_services_trace_what_they_do_below_the_call_that_asked_for_it(collector: Collector, run: Finished) -> None:
    def place(service: str, span: Span) -> tuple[Any, ...]:
        links = tuple((link.span_id, about(link)["saga.link"]) for link in span.links)
        return service, span.parent_span_id, span.name, span.kind, about(span)["saga.key"], links

    served = [told for told in collector.of(trace_id(run.run.pk)) if is_served(told[1])]
    calls = [told for told in served if about(told[1])["saga.op"] != "settlement" and leaves_a_fact(told[1])]
    reported = [told for told in exported(run.run.pk) if is_reported(told[1])]
    assert {place(*told) for told in calls} == {place(*told) for told in reported}
    known = {span.span_id for _, span in exported(run.run.pk)}
    assert all(span.parent_span_id in known for _, span in served)


def test_a_lost_reply_shows_the_service_at_work_below_an_error(collector: Collector, runs: dict[str, Finished]) -> None:
    told = collector.of(trace_id(runs["lost reply"].run.pk))
    calls = sorted(
        (span for service, span in told if span.name == CHARGE and service == "orchestrator"),
        key=lambda span: about(span)["saga.attempt"],
    )
    work = {span.parent_span_id: about(span) for service, span in told if span.name == CHARGE and service == "payments"}
    assert [(about(span)["saga.outcome"], about(span).get("error.type")) for span in calls] == [
        ("unknown", "unknown"),
        ("ok", None),
    ]
    first, second = (work[span.span_id] for span in calls)
    assert (first["saga.rows"], second["saga.rows"], second["saga.replayed"]) == (1, 0, True)


def test_an_event_in_an_outbox_carries_on_the_trace(runs: dict[str, Finished]) -> None:
    run = runs["chain"].run.pk
    said = {
        row.event: row.traceparent
        for service in catalog.SERVICES.values()
        for row in service.outbox._default_manager.filter(world=run)
    }
    published = [entry.key for entry in runs["chain"].kinds(Kind.EVENT_PUBLISHED) if entry.detail["service"] != "shop"]
    assert sorted(said) == sorted(published)
    assert len(said) >= 4
    for event, text in said.items():
        parent = parse(text)
        assert parent is not None
        assert (parent.trace, parent.span, parent.flags) == (trace_id(run), event_span(trace_id(run), event), 1)


def test_what_a_handler_does_belongs_to_its_services_span(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    carry_out = type(catalog.SERVICES["payments"]).carry_out

    def looked_at(service: Any, handler: Any, call: Call, seen_before: Any = None) -> Any:
        seen.append((call.traceparent, api.get_current_span().get_span_context().span_id))
        return carry_out(service, handler, call, seen_before)

    monkeypatch.setattr(type(catalog.SERVICES["payments"]), "carry_out", looked_at)
    (run,) = traced(collector, scenario(**PATIENT))
    ((text, inside),) = seen
    parent = parse(text)
    assert parent is not None
    work = {span.span_id.hex(): span for _, span in collector.of(trace_id(run.run.pk)) if is_served(span)}
    assert work[f"{inside:016x}"].parent_span_id.hex() == parent.span


def test_a_worker_that_takes_over_goes_on_in_the_same_trace(collector: Collector) -> None:
    run = create_run(scenario(fault(CHARGE, "error", times=1), latency_ms=20, **PATIENT)).pk

    async def die_on_the_way() -> None:
        """Work until the second step has begun, with spans that never leave the process."""
        begun = asyncio.Event()

        def hear(_: str, entries: Sequence[Entry]) -> None:
            if any(entry.kind is Kind.RETRY_SCHEDULED for entry in entries):
                begun.set()

        with collecting() as silent:
            silent.is_open.clear()
            tracing = tracing_to(silent)
            async with working() as (book, _, _):
                book.listen(hear)
                with observed.traced(book, tracing):
                    await begun.wait()
            assert silent.got == []
        tracing.close()

    asyncio.run(die_on_the_way())
    before = len(read(run).entries)
    assert Run.objects.get(pk=run).state == "running"
    tracing = tracing_to(collector)
    asyncio.run(work(tracing, [run]))
    tracing.close()
    entries = read(run).entries
    assert any(entry.kind is Kind.ORCHESTRATOR_RECOVERED and entry.seq > before for entry in entries)
    live = [told for told in collector.of(trace_id(run)) if not is_served(told[1])]
    assert bare(live) == bare([told for told in exported(run) if not is_reported(told[1])])


def test_appends_that_were_missed_are_read_from_the_journal(collector: Collector) -> None:
    """Every second append is not heard, as if the thread had been behind."""
    tracing = tracing_to(collector)
    run = create_run(scenario(**PATIENT)).pk

    async def drive() -> int:
        async with working() as (book, _, wait):
            follower, heard = Follower(tracing), list[int]()

            def hear(which: str, entries: Sequence[Entry]) -> None:
                heard.append(len(heard))
                if len(heard) % 2 or entries[-1].kind is Kind.RUN_FINISHED:
                    follower.hear(which, entries)

            book.listen(hear)
            await wait([run])
            follower.close()
            return len(heard)

    assert asyncio.run(drive()) > 4
    tracing.close()
    live = collector.of(trace_id(run))
    assert bare(live) == bare([told for told in exported(run) if not is_reported(told[1])])
    assert len(live) == len(bare(live))


def test_what_was_missed_of_a_slow_run_is_sent_however_old_it_is(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its first and its last entry are heard; whoever takes a run over would send nothing that is older."""
    monkeypatch.setattr(follower_module, "RESEND_MS", 0)
    (run,) = drive(scenario(latency_ms=20, **PATIENT))
    entries = run.entries
    assert len({entry.at for entry in entries}) > 5
    tracing = tracing_to(collector)
    follower = Follower(tracing)
    follower.hear(run.run.pk, entries[:1])
    follower.hear(run.run.pk, entries[-1:])
    follower.close()
    tracing.close()
    live = collector.of(trace_id(run.run.pk))
    assert len(live) > 5
    assert bare(live) == bare([told for told in exported(run.run.pk) if not is_reported(told[1])])
    assert len(live) == len(bare(live))


def test_nobody_waits_for_a_collector_that_does_not_answer() -> None:
    with collecting() as silent:
        silent.is_open.clear()
        tracing = tracing_to(silent)
        run = create_run(scenario(**PATIENT)).pk
        asyncio.run(work(tracing, [run]))
        ending = threading.Thread(target=tracing.close)
        ending.start()
        assert silent.asked.wait(30), "nothing was sent, so nothing could have been waited for"
        assert read(run).states == ["completed"]
        assert silent.got == []
        ending.join(30)
        assert not ending.is_alive()


def test_a_trace_that_the_sampler_drops_is_dropped_as_a_whole(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    done = traced(collector, *[scenario(**PATIENT)] * 12)
    tracing = tracing_to(collector)
    kept = {run.run.pk for run in done if tracing.is_kept(run.run.pk)}
    tracing.close()
    for run in done:
        live = collector.of(trace_id(run.run.pk))
        assert bool(live) == (run.run.pk in kept)
        if live:
            assert sum(is_served(span) for _, span in live) >= 5


def test_a_simulated_run_is_nobodys_trace(collector: Collector) -> None:
    tracing = tracing_to(collector)
    with watched(catalog.SERVICES.values(), tracing):
        run = simulate(Scenario.parse({}).full(), seed=7)
    tracing.close()
    assert run.states == ["completed"]
    assert collector.of(trace_id(run.run)) == []


def test_without_a_word_of_the_environment_nothing_is_traced() -> None:
    threads = {thread.name for thread in threading.enumerate()}
    assert current() is None
    assert not any(service.around for service in catalog.SERVICES.values())
    assert {thread.name for thread in threading.enumerate()} == threads
