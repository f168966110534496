"""`manage.py play` that cannot start says why in one line; one that is stopped ends cleanly and goes on later."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.migrated import files_in, manage
from tests.play import Play

STOP_SECONDS = 5


def play(data: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    return manage("play", **{"SAGA_DATA": str(data), "PORT": "0", **environment})


def said_in_one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    return line


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in said_in_one_line(play(files_in(tmp_path), PORT=str(port)))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    line = said_in_one_line(play(file / "data"))
    assert str(file / "data") in line
    assert "SAGA_DATA" in line


def test_a_database_that_cannot_be_migrated_is_named(tmp_path: Path) -> None:
    (tmp_path / "payments.sqlite3").write_text("this is no database " * 100)
    assert "payments" in said_in_one_line(play(tmp_path))


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_is_none_is_named(tmp_path: Path, port: str) -> None:
    assert port in said_in_one_line(play(tmp_path, PORT=port))


def test_rule_06_ctrl_c_in_the_middle_of_a_run_is_clean_and_the_next_start_goes_on(
    live_play: Callable[..., Play],
) -> None:
    server = live_play()
    password = told_once(server)
    made = httpx.post(f"{server.url}/api/runs", json={"latency_ms": 400}, timeout=10).json()
    with httpx.stream("GET", f"{server.url}/healthz", timeout=10) as answer:
        assert answer.status_code == 200
    process = server._process
    assert process is not None
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_SECONDS) == 0
    server.kill()
    assert "Traceback" not in server.output
    assert server.output.rstrip().endswith("bye")

    server.lines.clear()
    server.start()
    assert [line for line in server.lines if line.startswith("Admin: ")] == [f"Admin: {server.url}/admin/\n"]
    assert password not in server.output
    assert finished(server, made["id"])["sagas"][0]["state"] == "completed"
    kinds = [e["kind"] for e in httpx.get(f"{server.url}/api/runs/{made['id']}/journal").json()["entries"]]
    assert kinds.count("orchestrator-recovered") == 1
    assert kinds[-1] == "run-finished"


def told_once(server: Play) -> str:
    """Return the password of the first admin user: the start has printed it, and no file has it."""
    (line,) = [line for line in server.lines if line.startswith("Admin: ")]
    assert line.startswith(f"Admin: {server.url}/admin/  user operator  password ")
    password = line.split()[5]
    assert not any(password.encode() in file.read_bytes() for file in server.data.rglob("*") if file.is_file())
    return password


def finished(server: Play, run: str) -> dict[str, object]:
    """Return a run once its own socket has said that it is finished."""
    with connect(f"{server.url.replace('http', 'ws', 1)}/ws/runs/{run}/json?after=0") as line:
        while '"run-finished"' not in str(line.recv(timeout=30)):
            pass
    shown: dict[str, object] = httpx.get(f"{server.url}/api/runs/{run}", timeout=10).json()
    return shown
