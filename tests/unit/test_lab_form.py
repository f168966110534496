"""The lab's form: an address fills it, and what it sends is the same scenario again, whatever that was."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.lab import draft as drafts
from playground.lab import form
from playground.lab.draft import Draft
from playground.lab.faults import faults_of, sensible_kinds
from playground.scenario import FaultSpec, Scenario
from tests.unit.test_published_addresses import LINES
from tests.unit.test_scenario_addresses import scenarios

NAMES = [
    "orders",
    "more",
    "more-places",
    "fault.x",
    "times.x",
    "retry.factor",
    "retry.jitter",
    "schedule",
    "saga",
    "mode",
    "shown",
]

unhurried = settings(deadline=None, max_examples=60)  # a busy machine is no failure


class Sent(HTMLParser):
    """What a browser sends of a page's form: the value of every field, the last one of a name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select = self._area = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        name, kind = has.get("name", ""), has.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
            self.fields[name] = ""
        elif tag == "option" and "selected" in has:
            self.fields[self._select] = has["value"]
        elif tag == "input" and name and (kind not in ("radio", "checkbox") or "checked" in has):
            self.fields[name] = has["value"]

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area


def sent(draft: Draft) -> dict[str, str]:
    """Return what a browser sends of the form of a draft that nobody has touched."""
    context = form.context_of(draft)
    parts = ("lab/_mode.html", "lab/_faults.html", "lab/_settings.html")
    return Sent("".join(render_to_string(part, context) for part in parts)).fields


@st.composite
def unusual(draw: st.DrawFn) -> Scenario:
    """Return a scenario in which faults may be aimed at one order."""
    scenario = draw(scenarios())
    aims = st.none() | st.integers(0, scenario.orders - 1)
    faults = [{**fault.model_dump(), "saga": draw(aims)} for fault in scenario.faults]
    return Scenario.parse({**scenario.full(), "faults": faults})


def is_runnable(scenario: Scenario) -> bool:
    return not (scenario.mode == "choreography" and isinstance(scenario.schedule, list))


@unhurried
@given(unusual())
def test_a_scenario_survives_the_way_through_address_form_and_link(scenario: Scenario) -> None:
    draft = drafts.of_address(scenario.query())
    again = drafts.of_form(sent(draft))
    assert again.value == draft.value
    assert Scenario.parse(again.value) == scenario
    assert again.scenario == (scenario if is_runnable(scenario) else None)
    assert Scenario.parse(again.value).slug == scenario.slug


@pytest.mark.parametrize("address", [line[0] for line in LINES], ids=[line[1] for line in LINES])
def test_rule_40_every_published_address_survives_the_form(address: str) -> None:
    again = drafts.of_form(sent(drafts.of_address(address)))
    assert again.scenario == Scenario.from_query(address)


def test_a_second_fault_of_a_step_one_of_one_order_and_their_order_are_kept() -> None:
    address = (
        "fault=charge-payment:error:1@1&fault=charge-payment:timeout:1&fault=create-order:late"
        "&fault=charge-payment:error&orders=2&schedule=1,0"
    )
    draft = drafts.of_address(address)
    assert faults_of(draft).names == ["more", "fault.charge-payment", "fault.create-order", "more"]
    assert faults_of(draft).lines == ["charge-payment:error:1@1", "charge-payment:error"]
    (column,) = [column for column in faults_of(draft).columns if column.service == "Payments"]
    assert column.also == faults_of(draft).lines
    again = drafts.of_form(sent(draft))
    assert again.scenario is not None
    assert again.scenario.query() == address


