"""Every form of the pages, with arbitrary fields: a refusal that says why, or a run whose scenario is one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.apps import apps
from django.test import Client
from hypothesis import strategies as st

from playground.models import StoredScenario
from playground.scenario import Scenario
from sagas import catalog
from sagas.models import Run, Saga
from tests.fuzz.conftest import Shelf
from tests.fuzzing import SCENARIO, TEXTS, depths, fuzz, percent, queries
from tests.integration.addresses import HISTORY

pytestmark = pytest.mark.usefixtures("strict_databases")

GRANTED = {200, 204, 302, 303}
REFUSED = {400, 404, 405, 409, 413, 422}


@dataclass(frozen=True)
class Form:
    """A form as it is sent."""

    path: str
    body: str
    headers: dict[str, str]
    content_type: str = "application/x-www-form-urlencoded"


def forms(shelf: Shelf) -> st.SearchStrategy[Form]:
    steps = [step.name for step in catalog.ORDER.steps]
    lab = {**SCENARIO, "shown": ["order/orchestration/", "trip/none/x"], "more": ["a:b\nc", "charge-payment:error"]}
    lab |= {f"{name}.{part}": ["1", "on"] for name in ("retry", "compensation_retry") for part in ("factor", "jitter")}
    lab |= {f"fault.{step}{back}": ["error", "timeout"] for step in steps for back in ("", ".compensation")}
    lab |= {f"times.{steps[2]}": ["1", "0"], f"place.{steps[2]}": ["1", "9999"], "more-places": ["1,2", ",,"]}
    switches = {key: ["on", "off"] for key in ("down", "kill", "watch", "undo", "later")}
    act = {**switches, "fail": ["none", "1", "5", "6"], "lose": ["none", "answer"], "key": ["full", "order"]}
    act |= {"lock": ["off", "wait"], "moves": ["0,1", "a", ""], **{f"ill-{n}": ["decline", "late"] for n in (1, 5)}}
    fork = {"at": ["1", "5", "99"], "fault": ["charge-payment:decline", "x", "charge-payment.compensation:error:1"]}
    history = {"platform": ["asl", "temporal"], "history": [HISTORY.read_text(), '{"events": [{}]}', "["]}
    history["definition"] = ['{"States": {}}', '{"States": {"A": {"Comment": "undo A"}}}', "1"]
    run = st.one_of(*[st.sampled_from(shelf.runs)] * 3, TEXTS.map(percent))
    saga = st.one_of(*[st.just(f"{shelf.stuck}-1")] * 3, TEXTS.map(percent))
    places = [
        (st.sampled_from([f"/acts/{n}/" for n in range(5)]), act),
        (st.just("/acts/2/bet/"), act),
        (st.sampled_from(["/lab/", "/lab/check/"]), lab),
        (st.just("/lab/thousand/open/?latency_ms=0"), {"n": ["1", "1000", "0"]}),
        (st.just("/import/"), history),
        (st.just("/links/"), {"query": ["orders=2", "orders=9", "fault=x"]}),
        (st.builds("/runs/{}/fork".format, run), fork),
        (st.builds("/runs/{}/ask/{}".format, run, st.sampled_from(["pause", "step", "cancel", "x"])), {}),
        (st.builds("/runs/{}/sagas/{}/retry".format, st.just(shelf.stuck), saga), {}),
    ]
    current = st.sampled_from(["http://testserver/", "http://[", "http://testserver/lab/?orders=2", "%"])
    htmx = st.fixed_dictionaries({"HX-Request": st.just("true"), "HX-Current-URL": current})
    headers = st.one_of(st.just({}), htmx, st.fixed_dictionaries({"Referer": current}))
    kind = st.sampled_from([Form.content_type] * 8 + ["", "multipart/form-data", "application/json", "text/plain"])
    return st.one_of(*(st.builds(Form, path, queries(keys), headers, kind) for path, keys in places))


@depths(ordinary=150, torture=2500)
def test_no_form_breaks_anything_or_starts_what_is_no_scenario(shelf: Shelf, examples: int) -> None:
    client, runs_before, worlds_before = Client(), runs(), worlds()

    def holds(form: Form) -> None:
        before = runs()
        answer = client.post(form.path, form.body, content_type=form.content_type, headers=form.headers)
        assert answer.status_code in GRANTED | REFUSED, (form, answer.status_code)
        if answer.status_code in REFUSED:
            assert runs() == before, "what is refused starts nothing"

    fuzz(examples, forms(shelf), holds)
    new = Run.objects.exclude(pk__in=runs_before)
    assert new, "no form was one that is granted"
    for run in new:
        assert Saga.objects.filter(run=run).count() == Scenario.parse(run.scenario).orders
    for kept in StoredScenario.objects.all():
        assert Scenario.parse(kept.value).slug == kept.slug
    assert worlds() - worlds_before <= runs()


def runs() -> set[str]:
    """Return the ids of all runs."""
    return set(Run.objects.values_list("pk", flat=True))


def worlds() -> set[str]:
    """Return every world that any service knows."""
    own = [model for name in catalog.SERVICES for model in apps.get_app_config(name).get_models()]
    return {world for model in own for world in model._default_manager.values_list("world", flat=True).distinct()}
