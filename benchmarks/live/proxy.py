"""A proxy before BigQuery that misbehaves as told."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, repeat
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pipelines.local.ports import HOST

Row = dict[str, Any]
Kind = tuple[str, int]
"""What happens, and the status code of an answer."""
_HEADERS = frozenset({"content-type", "content-encoding", "location"})
_HANG_S = 5.0


class Faults:
    """What the proxy does with a request to write rows. Assign to change it; all else passes.

    `answer`: a status code to answer instead; `hang`: no answer until that is over; `cut`: the connection is closed
    instead of an answer; `cut_after`: the rows are written, and the connection is closed before the client hears of it.
    With several kinds, each request gets the next.
    `rejects`: which rows the table refuses, as BigQuery does: they get a reason, all others of the request are stopped.
    """

    def __init__(self) -> None:
        self._kinds: Iterator[Kind] = repeat(("none", 0))
        self.rejects: Callable[[Row], bool] | None = None
        self.down = False
        """Whether every request is answered by 503, whatever it asks."""
        self.counted: Counter[str] = Counter()
        self.rejected: set[str] = set()
        """Insert ids of rows that were refused."""
        self._over = threading.Event()
        self._lock = threading.Lock()

    def inject(self, *kinds: Kind) -> None:
        """Misbehave from now on; what hangs is let go of, by cutting its connection."""
        self._over.set()
        self._over = threading.Event()
        self._kinds = cycle(kinds)

    def heal(self) -> None:
        """Behave."""
        self.inject(("none", 0))
        self.rejects = None

    def next(self) -> Kind:
        """What happens to a request."""
        with self._lock:
            kind = next(self._kinds)
            self.counted[f"{kind[1]}" if kind[0] == "answer" else kind[0]] += 1
        return kind

    def hang(self) -> None:
        """Until something else is injected, or for so long that nobody waits."""
        self._over.wait(_HANG_S)


class FaultyProxy:
    """Listens on a port of its own, and hands on to a server; `url` is where.

    Args:
      target: `http://host:port`.
    """

    def __init__(self, target: str) -> None:
        self.faults = faults = Faults()
        place = urlsplit(target)

        class Handler(_Handler):
            upstream = (str(place.hostname), int(place.port or 80))

        Handler.faults = faults
        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self.faults.heal()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    upstream: tuple[str, int]
    faults: Faults

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def serve(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        faults = self.faults
        if faults.down:
            self._say(503, {"error": _error(503)})
            return
        if not self.path.partition("?")[0].endswith("/insertAll"):
            self._forward(body)
            return
        kind, status = faults.next()
        if kind == "answer":
            self._say(status, {"error": _error(status)})
        elif kind == "hang":
            faults.hang()
            self._cut()
        elif kind == "cut":
            self._cut()
        elif kind == "cut_after":
            self._ask(body)
            self._cut()
        elif not self._rejected(body):
            self._forward(body)

    def _rejected(self, body: bytes) -> bool:
        """Whether the table refused rows of the request; then nothing of it was written."""
        rejects = self.faults.rejects
        if rejects is None:
            return False
        rows = json.loads(body)["rows"]
        bad = {index for index, row in enumerate(rows) if rejects(row["json"])}
        if not bad:
            return False
        self.faults.counted["rejected"] += 1
        self.faults.rejected |= {rows[index]["insertId"] for index in bad}
        errors = [
            {"index": index, "errors": [_row_error("invalid" if index in bad else "stopped")]}
            for index in range(len(rows))
        ]
        self._say(200, {"kind": "bigquery#tableDataInsertAllResponse", "insertErrors": errors})
        return True

    def _forward(self, body: bytes) -> None:
        status, headers, data = self._ask(body)
        self._answer(status, headers, data)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.upstream, timeout=120)
        try:
            kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request(self.command, self.path, body, kept)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _say(self, status: int, content: Any) -> None:
        self._answer(status, [("content-type", "application/json")], json.dumps(content).encode())

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() in _HEADERS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _cut(self) -> None:
        self.close_connection = True


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler.serve)


def _error(status: int) -> dict[str, Any]:
    reason = {429: "rateLimitExceeded", 503: "backendError"}.get(status, "internalError")
    return {
        "code": status,
        "message": "injected",
        "errors": [{"reason": reason, "message": "injected", "domain": "global"}],
    }


def _row_error(reason: str) -> dict[str, str]:
    return {
        "reason": reason,
        "location": "" if reason == "stopped" else "priority",
        "message": "injected",
        "debugInfo": "",
    }
