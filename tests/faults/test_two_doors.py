"""Two web processes of one public site: whoever was refused at one door is refused at the other."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.play import Play
from tests.postgres import Postgres

pytestmark = pytest.mark.torture

KEY = "a-key-for-tests-that-is-long-enough-to-please-the-check-of-keys-0123456789"
PATIENCE_SECONDS = 60
LINKS_AN_HOUR = 30  # of one visitor


def seeds_kept(play: Play, *seeds: int) -> list[int]:
    """Return what a visitor was answered who wants a short link for each of these."""
    with httpx.Client(base_url=play.url, timeout=PATIENCE_SECONDS) as visitor:
        return [visitor.post("/api/scenarios", json={"seed": seed}).status_code for seed in seeds]


def share_a_limit(where: dict[str, str], one: Path, other: Path) -> None:
    site = {"SAGA_PUBLIC": "1", "SECRET_KEY": KEY, **where}
    with Play(one, site) as first, Play(other, site) as second:
        half = LINKS_AN_HOUR // 2
        assert seeds_kept(first, *range(half)) == [201] * half
        assert seeds_kept(second, *range(100, 100 + half)) == [201] * half
        assert seeds_kept(first, 900) == seeds_kept(second, 901) == [429]
        assert seeds_kept(second, 0) == [201], "which is kept already, by the other one"


def test_two_processes_on_the_same_files_share_the_limits(tmp_path: Path) -> None:
    share_a_limit({}, tmp_path, tmp_path)


def test_two_processes_on_one_postgresql_share_the_limits(postgres: Postgres, tmp_path: Path) -> None:
    share_a_limit({"DATABASE_URL": postgres.fresh_database()}, tmp_path / "one", tmp_path / "other")
