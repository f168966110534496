"""Everything that can be asked of the playground: its pages, forms, API calls, lists, sockets, and the worker's own work."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.testing import WebsocketCommunicator
from django.contrib import admin
from django.core.asgi import get_asgi_application
from django.test import Client

from playground import links
from playground.housekeeping import tidy
from playground.routing import application_for
from playground.scenario import Scenario
from sagas import alerts, leases
from sagas.models import Saga
from sagas.pruning import prune
from sagas.runs import create_run
from tests.benchmarks.growth import filling
from tests.engine import finish, leave_alone, scenario

SOCKET_SECONDS = 20
HISTORY = Path(__file__).resolve().parent.parent.parent / "data" / "histories" / "asl-completed.json"
FILTERS: Mapping[str, tuple[str, ...]] = {
    "sagas/run": ("state=running", "state=finished", "definition=order", "age=1h", "age=older"),
    "sagas/saga": ("state=needs-operator", "definition=order", "step=charge-payment", "outcome=failed", "q=ord-8412"),
    "sagas/step": ("state=stuck",),
    "sagas/journalentry": ("kind=operator-acted", "kind=saga-needs-operator"),
    "sagas/alert": ("answered=yes",),
    "inventory/unit": ("held=any",),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing to ask. `group` is a heading, `name` what it is; `ask` asks it, and raises where it is not answered."""

    group: str
    name: str
    ask: Callable[[], object]
    route: str = ""


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is asked about: a finished run, a fork of it, a run that is paused or waits, and a saga that needs a person."""

    run: str
    fork: str
    running: str
    stuck: str
    client: Client = field(default_factory=lambda: Client(SERVER_NAME="127.0.0.1"))


def everything(of: Subjects) -> Iterator[Asked]:
    """Yield all of it, what changes nothing first."""
    yield from _pages(of)
    yield from _imports(of)
    yield from _api(of)
    yield from _admin(of)
    yield from _sockets(of)
    yield from _forms(of)
    yield from _work(of)


def _pages(of: Subjects) -> Iterator[Asked]:
    run, fork, stuck = of.run, of.fork, of.stuck.rpartition("-")[0]
    paths = {
        "home": "/",
        **{f"act-{n}": f"/acts/{n}/" for n in range(5)},
        "act-2-bet": f"/acts/2/bet/?run={run}&order=1&ends=lamp",
        "act-3-till": f"/acts/3/till/{run}/",
        "act-4-shelf": f"/acts/4/shelf/{run}/",
        "act-4-race": "/acts/4/race/off/1/",
        "act-4-map": "/acts/4/map/off/",
        "takeaways": "/takeaways/",
        "takeaways-zip": "/takeaways/temporal.zip",
        "lab": "/lab/",
        "lab-card": "/lab/card.png",
        "lab-embed": "/lab/embed/",
        "run": f"/runs/{run}/",
        "run-panels": f"/runs/{run}/panels/",
        "run-beside": f"/runs/{run}/beside/{fork}/",
        "run-embed": f"/runs/{run}/embed/",
        "run-card": f"/runs/{run}/card.png",
        "oembed": f"/oembed?url=http://127.0.0.1/runs/{run}/",
        "healthz": "/healthz",
        "readyz": "/readyz",
        "metrics": "/metrics",
    }
    for route, path in paths.items():
        yield _get(of, "Pages", path.replace(run, "RUN").replace(fork, "FORK"), path, route)
    shown = {f"act-{n}": f"/acts/{n}/?run={run}" for n in range(5)} | {"lab": f"/lab/?run={run}"}
    for route, path in shown.items():
        yield _get(of, "Pages", path.replace(run, "RUN"), path, route)
    yield _get(of, "Pages", "/runs/RUN/?at=5", f"/runs/{run}/?at=5", "run")
    yield _get(of, "Pages", "/runs/RUN/ of a saga that waits for a person", f"/runs/{stuck}/", "run")
    slug = links.keep(Scenario.parse({"orders": 2}))
    sheet = re.search(r"/styles/[^\"]+", of.client.get("/").content.decode())
    assert sheet is not None
    yield _get(of, "Pages", "/s/SLUG/", slug, "short")
    yield _get(of, "Pages", "/s/SLUG/card.png", f"{slug}card.png", "short-card")
    yield _get(of, "Pages", "/styles/…", sheet[0], "styles")
    yield _get(of, "Pages", "/lab/thousand/", "/lab/thousand/?orders=0", "lab-thousand", also=400)  # and counts nothing


def _imports(of: Subjects) -> Iterator[Asked]:
    history = {"platform": "asl", "history": HISTORY.read_text()}
    kept = of.client.post("/import/", history).headers["Location"]
    yield _get(of, "Imports", "/import/", "/import/", "import")
    yield _form(of, "/import/", "/import/", history, "import")
    yield _get(of, "Imports", "/import/IMPORT/", kept, "imported")
    yield _get(of, "Imports", "/import/IMPORT/scenes", f"{kept}scenes", "imported-scenes")


def _api(of: Subjects) -> Iterator[Asked]:
    paths = [f"/api/runs/{of.run}{more}" for more in ("", "/journal", "/scenes")]
    formats = [
        f"/api/runs/{of.run}/export?format={name}"
        for name in ("journal", "mermaid", "otlp", "jaeger", "pytest", "asl", "temporal", "durable")
    ]
    for path in [*paths, *formats, "/api/openapi.json"]:
        yield _get(of, "API", path.replace(of.run, "RUN"), path)
    yield _post(of, "API", "/api/runs", "/api/runs", {})
    yield _post(of, "API", "/api/runs/RUN/fork", f"/api/runs/{of.run}/fork", {"at": 5})
    yield _post(of, "API", "/api/runs/RUN/pause", f"/api/runs/{of.running}/pause", {})
    yield _post(of, "API", "/api/runs/RUN/resume", f"/api/runs/{of.running}/resume", {})
    yield _post(of, "API", "/api/sagas/SAGA/retry", f"/api/sagas/{of.stuck}/retry", {})
    yield _post(of, "API", "/api/scenarios", "/api/scenarios", {"orders": 2})


def _admin(of: Subjects) -> Iterator[Asked]:
    yield _get(of, "Admin", "/admin/", "/admin/")
    for model in admin.site._registry:
        name = model._meta.label_lower.replace(".", "/")
        yield _get(of, "Admin", f"/admin/{name}/", f"/admin/{name}/")
        for query in FILTERS.get(name, ()):
            yield _get(of, "Admin", f"/admin/{name}/?{query}", f"/admin/{name}/?{query}")
    change = f"/admin/sagas/run/{of.run}/change/"
    yield _get(of, "Admin", change.replace(of.run, "RUN"), change)
    yield _get(of, "Admin", "/admin/sagas/saga/SAGA/change/", f"/admin/sagas/saga/{of.stuck}/change/")
    yield _get(of, "Admin", "/admin/sagas/saga/SAGA/act/retry/", f"/admin/sagas/saga/{of.stuck}/act/retry/")


def _sockets(of: Subjects) -> Iterator[Asked]:
    for path in (f"/ws/runs/{of.run}/scenes", f"/ws/runs/{of.run}/json", "/ws/latest/"):
        yield Asked("Sockets", path.replace(of.run, "RUN"), lambda path=path: asyncio.run(_watch(path)))


def _forms(of: Subjects) -> Iterator[Asked]:
    for n in range(5):
        yield _form(of, f"/acts/{n}/", f"/acts/{n}/", {}, f"act-{n}")
    yield _form(of, "/lab/check/", "/lab/check/", {}, "lab-check")
    yield _form(of, "/lab/", "/lab/", {}, "lab")
    yield _form(of, "/lab/thousand/open/", "/lab/thousand/open/", {"n": "1"}, "lab-thousand-open")
    yield _form(of, "/links/", "/links/", {"query": "orders=2"}, "link")
    yield _form(of, "/runs/RUN/fork", f"/runs/{of.run}/fork", {"at": "5"}, "run-fork")
    yield _form(of, "/runs/RUN/ask/pause", f"/runs/{of.running}/ask/pause", {}, "run-ask")
    stuck = f"/runs/{of.stuck.rpartition('-')[0]}/sagas/{of.stuck}/retry"
    yield _form(of, "/runs/RUN/sagas/SAGA/retry", stuck, {}, "retry", also=409)  # the API has asked for it already


def _work(of: Subjects) -> Iterator[Asked]:
    now = time.time_ns() // 1_000_000
    yield Asked("Worker", "a poll that finds nothing", lambda: leases.claim_due("bench", -1, 1000, 100))
    leave_alone()
    yield Asked("Worker", "one run from its start to its end", lambda: finish(create_run(scenario())))
    yield Asked("Worker", "alerts to tell", lambda: list(alerts.due(now)[: alerts.AT_ONCE]))
    yield Asked("Housekeeping", "prune of one handful", lambda: next(prune(now, now, batch=20), 0))
    yield Asked("Worker", "a round of housekeeping that finds nothing", lambda: asyncio.run(tidy()))


def _get(of: Subjects, group: str, name: str, path: str, route: str = "", also: int = 0) -> Asked:
    return Asked(group, name, lambda: _answered(of.client.get(path), path, also), route)


def _post(of: Subjects, group: str, name: str, path: str, body: Mapping[str, Any]) -> Asked:
    return Asked(
        group,
        f"POST {name}",
        lambda: _answered(of.client.post(path, json.dumps(body), content_type="application/json"), path),
    )


def _form(of: Subjects, name: str, path: str, fields: Mapping[str, str], route: str, also: int = 0) -> Asked:
    return Asked("Forms", f"POST {name}", lambda: _answered(of.client.post(path, fields), path, also), route)


def _answered(answer: Any, path: str, also: int = 0) -> None:
    if answer.status_code >= 400 and answer.status_code not in (also, 422):
        raise AssertionError(f"{path} was answered by {answer.status_code}: {answer.content[:300]!r}")


async def _watch(path: str) -> None:
    """Open a socket, and close it after what it says first."""
    socket = WebsocketCommunicator(application_for(get_asgi_application()), path)
    connected, _ = await socket.connect(timeout=SOCKET_SECONDS)
    assert connected, path
    assert await socket.receive_from(timeout=SOCKET_SECONDS), path
    await socket.disconnect()


def subjects() -> Subjects:
    """Return what there is to ask about in the open databases, each time a new run and a new saga that is stuck."""
    (_, run), *_, (_, fork) = filling.sources()
    stuck = Saga.objects.filter(state="needs-operator", run__commands=None).order_by("-created_at")
    return Subjects(run=run, fork=fork, running=create_run(scenario()).pk, stuck=stuck[0].pk)
