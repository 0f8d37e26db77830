"""`nextbeam live`: everything at once on this machine, and the end of everything when it ends."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from models.simulation.living import LivingConfig
from pipelines.live.status import Status
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.ports import HOST, claim_port
from pipelines.local.processes import Child, ServerError, UnavailableError
from pipelines.local.pubsub import PubsubEmulator
from pipelines.local.servers import Server, responds
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, FEEDBACK
from pipelines.provisioning.topics import provision_topics
from pipelines.provisioning.views import provision_views
from pipelines.stream_flags import READY, SUBSCRIPTIONS

PROJECT = "local-dev"
PLAN_REFRESH_S = 2.0
_READY_S = 120.0
_LOOK_S = 0.5
_GRACE_S = 8.0
_SETTLE_S = 2.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class LiveConfig:
    """What is to be started."""

    plan: Path
    rate: float
    customers: int
    seed: int
    haste: float
    for_s: float | None
    port: int | None
    bigquery: bool

    def source(self) -> LivingConfig:
        """What the source is asked for; refuses what cannot be.

        Raises:
          ValueError: With the field, the value and what it may be.
        """
        return LivingConfig(rate=self.rate, customers=self.customers, seed=self.seed)


def live(config: LiveConfig, *, say: Say) -> int:
    """Start everything, show how it goes, and end everything: on Ctrl-C, after `for_s`, or when a part ends.

    Raises:
      ServerError: Something did not start, or ended; the text has the end of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="nextbeam-live-"))
    stage = _Stage(config, folder, say)
    try:
        with _interruptible(), ExitStack() as stack:
            stage.open(stack)
            stage.watch()
    except KeyboardInterrupt:
        pass
    except ServerError:
        say(f"all logs are in {folder}")
        raise
    say(f"stopped; {stage.status.told() or 'nothing had happened yet'}")
    shutil.rmtree(folder, ignore_errors=True)
    return 0


class _Stage:
    """The parts, in the order in which they depend on each other; they end in the other order."""

    def __init__(self, config: LiveConfig, folder: Path, say: Say) -> None:
        self._config, self._folder, self._say = config, folder, say
        self._port = claim_port(config.port, what="the live page", flag="--port")
        self._parts: list[Child] = []
        self._machines: list[Server] = []
        self._names = Names(PROJECT)
        self.status = Status(f"http://{HOST}:{self._port}/state")

    def open(self, stack: ExitStack) -> None:
        """Start everything; what was started is ended with the stack, whatever happens."""
        settings = self._servers(stack)
        named = ["--plan", str(self._config.plan), "--seed", str(self._config.seed)]
        haste = ["--haste", str(self._config.haste)]
        page = self._start(stack, "the page", settings, ["watch", *named, *haste, "--port", str(self._port)])
        url = f"http://{HOST}:{self._port}/"
        page.wait_until(lambda: responds(url), limit_s=_READY_S)
        self._say(f"the live page: {url}")
        self._pipeline(stack, settings)
        channels = ["channels", *named, *haste, "--quiet"]
        self._start(stack, "the channels", settings, channels)
        rate = ["--rate", str(self._config.rate), "--customers", str(self._config.customers)]
        self._start(stack, "the source of signals", settings, ["signals", *named, *rate])

    def watch(self) -> None:
        """Until the time is up, or a part ends."""
        seconds = self._config.for_s
        ends = float("inf") if seconds is None else time.monotonic() + seconds
        while time.monotonic() < ends:
            self._check()
            self.status.look()
            self.status.show()
            time.sleep(_LOOK_S)
        self._settle()

    def _settle(self) -> None:
        """The source ends first; what it sent is decided, and the page shows it."""
        self._parts.pop().stop()
        time.sleep(_SETTLE_S)
        self._check()
        self.status.look()

    def _check(self) -> None:
        for machine in self._machines:
            machine.check()
        for part in self._parts:
            if not part.running:
                raise ServerError(f"{part.name} ended with code {part.exit_code}{part.tail()}")

    def _servers(self, stack: ExitStack) -> Mapping[str, str]:
        """Both emulators, side by side, with everything in them; returns how children find them."""
        pubsub = PubsubEmulator(folder=self._folder)
        bigquery = BigQueryEmulator(project=PROJECT, folder=self._folder, say=self._say)
        stack.callback(pubsub.stop)
        stack.callback(bigquery.stop)
        self._machines = [pubsub, bigquery]
        self._say("starting the servers")
        with ThreadPoolExecutor(2) as pool:
            tables = pool.submit(bigquery.start) if self._config.bigquery else None
            pubsub.start()
            url = None if tables is None else self._tables(tables)
        endpoints = Endpoints(pubsub=pubsub.endpoint, bigquery=url)
        resources = Resources.of(self._names)
        if url is None:
            provision_topics(resources, endpoints, lambda _: None)
        else:
            provision(resources, endpoints, say=lambda _: None)
            provision_views(resources, endpoints)
        return _settings(pubsub.endpoint, url)

    def _tables(self, started: "Future[BigQueryEmulator]") -> str | None:
        """Where the tables are; None if this machine cannot have them."""
        try:
            return started.result().url
        except UnavailableError as error:
            self._say(f"without tables: {error}")
            return None

    def _pipeline(self, stack: ExitStack, settings: Mapping[str, str]) -> None:
        names = self._names
        flags = {
            **{name: names.subscription(f"{name.partition('_')[0]}-decisioning") for name in SUBSCRIPTIONS},
            "decisions_topic": names.topic(DECISIONS),
            "feedback_topic": names.topic(FEEDBACK),
            "dead_letters_topic": names.topic(DEAD_LETTER),
            "plan": str(self._config.plan),
            "plan_refresh": str(PLAN_REFRESH_S),
            "project": PROJECT,
        }
        if "BIGQUERY_EMULATOR_HOST" in settings:
            flags |= {"bigquery_dataset": names.dataset, "bigquery_method": "streaming_inserts"}
        module = ["-m", "pipelines.decisioning"]
        command = [*module, *(part for name, value in flags.items() for part in (f"--{name}", value))]
        pipeline = self._child(stack, "the pipeline", settings, command)
        pipeline.wait_until(lambda: READY in pipeline.log.read_text("utf-8", "replace"), limit_s=_READY_S)

    def _start(self, stack: ExitStack, name: str, settings: Mapping[str, str], args: Sequence[str]) -> Child:
        return self._child(stack, name, settings, ["-m", "pipelines.cli", *args])

    def _child(self, stack: ExitStack, name: str, settings: Mapping[str, str], args: Sequence[str]) -> Child:
        log = self._folder / f"{name.split()[1]}.log"
        child = Child(name, [sys.executable, *args], log, environ=settings, grace_s=_GRACE_S)
        stack.callback(child.stop)
        self._parts.append(child)
        return child


def _settings(pubsub: str, bigquery: str | None) -> dict[str, str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("BIGQUERY_EMULATOR")}
    settings |= {"PUBSUB_EMULATOR_HOST": pubsub, "PYTHONUNBUFFERED": "1", "NO_GCE_CHECK": "true"}
    if bigquery is not None:
        settings["BIGQUERY_EMULATOR_HOST"] = bigquery
    return settings


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM is as Ctrl-C."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
