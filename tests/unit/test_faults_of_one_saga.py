"""A fault may hit one saga of a run alone, in the plan, on the wire and in an address."""

from __future__ import annotations

import pytest

from playground.scenario import Scenario, ScenarioInvalid
from sagas.entries import Op
from sagas.network import fault_of, index_of
from sagas.plan import Fault

FIRST_ONLY = [Fault(step="pay", op=Op.ACTION, kind="decline", saga=0)]


def test_a_fault_of_one_saga_passes_the_others_by() -> None:
    assert [fault_of(FIRST_ONLY, "pay", Op.ACTION, 1, saga) for saga in (0, 1)] == ["decline", ""]


def test_a_fault_of_another_saga_uses_up_none_of_the_hits() -> None:
    faults = [
        Fault(step="pay", op=Op.ACTION, kind="error", times=1, saga=0),
        Fault(step="pay", op=Op.ACTION, kind="late"),
    ]
    assert [fault_of(faults, "pay", Op.ACTION, 1, saga) for saga in (0, 1)] == ["error", "late"]


@pytest.mark.parametrize(("saga", "index"), [("k7qm-1", 0), ("k7qm-12", 11), ("trip", 0)])
def test_the_index_of_a_saga_is_in_its_id(saga: str, index: int) -> None:
    assert index_of(saga) == index


def test_the_address_says_which_saga_and_gives_it_back() -> None:
    scenario = Scenario.from_query("orders=2&fault=book-delivery:decline@1&fault=create-order.compensation:error:2@0")
    assert [fault.saga for fault in scenario.faults] == [1, 0]
    assert "book-delivery:decline@1" in scenario.query()
    assert Scenario.from_query(scenario.query()) == scenario
    assert scenario.plan().faults[0].saga == 1


def test_a_saga_that_the_run_does_not_have_is_refused_by_its_field() -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        Scenario.from_query("fault=book-delivery:decline@1")
    assert refused.value.errors[0]["field"] == "faults.0.saga"
