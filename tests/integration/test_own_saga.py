"""A saga of one's own, as the README starts it: once per key, driven by the real worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sagas import Retry, SagaDefinition, Step, catalog, house
from sagas.entries import Kind
from sagas.errors import DefinitionInvalid, KeyReused, PlanInvalid, ServiceUnknown
from sagas.models import Run, Saga
from sagas.services.delivery.handlers import book_delivery, cancel_delivery
from sagas.services.payments.handlers import charge_payment
from sagas.worker import Pace, Worker
from tests.engine import read, working

pytestmark = pytest.mark.usefixtures("engine_databases")


@pytest.fixture
def parcel() -> Iterator[SagaDefinition]:
    """A saga of two registered services, known to this process for one test."""
    definition = SagaDefinition(
        "parcel",
        version=1,
        steps=[
            Step(
                "book-van",
                service="delivery",
                action=book_delivery,
                compensation=cancel_delivery,
                retry=Retry(max_attempts=2, initial_ms=1),
            ),
            Step("charge-card", service="payments", action=charge_payment, kind="pivot", timeout=20.0),
        ],
    )
    yield definition
    catalog.DEFINITIONS.pop(("parcel", 1), None)


async def at_work(worker: Worker) -> None:
    while not worker.beats:
        await asyncio.sleep(0)


async def test_a_saga_is_started_once_per_key_and_driven_to_its_end(parcel: SagaDefinition) -> None:
    async with working() as (_, _, wait):
        saga = await parcel.start(key="parcel-17", payload={"amount": 700, "stops": [1, 2]})
        again = await asyncio.gather(
            *(parcel.start(key="parcel-17", payload={"amount": 700, "stops": (1, 2)}) for _ in range(3))
        )
        assert isinstance(saga, Saga)
        assert {each.id for each in again} == {saga.id}
        await wait([saga.run_id])
    done = await asyncio.to_thread(read, saga.run_id)
    assert (done.states, [s.order for s in done.sagas]) == (["completed"], ["parcel-17"])
    assert {e.key for e in done.entries if e.key} == {"saga:parcel-17:book-van", "saga:parcel-17:charge-card"}
    facts = await asyncio.to_thread(done.facts)
    assert (facts["charged"], facts["slots_booked"]) == (700, 1)
    ended = await parcel.start(key="parcel-17", payload={"amount": 700, "stops": [1, 2]})
    assert (ended.id, ended.state) == (saga.id, "completed")


async def test_beside_a_worker_a_saga_begins_as_its_own_and_ends_as_nobodys(parcel: SagaDefinition) -> None:
    async with working() as (_, worker, wait):
        await at_work(worker)
        saga = await parcel.start(key="parcel-23", payload={"amount": 5})
        begun = await Run.objects.aget(pk=saga.run_id)
        assert (begun.lease_epoch, saga.run.lease_owner) == (1, worker.owner)
        await wait([saga.run_id])
        ended = await Run.objects.aget(pk=saga.run_id)
    assert (ended.state, ended.lease_owner, ended.leased_until, ended.lease_epoch) == ("finished", "", 0, 1)
    entries = (await asyncio.to_thread(read, saga.run_id)).entries
    assert Kind.ORCHESTRATOR_RECOVERED not in {e.kind for e in entries}


async def test_starts_at_once_beside_a_worker_make_one_run_whose_first_commit_has_its_first_intent(
    parcel: SagaDefinition,
) -> None:
    async with working() as (book, worker, wait):
        commits = list[list[Kind]]()
        book.listen(lambda _, entries: commits.append([entry.kind for entry in entries]))
        await at_work(worker)
        sagas = await asyncio.gather(*(parcel.start(key="parcel-26", payload={"amount": 5}) for _ in range(4)))
        begun = await asyncio.to_thread(read, sagas[0].pk.rpartition("-")[0])
        assert begun.entries[1].kind is Kind.ATTEMPT_STARTED
        await wait([sagas[0].run_id])
    assert len({saga.pk for saga in sagas}) == 1
    assert commits[0] == [Kind.SAGA_STARTED, Kind.ATTEMPT_STARTED]
    assert [kind for commit in commits for kind in commit].count(Kind.SAGA_STARTED) == 1


async def test_a_start_beside_a_worker_of_what_is_stored_elsewhere_returns_what_is_stored(
    parcel: SagaDefinition, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await parcel.start(key="parcel-27", payload={"amount": 5})
    async with working(only="nobody") as (_, outsider, _):
        await at_work(outsider)
        house.open_house(outsider)
        monkeypatch.setattr(outsider, "wants_more", lambda: True)
        again = await parcel.start(key="parcel-27", payload={"amount": 5})
        assert (again.id, outsider.driving) == (stored.id, 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_worker_without_room_leaves_a_saga_to_be_claimed(parcel: SagaDefinition) -> None:
    async with working(Pace(runs=0)) as (_, worker, _):
        await at_work(worker)
        saga = await parcel.start(key="parcel-24", payload={"amount": 5})
        stored = await Run.objects.aget(pk=saga.run_id)
        assert (stored.lease_epoch, stored.lease_owner, stored.last_seq) == (0, "", 0)
    async with working() as (_, _, wait):
        await wait([saga.run_id])
    assert (await asyncio.to_thread(read, saga.run_id)).states == ["completed"]


async def test_rule_06_what_a_worker_began_and_left_is_gone_on_with_by_the_next(parcel: SagaDefinition) -> None:
    async with working() as (_, worker, _):
        await at_work(worker)
        saga = await parcel.start(key="parcel-25", payload={"amount": 5})
    async with working() as (_, _, wait):
        if (await Run.objects.aget(pk=saga.run_id)).state != "finished":
            await wait([saga.run_id])
    assert (await asyncio.to_thread(read, saga.run_id)).states == ["completed"]


async def test_a_key_names_one_saga_of_its_definition_and_one_payload(parcel: SagaDefinition) -> None:
    first = await parcel.start(key="parcel-18", payload={"amount": 1})
    other = await parcel.start(key="parcel-19", payload={"amount": 1})
    assert first.id != other.id
    with pytest.raises(KeyReused, match="'parcel-18' of saga 'parcel' was used with another payload"):
        await parcel.start(key="parcel-18", payload={"amount": 2})
    for key in ("", "x" * 65, "a\nb"):
        with pytest.raises(PlanInvalid, match="key: must be 1 to 64 printable characters"):
            await parcel.start(key=key)


async def test_two_starts_at_once_make_one_run(parcel: SagaDefinition) -> None:
    from sagas.starting import start_saga

    starts = [asyncio.to_thread(start_saga, parcel, "parcel-20", {"amount": 1}) for _ in range(4)]
    sagas = await asyncio.gather(*starts)
    assert len({saga.pk for saga in sagas}) == 1
    assert await asyncio.to_thread(Run.objects.filter(definition="parcel", sagas__order="parcel-20").count) == 1


async def test_a_step_in_a_service_that_is_not_there_is_refused_before_anything_is_written() -> None:
    step = Step("book-flight", service="nowhere", action=book_delivery, compensation=cancel_delivery)
    trip = SagaDefinition("trip-to-nowhere", steps=[step])
    with pytest.raises(ServiceUnknown, match="saga 'trip-to-nowhere' needs the service 'nowhere'"):
        await trip.start(key="trip-17", payload={"seats": 2})
    assert ("trip-to-nowhere", 1) not in catalog.DEFINITIONS
    assert not await asyncio.to_thread(Saga.objects.filter(order="trip-17").exists)


async def test_a_definition_does_not_take_the_place_of_another_one(parcel: SagaDefinition) -> None:
    twin = SagaDefinition("parcel", version=1, steps=parcel.steps[:1])
    await parcel.start(key="parcel-21", payload={"amount": 1})
    with pytest.raises(DefinitionInvalid, match="another definition of this name and version"):
        await twin.start(key="parcel-22", payload={"amount": 1})
    assert catalog.definition("parcel") is parcel
