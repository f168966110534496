"""What can be shown in other places: a run or a scenario, with its words and its addresses.

Preview cards, embedded pages and oEmbed all speak of a subject; its path is the page that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.urls import Resolver404, resolve, reverse

from playground import found, links, scenario_words
from playground.links import LinkUnknown
from playground.scenario import Scenario, ScenarioInvalid
from playground.scene import idle_scene
from sagas import catalog, journal
from sagas.errors import DefinitionUnknown, RunUnknown
from sagas.models import Run

LAB = "/lab/"
SEQ = re.compile(r"[0-9]{1,9}")
PAGE_KEYS = ("at", "theme", "run", "focus", "speed")  # of the lab's address, that are no part of a scenario


class NothingToShow(LookupError):
    """An address at which there is no run and no scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`scene` is what is shown of it; `run` is "" for a scenario, `ended` whether the scene is its last one."""

    path: str
    embed: str
    card: str
    title: str
    sentence: str
    scene: Mapping[str, Any]
    run: str = ""
    saga: str = ""
    ended: bool = False


def of_run(run_id: str, *, saga_id: str = "", at: int | None = None) -> Subject:
    """Return a run as it was after entry `at`; None is its last one. Raises what `found.find` raises."""
    one = found.find(run_id, saga_id)
    fold = one.fold()
    told = journal.read_all(run_id) if at is None else journal.read(run_id, limit=at)
    for entry in told:
        fold.add(entry)
    scene = fold.scene()
    shown = {key: value for key, value in (("saga", saga_id), ("at", at)) if value not in ("", None)}
    return Subject(
        path=_with(reverse("run", args=[run_id]), shown),
        embed=_with(reverse("run-embed", args=[run_id]), shown),
        card=_with(reverse("run-card", args=[run_id]), shown),
        title=f"{scene['order']}: {scene['orch']['word']}",
        sentence=scene["say"],
        scene=scene,
        run=run_id,
        saga=one.saga.pk,
        ended=one.run.state == Run.State.FINISHED or at is not None,
    )


def of_scenario(scenario: Scenario) -> Subject:
    """Return a scenario before anything ran."""
    query = scenario.query()
    return Subject(
        path=f"{LAB}?{query}" if query else LAB,
        embed=f"{reverse('lab-embed')}?{query}" if query else reverse("lab-embed"),
        card=f"{reverse('lab-card')}?{query}" if query else reverse("lab-card"),
        title=scenario_words.title(scenario),
        sentence=scenario_words.sentence(scenario),
        scene=idle_scene(scenario.plan(), catalog.definition(scenario.saga)),
    )


def of_lab(query: str) -> Subject:
    """Return the scenario of the lab's address. Raises ScenarioInvalid, which names the field."""
    return of_scenario(Scenario.from_query(query, PAGE_KEYS))


def of_address(address: str) -> Subject:
    """Return what the page at a path, with its query, shows. Raises NothingToShow."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise NothingToShow(address) from error
    try:
        if parts.path == LAB:
            return of_lab(parts.query)
        found = resolve(parts.path)
        if found.url_name == "short":
            return of_lab(links.query_of(found.kwargs["slug"]))
        if found.url_name == "run":
            asked = dict(parse_qsl(parts.query))
            at = asked.get("at", "")
            return of_run(
                found.kwargs["run_id"], saga_id=asked.get("saga", ""), at=int(at) if SEQ.fullmatch(at) else None
            )
    except (Resolver404, RunUnknown, DefinitionUnknown, ScenarioInvalid, LinkUnknown) as error:
        raise NothingToShow(address) from error
    raise NothingToShow(address)


def _with(path: str, asked: Mapping[str, object]) -> str:
    return f"{path}?{urlencode(asked)}" if asked else path
