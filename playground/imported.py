"""Imported histories, as they are kept: under a hash of what they tell, until they are old."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from playground.imports import History
from playground.imports.history import from_json
from playground.models import ImportedHistory
from sagas.runs import id_of


def name_of(history: History) -> str:
    """Return the id of a history: the same one has the same id, whoever opens it."""
    return id_of(json.dumps(history.to_json(), sort_keys=True, separators=(",", ":")))


def is_kept(history: History) -> bool:
    """Return whether a history is here already."""
    return ImportedHistory.objects.filter(pk=name_of(history)).exists()


def keep(history: History) -> str:
    """Return the id under which a history is kept from now on."""
    name = name_of(history)
    ImportedHistory.objects.get_or_create(pk=name, defaults={"told": history.to_json()})
    return name


def find(name: str) -> History | None:
    """Return a history by its id, None where there is none."""
    found = ImportedHistory.objects.filter(pk=name).first()
    return from_json(found.told) if found else None


def drop(opened_before_ms: int) -> int:
    """Forget the histories that were opened before a moment; return how many."""
    before = datetime.fromtimestamp(opened_before_ms / 1000, UTC)
    return ImportedHistory.objects.filter(created_at__lt=before).delete()[0]
