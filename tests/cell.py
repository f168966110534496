"""A server that listens on every interface, in a network of its own: `python -m tests.cell PROGRAM ARGUMENT…`.

`{port}` among the arguments is where the program is to listen. Only this process can reach it, and lets
others do so at a port of 127.0.0.1, which it prints once the program listens. It ends, and the program
with it, when its standard input does. A listening socket stays in the network in which it was made.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
INSIDE = 7233
PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.02


def leave_the_network() -> None:
    """Move this process into a network that has nothing but a loopback of its own. Raises OSError where it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Who may not make a network as they are may do so in a user namespace of their own.
    if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"this machine allows no network namespace: {os.strerror(number)}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


async def serve(door: socket.socket, program: list[str]) -> None:
    """Run the program until standard input ends, and pass on what comes through the door."""
    inside = subprocess.Popen([each.format(port=INSIDE) for each in program], stdin=subprocess.DEVNULL)
    try:
        await _listening(inside)
        server = await asyncio.start_server(_pass_on, sock=door)
        print(door.getsockname()[1], flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.read)
        server.close()
    finally:
        inside.kill()
        inside.wait()


async def _listening(inside: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while inside.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", INSIDE)
                writer.close()
                return
            await asyncio.sleep(PAUSE_SECONDS)
    raise SystemExit(f"{inside.args!r} ended with {inside.returncode}")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", INSIDE)
    await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process ends it
    door = socket.create_server(("127.0.0.1", 0))
    leave_the_network()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve(door, sys.argv[1:]))


if __name__ == "__main__":
    main()