def test_what_the_reader_adds_comes_after_what_the_address_held() -> None:
    fields = sent(drafts.of_address("fault=notify-warehouse:error"))
    fields |= {"fault.create-order": "timeout", "times.create-order": "2", "more": "book-delivery:late@0"}
    scenario = drafts.of_form(fields).scenario
    assert scenario is not None
    assert scenario.query() == "fault=notify-warehouse:error&fault=create-order:timeout:2&fault=book-delivery:late@0"


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("orders=9", "orders", "must be at most 8, not 9"),
        ("orders=many&stock=1", "orders", 'must be a whole number, not "many"'),
        ("retry=11,200,2", "retry.max_attempts", "must be at most 10"),
        ("retry=3", "retry", "does not read"),
        ("fault=charge-payment:drop-event", "fault.charge-payment", "needs mode choreography"),
        ("fault=charge-payment:error:0", "fault.charge-payment", "must be at least 1"),
        ("fault=charge-payment.compensation:error&mode=none", "fault.charge-payment.compensation", "never compensates"),
        ("fault=charge-payment:error@3", "more", "line 1: names saga 3"),
        ("fault=pay:error&fault=nonsense", "more", 'line 2: "nonsense" does not read'),
        ("mode=anarchy", "mode", "must be orchestration"),
        ("watcher_ms=5", "watcher_ms", "needs mode choreography"),
        ("mode=choreography&schedule=0", "schedule", "not available"),
        ("colour=red&orders=2", "colour", "is not a key"),
        ("v=9&orders=2", "v", "cannot read"),
    ],
)
def test_what_is_wrong_is_named_at_its_field_and_nothing_is_lost(query: str, field: str, message: str) -> None:
    draft = drafts.of_address(query)
    assert draft.scenario is None
    errors = form.context_of(draft)["errors"]
    assert [error for error in errors if error["field"] == field and message in error["message"]], errors
    again = drafts.of_form(sent(draft))
    kept = {key: value for key, value in draft.value.items() if key not in ("colour", "v", "retry", "mode")}
    assert {key: again.value[key] for key in kept} == kept


def test_what_makes_no_sense_is_said_beside_what_is_out_of_range() -> None:
    query = (
        "orders=9&stock=200&watcher_ms=5&schedule=0,3"
        "&fault=charge-payment:error:0&fault=nonsense&fault=create-order:drop-event&fault=create-order:error@4"
    )
    errors = form.context_of(drafts.of_address(query))["errors"]
    assert [(error["field"], error["message"].split(" ")[0]) for error in errors] == [
        ("more", "line"),
        ("orders", "must"),
        ("stock", "must"),
        ("fault.charge-payment", "must"),
        ("fault.create-order", "drop-event"),
        ("watcher_ms", "needs"),
    ]
    assert len(drafts.of_form(sent(drafts.of_address(query))).errors) == len(errors)
    assert [error["field"] for error in drafts.of_address("mode=x&watcher_ms=5").errors] == ["mode"]


def test_each_field_has_a_place_for_its_error_and_is_described_by_it() -> None:
    context = form.context_of(drafts.of_address("fault=charge-payment:error:1&orders=9"))
    parts = ("lab/_mode.html", "lab/_faults.html", "lab/_settings.html")
    html = "".join(render_to_string(part, context) for part in parts)
    described = set(re.findall(r'aria-describedby="([^"]+)"', html))
    places = re.findall(r'<em class="wrong" id="([^"]+)"', html)
    assert len(places) == len(set(places))
    assert described <= set(places)
    assert re.search(r'name="orders"[^>]*aria-invalid="true"', html)
    assert not re.search(r'name="stock"[^>]*aria-invalid', html)


def test_a_field_offers_the_kinds_that_make_sense_for_mode_and_direction() -> None:
    assert "drop-event" not in sensible_kinds("order", "orchestration", "action")
    assert "crash-after" in sensible_kinds("order", "orchestration", "compensation")
    assert "crash-after" not in sensible_kinds("order", "choreography", "action")
    assert "drop-event" in sensible_kinds("order", "choreography", "action")
    assert sensible_kinds("order", "none", "compensation") == ()
    columns = faults_of(drafts.of_address("mode=none")).columns
    assert [len(column.slots) for column in columns] == [1] * 5


def test_another_saga_leaves_the_old_ones_faults_behind() -> None:
    fields = {
        "shown": "another/orchestration/",
        "saga": "order",
        "fault.book-flight": "error",
        "fault.create-order": "late",
    }
    scenario = drafts.of_form(fields).scenario
    assert scenario is not None
    assert scenario.faults == [FaultSpec(step="create-order", kind="late")]


@unhurried
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_no_form_breaks_the_lab(fields: dict[str, str]) -> None:
    draft = drafts.of_form(fields)
    assert (draft.scenario is None) is bool(draft.errors)
    assert form.context_of(draft)["columns"]
