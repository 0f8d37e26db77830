"""`nextbeam live`: everything at once on this machine, and the end of everything when it ends."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from models.simulation.living import LivingConfig
from pipelines.live.jobs import job_command
from pipelines.live.status import Status
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.ports import HOST, claim_port
from pipelines.local.processes import Child, ServerError, UnavailableError
from pipelines.local.pubsub import PubsubEmulator
from pipelines.local.servers import Server, responds
from pipelines.locate import UsageError
from pipelines.place import BIGQUERY_EMULATOR, LOCAL_PROJECT, PUBSUB_EMULATOR
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.topics import provision_topics
from pipelines.provisioning.views import provision_views
from pipelines.stopping import interruptible
from pipelines.stream_flags import READY

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
    pubsub_port: int | None = None
    bigquery_port: int | None = None
    bigquery_grpc_port: int | None = None
    """None: free ones are chosen."""

    def claim_ports(self) -> int:
        """The port of the page; those of the servers are checked as well, before anything starts.

        Raises:
          ServerError: One is taken.
        """
        for name in ("pubsub_port", "bigquery_port", "bigquery_grpc_port"):
            if getattr(self, name) is not None:
                claim_port(getattr(self, name), what="an emulator", flag=f"--{name}")
        return claim_port(self.port, what="the live page", flag="--port")

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
    port = config.claim_ports()
    folder = Path(tempfile.mkdtemp(prefix="nextbeam-live-"))
    stage = _Stage(config, port, folder, say)
    try:
        with interruptible(), ExitStack() as stack:
            stage.open(stack)
            stage.watch()
    except KeyboardInterrupt:
        pass
    except UsageError:
        if any(folder.iterdir()):
            say(f"all logs are in {folder}")
        else:
            folder.rmdir()
        raise
    finally:
        stage.status.clear()
    say(f"stopped; {stage.status.told() or 'nothing had happened yet'}")
    shutil.rmtree(folder, ignore_errors=True)
    return 0


class _Stage:
    """The parts, in the order in which they depend on each other; they end in the other order."""

    def __init__(self, config: LiveConfig, port: int, folder: Path, say: Say) -> None:
        self._config, self._port, self._folder, self._say = config, port, folder, say
        self._parts: list[Child] = []
        self._machines: list[Server] = []
        self._names = Names(LOCAL_PROJECT)
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
        config = self._config
        pubsub = PubsubEmulator(port=config.pubsub_port, folder=self._folder)
        bigquery = BigQueryEmulator(
            project=LOCAL_PROJECT,
            http_port=config.bigquery_port,
            grpc_port=config.bigquery_grpc_port,
            folder=self._folder,
            say=self._say,
        )
        stack.callback(pubsub.stop)
        stack.callback(bigquery.stop)
        self._machines = [pubsub, bigquery]
        self._say("starting the servers")
        with ThreadPoolExecutor(2) as pool:
            tables = pool.submit(bigquery.start) if config.bigquery else None
            pubsub.start()
            url = None if tables is None else self._tables(tables)
        endpoints = Endpoints(pubsub=pubsub.endpoint, bigquery=url)
        self._tell(endpoints)
        resources = Resources.of(self._names)
        if url is None:
            provision_topics(resources, endpoints, lambda _: None)
        else:
            provision(resources, endpoints, say=lambda _: None)
            provision_views(resources, endpoints)
        return _settings(pubsub.endpoint, url)

    def _tell(self, endpoints: Endpoints) -> None:
        """How other commands, and SQL, find the servers."""
        self._say("to ask the servers from another shell:")
        for variable, address in (
            (PUBSUB_EMULATOR, endpoints.pubsub),
            (BIGQUERY_EMULATOR, endpoints.bigquery),
        ):
            if address:
                self._say(f"  export {variable}={address}")

    def _tables(self, started: "Future[BigQueryEmulator]") -> str | None:
        """Where the tables are; None if this machine cannot have them."""
        try:
            return started.result().url
        except UnavailableError as error:
            self._say(f"without tables: {error}")
            return None

    def _pipeline(self, stack: ExitStack, settings: Mapping[str, str]) -> None:
        tables = BIGQUERY_EMULATOR in settings
        more = {"plan_refresh": PLAN_REFRESH_S}
        command = job_command(self._names, str(self._config.plan), tables=tables, more=more)
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
    settings |= {PUBSUB_EMULATOR: pubsub, "PYTHONUNBUFFERED": "1", "NO_GCE_CHECK": "true"}
    if bigquery is not None:
        settings[BIGQUERY_EMULATOR] = bigquery
    return settings
