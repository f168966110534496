"""What a page says of itself to those who link to it: a card, and where its oEmbed is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from playground import card, frames, subjects
from playground.scenario import ScenarioInvalid
from playground.subjects import LAB

register = template.Library()


@register.simple_tag(takes_context=True)
def discovery(context: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a run's page, or the lab, is known by elsewhere; None for a page that is neither.

    Reads the template variables `run` and `scene`; of the lab, its address.
    """
    request = context["request"]
    if request.path == LAB:
        return _of_lab(request)
    run, scene = context.get("run"), context.get("scene")
    if not run or not scene or request.path != run["url"]:
        return None
    asked = {key: request.GET[key] for key in ("saga", "at") if request.GET.get(key)}
    return _known(
        request,
        path=_with(run["url"], asked),
        picture=_with(reverse("run-card", args=[run["id"]]), asked),
        frame=_with(reverse("run-embed", args=[run["id"]]), asked),
        title=f"{scene['order']}: {scene['orch']['word']}",
        sentence=scene["say"],
    )


def _of_lab(request: Any) -> dict[str, Any] | None:
    try:
        subject = subjects.of_lab(request.META["QUERY_STRING"])
    except ScenarioInvalid:
        return None
    return _known(
        request,
        path=subject.path,
        picture=subject.card,
        frame=subject.embed,
        title=subject.title,
        sentence=subject.sentence,
    )


def _known(request: Any, *, path: str, picture: str, frame: str, title: str, sentence: str) -> dict[str, Any]:
    url = request.build_absolute_uri(path)
    return {
        "url": url,
        "oembed": request.build_absolute_uri(f"{reverse('oembed')}?{urlencode({'url': url, 'format': 'json'})}"),
        "image": request.build_absolute_uri(picture),
        "width": card.WIDTH,
        "height": card.HEIGHT,
        "snippet": frames.snippet(request.build_absolute_uri(frame), title),
        "title": title,
        "description": sentence,
    }


def _with(path: str, asked: dict[str, str]) -> str:
    return f"{path}?{urlencode(asked)}" if asked else path
