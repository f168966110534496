"""What the container files say is true of the project: commands, files, versions, variables, and the collected files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from django.core.management import get_commands

from tests.migrated import manage
from tests.play import ROOT, Play

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PINNED = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def commands() -> Iterator[list[str]]:
    """Yield each command of ours that the image or the composition runs."""
    for words in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE):
        yield json.loads(words)
    for service in COMPOSE["services"].values():
        command = service.get("command", [])
        if command[:1] == ["python"]:
            yield command
        elif "manage.py" in " ".join(command):
            yield re.findall(r"python manage.py [\w-]+", " ".join(command))[0].split()


def pins(name: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / name).read_text()))


def test_every_command_of_the_containers_is_one_of_ours() -> None:
    named = list(commands())
    assert len(named) == 4
    for words in named:
        assert words[:2] == ["python", "manage.py"]
        assert words[2] in get_commands()


def test_only_what_the_image_needs_goes_into_it() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert (ROOT / ".dockerignore").read_text().splitlines()[0] == "*"
    assert {name for name in let_in if not (ROOT / name).exists()} == set()
    assert let_in >= {"manage.py", "requirements-run.lock", "sagas", "playground", "static", "templates"}


def test_the_image_installs_what_the_project_needs_as_it_was_tested() -> None:
    run, tested = pins("requirements-run.lock"), pins("requirements.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["temporal"]]
    names = {re.split(r"[\[<>=]", line)[0].lower() for line in needed}
    assert names <= run.keys()
    assert run.items() <= tested.items()
    assert not {"pytest", "playwright", "mypy"} & run.keys()


def test_every_variable_that_the_composition_sets_is_read() -> None:
    told = COMPOSE["x-app"]["environment"].keys() - {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    sources = "".join(file.read_text() for room in ("playground", "sagas") for file in (ROOT / room).rglob("*.py"))
    assert {name for name in told if f'"{name}"' not in sources} == set()


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the image's own step has collected static files in."""
    folder = tmp_path_factory.mktemp("collected")
    step = re.search(r"manage\.py (collectstatic .*?) \\", DOCKERFILE)
    assert step is not None
    done = manage(*step[1].split(), SAGA_STATIC=str(folder), SAGA_DATA=str(folder / "data"))
    assert done.returncode == 0, done.stderr
    return folder


def test_collected_files_are_served_for_ever_under_names_that_change_with_them(
    collected: Path, live_play: Callable[..., Play]
) -> None:
    play = live_play(SAGA_STATIC=str(collected))
    page = urlopen(f"{play.url}/acts/2/").read().decode()
    files = set(re.findall(r'"(/static/[^"]+\.(?:js|css|svg|woff2))"(?!:)', page))
    assert files
    assert {name for name in files if not re.search(r"\.[0-9a-f]{12}\.", name)} == set()
    for name in files:
        assert "immutable" in urlopen(play.url + name).headers["Cache-Control"]


def test_the_health_check_of_the_image_tells_a_server_from_none(live_play: Callable[..., Play]) -> None:
    found = re.search(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    words = [sys.executable, *json.loads(found[1])[1:]]
    port = live_play(ALLOWED_HOSTS="sagas.example").url.rpartition(":")[2]  # which is not what the check calls it
    assert subprocess.run(words, env={**os.environ, "PORT": port}).returncode == 0
    assert subprocess.run(words, env={**os.environ, "PORT": "1"}, stderr=subprocess.DEVNULL).returncode == 1
