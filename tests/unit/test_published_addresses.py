"""Every address, slug and JSON form that was ever published, in every format, exactly as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from playground import scenario_versions
from playground.scenario import Scenario, ScenarioInvalid
from playground.scenario_versions import FORMAT, READERS, filled

PUBLISHED = Path(__file__).resolve().parents[1] / "data" / "published_addresses.txt"


def published() -> list[tuple[str, ...]]:
    """Return the lines: address, slug, canonical address, scenario in full."""
    lines = [line for line in PUBLISHED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [tuple("" if part == "-" else part for part in line.split("\t")) for line in lines]


LINES = published()


@pytest.mark.parametrize(
    ("address", "slug", "canonical", "full"), LINES, ids=[line[1] + line[0][-8:] for line in LINES]
)
def test_rule_40_a_published_address_means_what_it_meant(address: str, slug: str, canonical: str, full: str) -> None:
    scenario = Scenario.from_query(address)
    # A key that came later is not in an old line; what the line says stands to the letter.
    told = json.loads(full)
    assert json.dumps({key: scenario.full()[key] for key in told}, separators=(",", ":")) == full
    assert scenario.full() == Scenario().full() | told
    assert (scenario.slug, scenario.query()) == (slug, canonical)
    assert Scenario.parse(told) == scenario
    assert Scenario.parse(scenario.compact()) == scenario


def test_the_published_addresses_use_every_key_every_kind_and_every_word() -> None:
    scenarios = [Scenario.from_query(address) for address, *_ in LINES]
    faults = [fault for scenario in scenarios for fault in scenario.faults]
    assert {fault.kind for fault in faults} == set(_words("FaultSpec", "kind"))
    assert {fault.on for fault in faults} == {"action", "compensation"}
    for key in ("mode", "lock", "key_scope"):
        assert {getattr(scenario, key) for scenario in scenarios} == set(_words("", key)), key
    changed = {key for scenario in scenarios for key in scenario.compact()}
    assert changed == set(Scenario.model_fields)
    assert len(LINES) >= 80


def test_what_an_address_leaves_out_is_pinned_by_its_format() -> None:
    assert READERS[FORMAT]({}) == Scenario().full()


@pytest.mark.parametrize("version", [0, 2, 99, "1", 1.0, True, None])
def test_a_format_that_nobody_can_read_is_named(version: object) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        Scenario.parse({"v": version, "orders": 2})
    (error,) = refused.value.errors
    assert error["field"] == "v"
    assert "It reads 1" in error["message"]
    assert refused.value.value == {"v": version, "orders": 2}


def test_each_format_has_its_own_word_and_its_own_meaning_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(value: Mapping[str, Any]) -> dict[str, Any]:
        """Read a format that calls the stock lamps, and has two of them unless an address says otherwise."""
        lamps = value.get("lamps", 2)
        return {**{key: given for key, given in value.items() if key != "lamps"}, "stock": lamps}

    monkeypatch.setattr(scenario_versions, "READERS", {**READERS, 7: other})
    assert Scenario.from_query("v=7&orders=2") == Scenario.from_query("orders=2&stock=2")
    assert Scenario.from_query("v=7&lamps=5").query() == "stock=5"
    assert Scenario.from_query("orders=2").stock == 3


def test_after_a_change_of_format_new_addresses_say_theirs_and_old_ones_are_read_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = Scenario.from_query("orders=2")
    monkeypatch.setattr(scenario_versions, "READERS", {**READERS, 2: lambda value: filled(value, Scenario().full())})
    monkeypatch.setattr(scenario_versions, "FORMAT", 2)
    assert Scenario.from_query("orders=2") == old
    assert old.query() == "v=2&orders=2"
    assert Scenario.from_query(old.query()) == Scenario.parse(old.compact()) == old


def _words(model: str, key: str) -> list[str]:
    schema = Scenario.model_json_schema()
    words: list[str] = (schema["$defs"][model] if model else schema)["properties"][key]["enum"]
    return words
