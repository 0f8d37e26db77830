"""`nextbeam watch`: reads along with a running pipeline, and serves the page that shows it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import uvicorn
from google.api_core.exceptions import GoogleAPIError
from starlette.applications import Starlette

from models.plan.compiled import Plan
from models.plan.load import PlanError
from models.propensity.artifact import ArtifactError
from pipelines.live.board import Board
from pipelines.live.server import State, application
from pipelines.live.wire import Received, StoppedError, Subscription, pulled
from pipelines.local.ports import HOST, claim_port
from pipelines.provisioning import Names, Resources
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.patience import refused
from pipelines.provisioning.presence import await_topics
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, FEEDBACK, SIGNALS
from pipelines.provisioning.topics import provision_topics

READ = (SIGNALS, DECISIONS, FEEDBACK, DEAD_LETTER)
PAUSE_S = 0.25
"""Between two pulls: what is read is for people, and the processor for the pipeline."""


def watch(
    endpoints: Endpoints,
    names: Names,
    plan: Path,
    stop: Event,
    *,
    watcher: str,
    seed: int | None,
    haste: float,
    port: int | None,
    for_s: float | None,
    say: Callable[[str], None],
) -> None:
    """Serve the page until we are asked to stop, or for so many seconds. Subscriptions of its own are made if need be.

    Raises:
      UsageError: Topics are missing, or the port is taken.
    """
    claimed = claim_port(port, what="the live page", flag="--port")
    if not await_topics(endpoints, {name: names.topic(name) for name in READ}, stop):
        return
    _subscribe(endpoints, names, watcher)
    readers = Readers(Board(Plan.load(plan), _Plans(plan), seed, haste))
    for name in READ:
        subscription = Subscription(endpoints, names.subscription(f"{name}-{watcher}"), stop)
        readers.read(name, subscription, stop)
    with serving(application(readers.state, stop.is_set), claimed):
        say(f"the live page: http://{HOST}:{claimed}/")
        stop.wait(for_s)
        stop.set()
    readers.check()


def _subscribe(endpoints: Endpoints, names: Names, watcher: str) -> None:
    along = Resources.of(names, watchers=(watcher,)).subscriptions
    wanted = {f"{name}-{watcher}" for name in READ}
    missing = tuple(each for each in along if each.name in wanted)
    resources = Resources(names, topics=(), subscriptions=missing, tables=())
    try:
        provision_topics(resources, endpoints, lambda _: None)
    except GoogleAPIError as error:
        raise refused(names.subscription(f"{SIGNALS}-{watcher}"), error) from error


class Readers:
    """Threads that read, and the board that they share.

    Args:
      board: Adds up.
    """

    def __init__(self, board: Board) -> None:
        self._board, self._lock = board, threading.Lock()
        self._failed: list[BaseException] = []

    def read(self, name: str, subscription: Subscription, stop: Event) -> None:
        """Start to read one of the streams."""
        work = (name, subscription, stop)
        threading.Thread(target=self._read, args=work, name=f"read-{name}", daemon=True).start()

    def state(self) -> State:
        """What the page shows now."""
        with self._lock:
            return self._board.snapshot(time.time())

    def check(self) -> None:
        """Raise what ended a reader, if something did."""
        if self._failed:
            raise self._failed[0]

    def take(self, name: str, batch: list[Received]) -> None:
        """Add up some messages of a stream."""
        now, board = time.time(), self._board
        for received in batch:
            with self._lock:  # let go between two: a page waits, too
                if name == SIGNALS:
                    board.signal(received)
                elif name == DECISIONS:
                    board.decision(received, now)
                elif name == FEEDBACK:
                    board.feedback(received)
                else:
                    board.dead_letter(received)

    def _read(self, name: str, subscription: Subscription, stop: Event) -> None:
        try:
            for batch in pulled(subscription, stop, pause_s=PAUSE_S):
                self.take(name, batch)
                subscription.acknowledge([received.ack_id for received in batch])
        except StoppedError:
            pass
        except Exception as error:  # it is raised in the main thread
            self._failed.append(error)
            stop.set()


class _Plans:
    """Finds the plan that decisions are made by, after its files have changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, digest: str) -> Plan | None:
        try:
            found = Plan.load(self._path)
        except (PlanError, ArtifactError, OSError):
            return None
        return found if found.digest == digest else None


@contextmanager
def serving(app: Starlette, port: int) -> Iterator[None]:
    """Serve the application on this port of this machine; ends with the context."""
    with socket.create_server((HOST, port)) as listening:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(5)
