"""Restate: a handler of five journaled steps, one server and one service process; start it where loopback is all there is.

Argument: the server's program. Each customer keeps a connection to the server's ingress of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.benchmarks.peers.asked import REFUSED, STEPS, UNDONE, answer

INGRESS, ADMIN, SERVICE = 8080, 9070, 9080
PATIENCE_SECONDS = 60

bench = restate.Service("bench")


async def act(step: str, fails: bool) -> str:
    if fails and step == REFUSED:
        raise restate.TerminalError("refused")
    return step


async def undo(step: str) -> str:
    return step


@bench.handler()
async def saga(context: restate.Context, fails: bool) -> str:
    try:
        for step in STEPS:
            await context.run_typed(step, act, step=step, fails=fails)
    except restate.TerminalError:
        for step in UNDONE:
            await context.run_typed(f"undo {step}", undo, step=step)
        return "compensated"
    return "completed"


class Line:
    """One connection to an HTTP server that keeps it open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, value: Any) -> Any:
        """Return the JSON that is answered; raises RuntimeError unless the status is 2xx."""
        if self._ends is None:
            self._ends = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._ends
        body = json.dumps(value).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((int(line.split(":")[1]) for line in told.split("\r\n") if line.startswith("content-length:")), 0)
        answered = await reader.readexactly(length)
        if not told.split(" ")[1].startswith("2"):
            raise RuntimeError(f"{path}: {told.splitlines()[0]}: {answered!r}")
        return json.loads(answered) if answered else None


async def main(program: str) -> None:
    """Start the server and the service, then answer what is asked."""
    config = Config()
    config.bind, config.h2_max_concurrent_streams = [f"127.0.0.1:{SERVICE}"], 2_147_483_647
    config.accesslog = config.errorlog = None
    ended = asyncio.Event()
    service = asyncio.create_task(serve(restate.app([bench]), config, shutdown_trigger=ended.wait))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(prefix="bench-restate-") as folder, Path(folder, "log").open("w") as told:
        environment = {**os.environ, "RESTATE_BIND_IP": "127.0.0.1", "DO_NOT_TRACK": "1"}
        server = subprocess.Popen(
            [program, "--base-dir", folder, "--listen-mode", "tcp"], env=environment, stdout=told, stderr=told
        )
        try:
            await _registered(server, Path(folder, "log"))
            idle: list[Line] = []

            async def one(order: str, fails: bool) -> str:
                line = idle.pop() if idle else Line(INGRESS)
                ended = str(await line.post("/bench/saga", fails))
                idle.append(line)
                return ended

            await answer(one)
        finally:
            server.terminate()
            server.wait(30)
            ended.set()
            await service


async def _registered(server: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server knows the service."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await Line(ADMIN).post("/deployments", {"uri": f"http://127.0.0.1:{SERVICE}"})
                return
            except (OSError, RuntimeError, asyncio.IncompleteReadError):
                assert server.poll() is None, log.read_text()
                await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
