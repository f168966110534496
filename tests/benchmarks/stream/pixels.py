"""From the commit of an entry to its scene on the screen of a run's page, in a real browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks.figures import Figure, Ratio, Table
from tests.benchmarks.rounds import Effort
from tests.benchmarks.stream.crowd import Served
from tests.conftest import CHROMIUM, CHROMIUM_ARGS

RUNS = {250: 1, 0: 4}  # runs a sample, by their latency in ms
P95_MS = 150.0
PATIENCE_MS = 30_000

# When messages came, and when the screen had what they said: a task after the next animation frame has been painted.
WATCH = """() => {
  const seen = window.seen = { came: {}, painted: {} }
  const Line = window.WebSocket
  window.WebSocket = class extends Line {
    constructor(...all) {
      super(...all)
      this.addEventListener("message", ({ data }) => {
        const now = Date.now()
        for (const { entry } of JSON.parse(data).frames ?? []) seen.came[entry.seq] = now
      })
    }
  }
  const watch = () => {
    const stage = document.querySelector(".stage")
    new MutationObserver(() => requestAnimationFrame(() => {
      const { seq } = stage.dataset
      const after = new MessageChannel()
      after.port1.onmessage = () => { seen.painted[seq] ??= Date.now() }
      after.port2.postMessage(0)
    })).observe(stage, { attributeFilter: ["data-seq"] })
  }
  document.addEventListener("DOMContentLoaded", watch)
}"""
MESSAGE, PIXEL = "commit to message", "commit to pixel"


def measure(effort: Effort) -> Table:
    """Watch runs of either latency from their first entry to their last."""
    figures: list[Figure] = []
    with Served("pages", "daphne") as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        _watched(served, browser, 0)  # the first page of a browser, and of a server, is another matter
        for latency, runs in RUNS.items():
            figures += _figures(effort, served, browser, 0 if effort.quick else latency, 1 if effort.quick else runs)
        browser.close()
        served.ask("end")
    return Table(
        title="Stream: from a commit to the reader's screen",
        figures=figures,
        ratios=[
            Ratio(name=f"{f.unit}, {f.name}", setting=f.setting, value=f.value, goal=P95_MS, at_most=True)
            for f in figures
            if f.name == PIXEL and f.unit == "p95 ms"
        ],
        notes=[
            "A run's page in Chromium, open before the run begins; server, worker and browser share the machine.",
            "The commit is told by the journal's writer; the pixel is a task after the animation frame that painted it.",
            "An entry counts as seen with the first scene that is as new: those of a burst are passed over.",
        ],
    )


def _figures(effort: Effort, served: Served, browser: Browser, latency: int, runs: int) -> Sequence[Figure]:
    samples: dict[tuple[str, str], list[float]] = {}
    for _ in range(effort.rounds):
        seen = [_watched(served, browser, latency) for _ in range(runs)]
        for name in (MESSAGE, PIXEL):
            cuts = quantiles([wait for one in seen for wait in one[name]], n=20)
            samples.setdefault((name, "p50 ms"), []).append(cuts[9])
            samples.setdefault((name, "p95 ms"), []).append(cuts[18])
    setting = f"calls of {latency} ms"
    return [Figure(name=name, setting=setting, unit=unit, samples=of) for (name, unit), of in samples.items()]


def _watched(served: Served, browser: Browser, latency: int) -> Mapping[str, list[float]]:
    """Return, for each entry of one run, ms from its commit to its message and to its pixel."""
    run = served.ask("hold", latency_ms=latency)["run"]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(f"({WATCH})()")
    with page.expect_websocket() as line:
        page.goto(f"http://127.0.0.1:{served.port}/runs/{run}/")
    assert line.value.url
    page.wait_for_load_state("networkidle")
    commits = {int(seq): at for seq, at in served.ask("drive", run=run)["commits"].items()}
    last = max(commits)
    page.wait_for_function("last => seen.painted[last]", arg=last, timeout=PATIENCE_MS)
    seen: dict[str, dict[str, float]] = page.evaluate("() => seen")
    context.close()
    return {MESSAGE: _waits(commits, seen["came"]), PIXEL: _waits(commits, seen["painted"])}


def _waits(commits: Mapping[int, float], seen: Mapping[str, Any]) -> list[float]:
    """Return how long after each commit something as new was seen."""
    moments = [(int(seq), at) for seq, at in seen.items()]
    return [min(at for number, at in moments if number >= seq) - committed for seq, committed in commits.items()]
