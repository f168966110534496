"""A thousand runs of one scenario, its calls failing at random, counted beside the web server.

Each is a run on virtual time in a process of its own, so that neither the event loop nor the
real runs wait for it. There is one job per scenario and web process; what it found is kept
and shared by everyone who asks for the same thousand.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from playground.poison import poisoned
from playground.scenario import Scenario
from playground.verdicts import Outcome

logger = logging.getLogger(__name__)

RUNS = 1000
AT_ONCE = 2  # jobs that are counted at the same time
WAITING = 8  # jobs that may wait for one of those; more are refused
KEPT = 64  # finished jobs that are remembered
BEHIND = 10  # how far real work goes before a job, in the terms of nice(1)


class Busy(Exception):
    """Too many thousands wait to be counted already."""


@dataclass(slots=True)
class Job:
    """One thousand. `outcomes` grows as it is counted; its n-th is that of run n. `broke`: run to what it broke."""

    base: Scenario
    outcomes: list[Outcome] = field(default_factory=list)
    broke: dict[int, tuple[str, ...]] = field(default_factory=dict)
    failed: bool = False

    @property
    def done(self) -> bool:
        return self.failed or len(self.outcomes) == RUNS


def scenario_of(base: Scenario, n: int) -> Scenario:
    """Return the scenario of run n (1, 2, …) of a thousand."""
    return poisoned(base, _first_seed(base) + n - 1)


def is_begun(base: Scenario) -> bool:
    """Return whether this process counts a scenario, or has counted it."""
    with _guard:
        job = _jobs.get(base.slug)
        return job is not None and not job.failed


def count(base: Scenario) -> Job:
    """Return the job of a scenario, begun if nobody has asked for it yet. Raises Busy."""
    with _guard:
        job = _jobs.get(base.slug)
        if job is not None and not job.failed:
            _jobs.move_to_end(base.slug)
            return job
        if sum(not each.done for each in _jobs.values()) >= AT_ONCE + WAITING:
            raise Busy
        job = _jobs[base.slug] = Job(base)
        _forget_oldest()
    threading.Thread(target=_work, args=(job,), name=f"thousand {base.slug}", daemon=True).start()
    return job


def _first_seed(base: Scenario) -> int:
    return min(base.seed, 2**31 - RUNS)


def _forget_oldest() -> None:
    for slug in [slug for slug, job in _jobs.items() if job.done][: max(0, len(_jobs) - KEPT)]:
        del _jobs[slug]


def _work(job: Job) -> None:
    try:
        with _turns:
            _count_apart(job)
    except Exception:
        logger.exception("thousand.failed", extra={"scenario": job.base.slug})
    job.failed = len(job.outcomes) < RUNS


def _count_apart(job: Job) -> None:
    """Have another process count, and take what it says line by line. If this process ends, so does that one."""
    words = ["saga", "chaos", "--json", "--processes", "1", "--runs", str(RUNS)]
    words += ["--seed", str(_first_seed(job.base)), f"--of={job.base.query()}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "django", *words],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the server, which ends this process itself
    )
    _children.add(process)
    try:
        os.setpriority(os.PRIO_PROCESS, process.pid, BEHIND)
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                _take(job, json.loads(line))
    finally:
        process.terminate()
        process.wait()
        _children.discard(process)


def _take(job: Job, said: dict[str, Any]) -> None:
    if "outcome" not in said:  # the last line sums up
        return
    if said["violations"]:
        job.broke[len(job.outcomes) + 1] = tuple(said["violations"])
    job.outcomes.append(Outcome(said["outcome"]))


def _end_children() -> None:
    for process in list(_children):
        process.terminate()


_guard = threading.Lock()
_turns = threading.Semaphore(AT_ONCE)
_jobs: OrderedDict[str, Job] = OrderedDict()
_children: set[subprocess.Popen[str]] = set()
atexit.register(_end_children)
