"""Web processes and workers of their own, several of each: a run is seen live wherever it is driven, and nobody's end is felt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from sagas import journal
from sagas.models import LiveWorker, Run
from tests.faults.test_cut_off import SLOWER, crowd
from tests.faults.test_killed_everywhere import SCENARIOS
from tests.play import Play
from tests.versioned import having
from tests.waiting import until
from tests.yard import Hand, Yard

FAR = "600"  # seconds
SLOW = {"latency_ms": 400, "timeout_ms": 20_000, "faults": [{"step": "book-delivery", "kind": "decline"}]}
LONG = {**SLOWER, "latency_ms": 200, "timeout_ms": 20_000}
OLD, NEW = ("-m", "tests.versioned", "1"), ("-m", "tests.versioned", "2")


@contextmanager
def site(yard: Yard, doors: Sequence[str], **environment: str) -> Iterator[list[Play]]:
    """Web processes of a yard that only serve, each at an address of its own."""
    shared = {"DATABASE_URL": "", "REDIS_URL": "", **yard.environment, "ALLOWED_HOSTS": ",".join(doors), **environment}
    with ExitStack() as stack:
        yield [stack.enter_context(Play(yard.data, {**shared, "HOST": door}, "--no-worker")) for door in doors]


def started(door: Play, scenario: Mapping[str, Any]) -> str:
    answer = httpx.post(f"{door.url}/api/runs", json=scenario, timeout=20)
    assert answer.status_code == 201, answer.text
    run: str = answer.json()["id"]
    return run


def watch(door: Play, run: str) -> ClientConnection:
    return connect(f"{door.url.replace('http', 'ws', 1)}/ws/runs/{run}/json?after=0", open_timeout=30)


def read(line: ClientConnection, kind: str = "run-finished") -> list[dict[str, Any]]:
    """Return what a socket says until an entry of this kind has come."""
    seen: list[dict[str, Any]] = []
    while not any(entry["kind"] == kind for entry in seen):
        seen += json.loads(line.recv(timeout=60)).get("entries", ())
    return seen


def kept(run: str) -> list[dict[str, Any]]:
    return [entry.to_json() for entry in journal.read_all(run)]


def asked(door: Play, run: str, what: str) -> None:
    answer = httpx.post(f"{door.url}/api/runs/{run}/{what}", json={"who": "ada"}, timeout=20)
    assert answer.status_code in (200, 201, 202), answer.text


def broken(yard: Yard, runs: Sequence[str]) -> list[str]:
    """Return what rules these runs have broken, each judged by the version that it keeps to."""
    told = []
    for run, version in Run.objects.filter(pk__in=runs).values_list("pk", "version"):
        with having(version):
            told += yard.violations(run)
    return told


def test_what_one_door_starts_and_a_worker_drives_is_seen_live_at_another_door_and_survives_the_worker(
    postgres_yard: Yard, redis_url: str
) -> None:
    """Its first worker does not poll: all that it does in time it was called for, through Redis."""
    redis = {"REDIS_URL": redis_url}
    with ExitStack() as stack:
        one, other = stack.enter_context(site(postgres_yard, ["127.0.0.2", "127.0.0.3"], **redis))
        worker = stack.enter_context(Hand(postgres_yard, SAGA_POLL_SECONDS=FAR, **redis))
        run = started(one, SLOW)
        with watch(other, run) as line:
            seen = read(line, "attempt-started")
            asked(other, run, "pause")
            seen += read(line, "operator-acted")
            asked(one, run, "resume")
            seen += read(line)
        assert seen == kept(run)
        cut_short = started(one, SLOW)
        with watch(other, cut_short) as line:
            seen = read(line, "attempt-succeeded")
            worker.kill()
            heir = stack.enter_context(Hand(postgres_yard, **redis))
            seen += read(line)
            heir.stop()
        assert seen == kept(cut_short)
    assert [entry["kind"] for entry in seen].count("orchestrator-recovered") == 1
    assert broken(postgres_yard, [run, cut_short]) == []


def test_without_redis_a_door_shows_what_a_worker_writes_into_the_same_files(sqlite_yard: Yard) -> None:
    with site(sqlite_yard, ["127.0.0.2"]) as (door,), Hand(sqlite_yard) as worker:
        run = started(door, SLOW)
        with watch(door, run) as line:
            assert read(line) == kept(run)
        driven_elsewhere = started(door, SLOW)
        until(lambda: Run.objects.get(pk=driven_elsewhere).last_seq > 0)
        shown = sqlite_yard.manage("saga", "resume", driven_elsewhere, "--json")
        assert [json.loads(entry) for entry in shown.stdout.splitlines()] == kept(driven_elsewhere), shown.stderr
        assert shown.returncode == 3, "it ended compensated"
        worker.stop()
    assert Run.objects.get(pk=driven_elsewhere).lease_epoch == 1
    assert broken(sqlite_yard, [run, driven_elsewhere]) == []


def versions(yard: Yard, number: int) -> tuple[list[str], list[str]]:
    """Return new runs of an old version and of a new one."""
    with having(1):
        old = crowd(yard, number)
    with having(1, 2):
        return old, crowd(yard, number)


def test_rule_35_while_releases_differ_each_run_is_driven_by_a_worker_that_has_its_version(
    postgres_yard: Yard,
) -> None:
    old, new = versions(postgres_yard, 2)
    with Hand(postgres_yard, *NEW) as upgraded:
        postgres_yard.until_finished(new)
        assert Run.objects.filter(pk__in=old, state=Run.State.RUNNING).count() == len(old)
        with Hand(postgres_yard, *OLD) as late:
            postgres_yard.until_finished(old)
            late.stop()
        upgraded.stop()
    assert broken(postgres_yard, [*old, *new]) == []
    assert {entry["detail"].get("version") for run in old for entry in kept(run)} - {None} == {1}
    assert not LiveWorker.objects.exists()


class Fleet:
    """Workers that come and go."""

    def __init__(self, yard: Yard, stack: ExitStack, **environment: str) -> None:
        self._yard, self._stack, self._environment = yard, stack, environment
        self.hands: list[Hand] = []
        self.busy: dict[str, set[str]] = {}

    def join(self, *program: str) -> Hand:
        hand = self._stack.enter_context(Hand(self._yard, *program, **self._environment))
        self.hands.append(hand)
        return hand

    def kill(self, hand: Hand) -> None:
        self.hands.remove(hand)
        hand.kill()

    def leave(self, hand: Hand) -> None:
        self.hands.remove(hand)
        hand.stop()

    def look(self, runs: Sequence[str]) -> int:
        """Return of how many workers it was seen by now that they held one of these runs; another first one is another wave."""
        held = Run.objects.filter(pk__in=runs).exclude(lease_owner="").values_list("lease_owner", flat=True)
        self.busy.setdefault(runs[0], set()).update(held)
        return len(self.busy[runs[0]])

    def share(self, runs: Sequence[str]) -> None:
        """Return once every worker was seen to hold one of these runs."""
        want = len(self.hands)
        until(lambda: self.look(runs) >= want, lambda: f"of {want} workers only {self.busy[runs[0]]} had work")

    def wave(self, doors: Sequence[Play], number: int) -> list[str]:
        """Return new runs: one at each door, the others here; of the new version as well where somebody has it."""
        runs = [started(door, LONG) for door in doors]
        is_new_here = any(hand.process.args[1:] == list(NEW) for hand in self.hands)
        for version in (1, 2) if is_new_here else (1,):
            for n in range(number):
                with having(version):
                    runs.append(self._yard.create({**LONG, **list(SCENARIOS.values())[n % len(SCENARIOS)]}))
                self.look(runs)
        return runs


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_four_workers_come_go_die_and_are_upgraded_under_load_and_nothing_is_lost_or_done_twice(
    postgres_yard: Yard, redis_url: str, record_property: Callable[[str, object], None]
) -> None:
    redis = {"REDIS_URL": redis_url}
    runs: list[str] = []
    with ExitStack() as stack:
        doors = stack.enter_context(site(postgres_yard, ["127.0.0.2", "127.0.0.3"], **redis))
        fleet = Fleet(postgres_yard, stack, **redis)
        for _ in range(4):
            fleet.join(*OLD)
        for change in (none, killed, left, upgraded, killed, upgraded, left, upgraded):
            wave = fleet.wave(doors, 26)
            runs += wave
            fleet.share(wave)
            change(fleet)
        line = stack.enter_context(watch(doors[1], last := started(doors[0], SLOW)))
        assert read(line) == kept(last)
        postgres_yard.until_finished(runs)
        for hand in list(fleet.hands):
            fleet.leave(hand)
        assert broken(postgres_yard, [*runs, last]) == []
    assert len(runs) >= 300
    record_property("fault", f"four workers, two doors: {len(runs)} runs through 2 kills, 2 leaves and 3 upgrades")


def none(fleet: Fleet) -> None:
    """Change nothing."""


def killed(fleet: Fleet) -> None:
    """Kill the worker that has been there longest; another of its release takes its place."""
    victim = fleet.hands[0]
    fleet.kill(victim)
    fleet.join(*victim.process.args[1:])


def left(fleet: Fleet) -> None:
    """Let one worker go, and another of its release come."""
    leaving = fleet.hands[0]
    fleet.join(*leaving.process.args[1:])
    fleet.leave(leaving)


def upgraded(fleet: Fleet) -> None:
    """Let a worker of the new release come for one of the old that goes."""
    old = next(hand for hand in fleet.hands if hand.process.args[1:] == list(OLD))
    fleet.join(*NEW)
    fleet.leave(old)
