"""Exported Durable Functions apps, unpacked and imported as Azure imports them: from the root of their folder."""

from __future__ import annotations

import importlib
import io
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from playground.export import durable
from playground.scenario import Scenario
from sagas import catalog

MODULES = ("function_app", "saga", "services", "steps", "run_locally")


def unpack(scenario: Scenario, folder: Path) -> Path:
    """Return the folder of a scenario's app, out of its zip."""
    project = durable.project(scenario, catalog.definition(scenario.saga))
    zipfile.ZipFile(io.BytesIO(project.zip())).extractall(folder)
    return folder / project.name


@contextmanager
def imported(folder: Path) -> Iterator[ModuleType]:
    """Give the app's `function_app`; afterwards nothing of it is left among the modules."""
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module("function_app")
    finally:
        sys.path.remove(str(folder))
        for name in MODULES:
            sys.modules.pop(name, None)
