"""The model says what the simulated site does, and both count what a real run writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from playground import limits
from sagas import journal
from sagas.worker import Pace
from tests.benchmarks.scale import constants, day, keeping, model, page
from tests.benchmarks.scale.__main__ import main
from tests.benchmarks.scale.constants import ConstantRefused, Constants
from tests.benchmarks.scale.day import Layout, Seen, Site
from tests.benchmarks.scale.model import BeyondModel, Costs, Load
from tests.benchmarks.stream.contenders import HUB
from tests.benchmarks.stream.fanout import COST

LOAD = Load(visitors=1_000_000)
TOLERANCE = 0.05
RUNS = 600
# Those of a busy afternoon, so that a new measurement changes no test of the arithmetic.
FIXED = Constants(
    worker_rate=15.0,
    sagas_alone=75.0,
    sagas_grouped=1050.0,
    batches_of_saga=8.0,
    entries=25.0,
    appends=9.0,
    begin_commits=2.0,
    limit_commits=2.0,
    service_commits=12.0,
    engine_rows=32.0,
    service_rows=31.0,
    message_to_one=56.0,
    message_to_hundred=9.0,
    message_to_thousand=12.0,
    socket_kb=29.0,
    start_ms=6.0,
    page_ms=14.0,
    home_ms=6.0,
    entry_bytes=466.0,
    journal_bytes=338.0,
    service_bytes=7700.0,
    prune_ms=5400.0,
    frame_kb=3.7,
    redis_rate=50_000.0,
    connections=10.0,
)
LAYOUTS = {  # each is full of one kind first
    "workers": Layout(workers=6, journals=2, services=6, web=8),
    "journals": Layout(workers=16, journals=1, services=8, web=12),
    "services": Layout(workers=12, journals=2, services=2, web=8),
    "web": Layout(workers=8, journals=2, services=5, web=2),
}


@cache
def known() -> Constants:
    return constants.values(constants.read())


def limit(layout: Layout, c: Constants) -> tuple[str, float]:
    """Return the kind that is full first, and the runs per second that fill it."""
    site = (layout.workers, layout.journals, layout.services, layout.web)
    found = model.capacity(site, c, LOAD)
    del found["hearing"]  # a part of what fills the web processes
    first = min(found, key=lambda kind: found[kind])
    return first, found[first]


def seen(layout: Layout, rate: float, runs: int, seed: int = 7) -> Seen:
    """Return what is seen of a site while so many runs arrive, after half as many have."""
    return Site(layout, LOAD, FIXED, seed).run(rate, 1.5 * runs / rate, warm=0.5 * runs / rate)


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_simulated_site_is_as_busy_as_the_model_says(kind: str, share: float) -> None:
    layout, c = LAYOUTS[kind], FIXED
    first, most = limit(layout, c)
    assert first == kind
    found = seen(layout, most * share, RUNS)
    costs, starts = Costs.of(c, LOAD), found.arrived / (RUNS / (most * share))
    runs = found.appends / c.appends  # those that are under way at the end have done a part
    assert found.workers == pytest.approx(runs * costs.worker / layout.workers, rel=TOLERANCE)
    assert found.services == pytest.approx(runs * costs.service / layout.services, rel=TOLERANCE)
    assert found.web == pytest.approx(starts * costs.web / layout.web + found.appends * c.told_s, rel=TOLERANCE)
    assert runs == pytest.approx(starts, rel=0.1)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.8, 0.9])
def test_appends_share_commits_from_the_load_on_that_the_model_says(share: float) -> None:
    layout, c = LAYOUTS["journals"], FIXED
    rate = limit(layout, c)[1] * share
    found = seen(layout, rate, 2 * RUNS)
    starts = found.arrived / (2 * RUNS / rate)
    commits, batch = model.grouped(starts, found.appends, c)
    assert (batch > 1.5) == (share >= 0.8)
    assert found.batch == pytest.approx(batch, rel=0.15)
    busy = starts * c.start_commits * (c.commit_s + c.append_s) + found.appends * c.append_s + commits * c.commit_s
    assert found.journals == pytest.approx(busy, rel=TOLERANCE)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_beyond_what_fills_it_the_site_falls_behind_and_below_it_does_not(kind: str) -> None:
    layout = LAYOUTS[kind]
    _, most = limit(layout, FIXED)
    below = seen(layout, most * 0.8, RUNS)
    assert below.finished == pytest.approx(below.arrived, rel=0.1)
    beyond = seen(layout, most * 1.5, RUNS)
    assert getattr(beyond, kind) > 0.95
    assert beyond.finished < 0.85 * beyond.arrived


def test_the_plan_holds_at_the_peak_of_its_day_and_not_beyond_what_fills_it() -> None:
    c = known()
    layout = Layout.of(model.needs(LOAD, c))
    rate = LOAD.runs_at(model.PEAK_HOUR)
    planned = Site(layout, LOAD, c, 3).run(rate, 1000 / rate)
    assert max(planned.workers, planned.services, planned.web) < LOAD.busy * 1.1
    assert planned.finished > 0.9 * planned.arrived
    too_much = 1.6 * limit(layout, c)[1]
    beyond = Site(layout, LOAD, c, 3).run(too_much, 1000 / too_much)
    assert beyond.finished < 0.85 * beyond.arrived


def test_runs_of_a_worker_that_died_wait_for_its_leases_and_end_elsewhere() -> None:
    c = FIXED
    site = Site(Layout(workers=8, journals=1, services=4, web=6), LOAD, c, 5)
    site.kill(0, 3.0)
    site.kill(1, 6.0)
    found = site.run(4 * c.worker_rate, 16.0)
    waited = [trip.waited for trip in site.trips]
    assert found.moved >= 2
    assert sum(one >= day.LEASE_S * 2 / 3 for one in waited) == found.moved
    assert max(waited) < 2 * day.LEASE_S
    assert all(trip.appends == c.appends for trip in site.trips[: found.arrived // 2])


def test_where_every_worker_is_dead_nothing_ends() -> None:
    site = Site(Layout(workers=1, journals=1, services=1, web=1), LOAD, known(), 5)
    site.kill(0, 0.0)
    assert site.run(5.0, 30.0).finished == 0


def test_a_day_has_its_visitors_and_its_peak() -> None:
    rates = [LOAD.runs_at(n / 60) for n in range(24 * 60)]
    assert sum(rates) * 60 == pytest.approx(LOAD.runs_a_day, rel=1e-3)
    assert max(rates) == pytest.approx(LOAD.peak * LOAD.runs_a_day / model.DAY, rel=1e-3)


def test_what_is_kept_is_what_comes_while_it_is_kept() -> None:
    c = known()
    needs = model.needs(LOAD, c)
    found = keeping.keep(LOAD, c, 9)
    assert found.gb == pytest.approx(needs.engine_gb + needs.services_gb, rel=1e-6)
    assert (found.overdue, found.runs) == (0, pytest.approx(LOAD.runs_a_day * LOAD.days_kept))
    assert needs.prune_busy < found.busiest
    slow = replace(c, prune_ms=c.prune_ms * 1.5 / needs.prune_busy)
    behind = keeping.keep(LOAD, slow, 9)
    assert behind.overdue > 0
    assert keeping.keep(LOAD, slow, 9, pruners=4).overdue == 0


def test_a_run_writes_what_the_model_says() -> None:
    """Where this fails a run writes more or less than before: `--refresh` with the last measurement counts anew."""
    command = [sys.executable, "-m", "tests.benchmarks.scale.counted"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    of_runs = {c.name: c for c in constants.read().values() if c.how == "counted"}
    assert len(of_runs) == 7
    assert {name: c.value for name, c in of_runs.items()} == {
        name: counted[c.where[0]][c.where[1]] for name, c in of_runs.items()
    }


def test_the_limits_of_a_process_are_those_of_the_code() -> None:
    assert limits.SOCKETS.all == model.SOCKETS_PER_WEB
    assert (Pace().runs, Pace().lease_ms) == (model.RUNS_PER_WORKER, day.LEASE_S * 1000)
    assert journal.APPENDS_PER_COMMIT == day.APPENDS_PER_COMMIT


def bench(times: float) -> dict[str, Any]:
    """Return what `make bench` prints, as far as it is asked for, with other values."""
    told: dict[str, Any] = {"at": "2030-01-02T03:04:05Z", "machine": {"load": 0.4, "cores": 8}}
    for c in constants.read().values():
        if c.how not in ("figure", "size"):
            continue
        part, title, *where = c.where
        tables = told.setdefault(part, [])
        table = next((one for one in tables if one["title"] == title), None)
        if table is None:
            tables.append(table := {"title": title, "figures": [], "sizes": {}})
        if c.how == "size":
            table["sizes"].setdefault(where[0], {})[where[1]] = c.value * times
        else:
            name, setting, unit = where
            table["figures"].append({"name": name, "setting": setting, "unit": unit, "median": c.value * times})
    return told


COUNTED: Mapping[str, Mapping[str, float]] = {
    "good": {
        "entries": 26.0,
        "appends": 12,
        "other engine commits": 2,
        "engine rows": 3,
        "service commits": 4,
        "service rows": 5,
    },
    "five steps": {"commits": 9.0},
}


def test_a_measurement_refreshes_all_but_the_estimates() -> None:
    before = constants.read()
    after = constants.refreshed(before, bench(2.0), COUNTED)
    for name, c in before.items():
        expected = {"estimate": c.value, "figure": 2 * c.value, "size": 2 * c.value}
        assert after[name].value == pytest.approx(expected.get(c.how, after[name].value), rel=1e-3)
    assert (after["entries"].value, after["batches_of_saga"].value) == (26.0, 9.0)
    assert after["page_ms"].taken == "2030-01-02T03:04Z, load 0 on 8 cores"


def test_a_part_that_was_not_measured_stays_and_a_figure_that_is_gone_is_named() -> None:
    told = bench(2.0)
    del told["stream"]
    told["whole"][0]["figures"].clear()
    with pytest.raises(ConstantRefused, match=r"worker_rate: whole / Whole runs that succeed .* was measured 0 times"):
        constants.refreshed(constants.read(), told, COUNTED)
    del told["whole"]
    assert constants.refreshed(constants.read(), told, COUNTED)["socket_kb"] == constants.read()["socket_kb"]


def test_the_stream_is_asked_for_under_its_own_names() -> None:
    assert constants.read()["message_to_one"].where[2:] == [HUB, "1", COST]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[entries]", "[entrees]", "entrees, entries missing or too much"),
        ('how = "figure"', 'how = "guess"', "worker_rate: how 'guess'"),
        ("value = 25.0", "value = -1.0", "entries: value -1.0 must be above 0"),
    ],
)
def test_a_file_that_lacks_something_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    file = tmp_path / "constants.toml"
    text = constants.written(constants.read())
    file.write_text(text)
    assert constants.read(file) == constants.read()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ConstantRefused, match=named):
        constants.read(file)


def test_a_load_that_makes_no_sense_is_refused_by_name() -> None:
    for name, value in (("visitors", 0.0), ("busy", 1.0), ("peak", 1.0)):
        with pytest.raises(ValueError, match=name):
            replace(LOAD, **{name: value})


def test_where_more_of_the_same_does_not_help_the_model_says_so() -> None:
    with pytest.raises(BeyondModel, match="keep every web process busy"):
        model.needs(Load(visitors=1e9), known())


def test_the_page_has_the_tables_that_the_constants_give() -> None:
    assert page.FILE.read_text() == page.renewed(page.FILE.read_text())


def test_the_command_prints_a_plan_and_refuses_what_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--visitors", "1000", "50000", "--plan-only"]) == 0
    told = capsys.readouterr().out
    assert "50,000 a day" in told
    assert "open sockets" in told
    with pytest.raises(SystemExit):
        main(["--visitors", "1000", "--busy", "2"])
    assert "busy must be below 1" in capsys.readouterr().err
