"""A real HTTP server on this machine that alerts are told to, and that can refuse them or keep silent."""

from __future__ import annotations

from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class Receiver:
    """Notes every request; answers with `statuses` one after the other, then 200. 0 is no answer until it is closed."""

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self._statuses, self._closing = list(statuses), Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append(({k.lower(): v for k, v in self.headers.items()}, body))
                status = receiver._statuses.pop(0) if receiver._statuses else 200
                if status == 0:
                    receiver._closing.wait(60)
                    return
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", receiver.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
