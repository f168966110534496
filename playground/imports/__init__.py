"""Executions of sagas elsewhere, opened here to be read: one module a platform, and the registry that knows them all.

A history says what a driver did and heard, and nothing of what the services have on file. So an
import has one lane, and nothing on its page is said of a service but what it answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.imports import asl, temporal
from playground.imports.history import History, HistoryInvalid, parsed

__all__ = ["PLATFORMS", "History", "HistoryInvalid", "Platform", "read"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform whose histories can be read. `command` prints one; `takes_definition`: a second file says more."""

    title: str
    command: str
    read: Callable[[Any, Any], History]
    takes_definition: bool = False


PLATFORMS: Mapping[str, Platform] = {
    "asl": Platform(
        title="AWS Step Functions",
        command="aws stepfunctions get-execution-history --execution-arn … --output json",
        read=asl.read,
        takes_definition=True,
    ),
    "temporal": Platform(
        title="Temporal",
        command="temporal workflow show --workflow-id … --output json",
        read=temporal.read,
    ),
}


def read(platform: str, text: str, definition: str = "") -> History:
    """Return the history that a platform's JSON holds. Raises HistoryInvalid, which names every field that is wrong."""
    if platform not in PLATFORMS:
        raise HistoryInvalid("platform", f"must be {' or '.join(PLATFORMS)}")
    value = parsed("history", text)
    return PLATFORMS[platform].read(value, parsed("definition", definition) if definition.strip() else None)
