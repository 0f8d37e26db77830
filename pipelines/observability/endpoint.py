"""`--metrics_port`: the metrics of a job on this machine, for Prometheus and people."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from models.observability.exposition import CONTENT_TYPE, exposition
from pipelines.local.ports import HOST, claim_port

PATH = "/metrics"


@contextmanager
def metrics_served(port: int | None, counted: Callable[[], Mapping[str, int]]) -> Iterator[str | None]:
    """Serve `/metrics` on this machine only, as long as it is open. Yields the address; None without a port.

    Args:
      port: Where.
      counted: The metrics as they are now.

    Raises:
      UsageError: The port is taken.
    """
    if port is None:
        yield None
        return
    claimed = claim_port(port, what="the metrics", flag="--metrics_port")
    server = ThreadingHTTPServer((HOST, claimed), _handler(counted))
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield f"http://{HOST}:{claimed}{PATH}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(counted: Callable[[], Mapping[str, int]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            """The metrics, and nothing else."""
            if self.path != PATH:
                self.send_error(404)
                return
            body = exposition(counted()).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Requests are no events."""

    return Handler
