"""Fuzzing: a property, with a few examples that never change in the ordinary suite and thousands of new ones on request."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import router
from hypothesis import HealthCheck, Phase, core, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.internal.conjecture import engine
from hypothesis.strategies._internal import collections

T = TypeVar("T")

ORDINARY, TORTURE = "ordinary", "torture"
MANY = 400  # from this many examples on they are new ones each time


def depths(ordinary: int, torture: int) -> pytest.MarkDecorator:
    """Give a test the argument `examples`: a few in the ordinary suite, many under the marker `torture`."""
    many = pytest.param(torture, id=TORTURE, marks=[pytest.mark.torture, pytest.mark.timeout(1800)])
    return pytest.mark.parametrize("examples", [pytest.param(ordinary, id=ORDINARY), many])


def fuzz(examples: int, given_: st.SearchStrategy[T], holds: Callable[[T], Any]) -> None:
    """Hold `holds` to that many values: always the same ones when they are few, new ones each time when they are many."""
    always_the_same = examples < MANY
    phases = [Phase.generate] if always_the_same else [Phase.generate, Phase.shrink]

    @settings(
        max_examples=examples,
        derandomize=always_the_same,
        database=None,
        deadline=None,
        print_blob=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(given_)
    def run(value: T) -> None:
        holds(value)

    with warnings.catch_warnings():
        # An example that fails is shown, however long it is.
        warnings.simplefilter("ignore", HypothesisWarning)
        run()


@contextmanager
def hypothesis_as_it_was() -> Iterator[None]:
    """Undoes what schemathesis does to Hypothesis: no failing example of any test would be printed any more."""
    places = [
        (core, "RepresentationPrinter"),
        (core, "BUFFER_SIZE"),
        (engine, "BUFFER_SIZE"),
        (collections, "BUFFER_SIZE"),
    ]
    before = [(module, name, getattr(module, name)) for module, name in places if hasattr(module, name)]
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def stored() -> dict[str, int]:
    """Return how many rows every table of every database holds."""
    return {
        model._meta.db_table: model._default_manager.using(router.db_for_read(model)).count()
        for model in apps.get_models()
    }


SCENARIO: dict[str, list[str]] = {
    "v": ["1", "2", "0"],
    "saga": ["order", "trip"],
    "mode": ["orchestration", "choreography", "none"],
    "orders": ["1", "2", "8", "9"],
    "stock": ["0", "3", "101"],
    "keep_back": ["0", "1"],
    "fault": ["charge-payment:error", "charge-payment.compensation:timeout:2", "notify-warehouse:drop-event@0", "a:b"],
    "idempotency": ["on", "off"],
    "key_scope": ["step", "order"],
    "lock": ["off", "naive", "fail-fast", "wait"],
    "schedule": ["free", "0,1", "0,0,-1", "rendezvous", ","],
    "retry": ["3,200,2", "3,200,2,5000,jitter", ",,", "jitter"],
    "compensation_retry": ["4,200,2"],
    "latency_ms": ["0", "250"],
    "timeout_ms": ["1000", "0"],
    "deadline_ms": ["1"],
    "watcher_ms": ["1"],
    "seed": ["1", "2147483648"],
}

# What people and machines put where a word belongs.
NUMBERS = st.one_of(
    st.integers(-5, 50).map(str),
    st.sampled_from(["-0", "1e309", "NaN", "Infinity", "0x10", "1_000", "١٢", "²", "9" * 9, "9" * 15, "9" * 5000]),
    st.integers().map(str),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x24F), max_size=8),
    st.sampled_from(["\0", "\ud800", "a\0b", "\r\n", "../..", "<b>", "'", '"', "{{", "%", "\u202e", "null", "~", "-1"]),
    st.integers(100, 20_000).map(lambda size: "x" * size),
)
# Raw pieces of an address: percent signs that encode nothing, bytes that are no UTF-8, empty names and values.
JUNK = st.sampled_from(["%", "%zz", "%ff", "%00", "%ed%a0%80", "%c3", "=", "==", "&", "&&", ";", "+", "?", "#", "[]"])


def percent(text: str) -> str:
    """Return text as a part of an address, lone surrogates and all."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def queries(keys: Mapping[str, list[str]], most: int = 5) -> st.SearchStrategy[str]:
    """Return raw query strings: these keys with these values and with any others, other keys, repeated keys, and junk."""
    known = st.sampled_from([*sorted(keys), ""]).flatmap(
        lambda key: st.tuples(st.just(key), st.one_of(st.sampled_from(keys.get(key) or [""]), NUMBERS, TEXTS))
    )
    pair = st.one_of(known, known, known, st.tuples(TEXTS, TEXTS)).map(lambda kv: f"{percent(kv[0])}={percent(kv[1])}")
    return st.lists(st.one_of(pair, pair, pair, JUNK), max_size=most).map("&".join)
