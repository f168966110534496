"""SQL by hand, for the few statements that every delivery runs: as querysets they would cost twice the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections, models


def run(model: type[models.Model], statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement on the model's own database; `{table}` in it is the model's table."""
    connection = connections[model._meta.app_label]
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=connection.ops.quote_name(model._meta.db_table)), values)
        return cursor.fetchall() if cursor.description else []
