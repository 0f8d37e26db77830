"""The parts of a bank, started one by one between servers, and killed one by one."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from benchmarks.live.traffic import WATCHER, Mix, Source, Watch
from models.plan.compiled import Plan
from models.simulation.living import LivingConfig
from pipelines.live.jobs import job_command
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.processes import Child
from pipelines.local.pubsub import PubsubEmulator
from pipelines.locate import find_plan
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import SIGNALS
from pipelines.provisioning.topics import provision_topics
from pipelines.provisioning.views import provision_views, publish_limits
from pipelines.sql.limits import plan_limits
from pipelines.stream_flags import READY

_ASKED = ("accounted_for", "cap_breaches", "decisions_flat", "freshness")
_READY_S, _GRACE_S = 120.0, 40.0
_ACCOUNTS = re.compile(
    r"^([\d,]+) inputs = ([\d,]+) decided \+ ([\d,]+) observed \+ ([\d,]+) duplicates \+ ([\d,]+) dead letters$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Servers:
    """Both emulators, running; they are whose who started them."""

    pubsub: PubsubEmulator
    bigquery: BigQueryEmulator


@dataclass(frozen=True)
class Accounts:
    """How jobs that ended well say they have accounted for what they read."""

    read: int
    decided: int
    observed: int
    duplicates: int
    dead: int

    @property
    def balanced(self) -> bool:
        """Whether every input left in exactly one way."""
        return self.read == self.decided + self.observed + self.duplicates + self.dead


class LiveBank:
    """Topics and tables of its own between servers; what is started ends with it.

    Args:
      servers: Where.
      folder: For logs.
      plan: Name or path of the plan.
      tables: Where the job finds BigQuery, if not where the server is; empty: it writes no tables.
      ack_deadline_s: How soon what a killed job had in work comes again; None: as production has it.
    """

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        *,
        plan: str = "uk_bank",
        tables: str | None = None,
        ack_deadline_s: int | None = None,
    ) -> None:
        name = f"b{uuid4().hex[:8]}"
        self.servers, self.folder, self.plan = servers, folder, find_plan(plan)
        self.compiled = Plan.load(self.plan)
        self.names = Names("local-dev", dataset=name, prefix=f"{name}-")
        self.endpoints = Endpoints(pubsub=servers.pubsub.endpoint, bigquery=servers.bigquery.url)
        self._tables = servers.bigquery.url if tables is None else tables
        self._resources = Resources.of(self.names, watchers=(WATCHER,))
        if ack_deadline_s is not None:
            self._resources = replace(
                self._resources,
                subscriptions=tuple(
                    replace(each, ack_deadline_s=ack_deadline_s) for each in self._resources.subscriptions
                ),
            )
        self._stack = ExitStack()
        self._jobs = 0
        provision(self._resources, self.endpoints, say=lambda _: None)
        provision_views(self._resources, self.endpoints, only=_ASKED)
        publish_limits(plan_limits(self.compiled.spec, self.compiled.digest), self._resources, self.endpoints)

    @cached_property
    def watch(self) -> Watch:
        """Reads along from now on."""
        watch = Watch(self.endpoints, self.names)
        self._stack.callback(watch.stop)
        return watch

    def provision_again(self) -> None:
        """What an emulator forgot is made anew."""
        provision_topics(self._resources, self.endpoints, lambda _: None)

    def job(self, *flags: str) -> Child:
        """A job that reads; each has a log of its own."""
        self._jobs += 1
        command = [*job_command(self.names, str(self.plan), tables=bool(self._tables)), *flags]
        child = self._child(f"job{self._jobs}", command)
        child.wait_until(lambda: READY in child.log.read_text("utf-8", "replace"), limit_s=_READY_S)
        return child

    def channels(self, *, haste: float = 60.0) -> Child:
        """The bank's channels, with its customers."""
        flags = ["--prefix", self.names.prefix, "--plan", str(self.plan), "--quiet", "--haste", str(haste)]
        return self._child("channels", ["-m", "pipelines.cli", "channels", *flags])

    def source(self, rate: float, *, customers: int = 120, mix: Mix | None = None, **shares: float) -> Source:
        """Signals from now on; their ids are of this bank."""
        config = LivingConfig(
            rate=rate,
            customers=customers,
            run=self.names.dataset,
            **shares,  # type: ignore[arg-type]
        )
        topic = self.names.topic(SIGNALS)
        source = Source(self.endpoints, topic, self.compiled.spec, config, mix)
        self._stack.callback(source.end)
        return source

    def ask(self, sql: str, *, limit_s: float = 600.0) -> list[dict[str, Any]]:
        """The rows of a query; `{NAME}` is the full name of a table or view."""
        client = self.endpoints.tables(self.names.project)
        try:
            text = re.sub(r"\{(\w+)\}", lambda found: f"`{self.names.table(found[1])}`", sql)
            return [dict(row) for row in client.query(text, timeout=limit_s).result(timeout=limit_s)]
        finally:
            client.close()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """End what runs, last things first."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _child(self, name: str, command: list[str]) -> Child:
        child = Child(
            name,
            [sys.executable, *command],
            self.folder / f"{self.names.dataset}-{name}.log",
            environ=self._settings(),
            grace_s=_GRACE_S,
        )
        self._stack.callback(child.stop)
        return child

    def _settings(self) -> Mapping[str, str]:
        own = {"PUBSUB_EMULATOR_HOST": str(self.endpoints.pubsub), "PYTHONUNBUFFERED": "1"}
        if self._tables:
            own["BIGQUERY_EMULATOR_HOST"] = self._tables
        return {**os.environ, **own, "NO_GCE_CHECK": "true"}


def accounts(job: Child) -> Accounts | None:
    """What a job said when it was stopped; None if it did not get to say it."""
    found = _ACCOUNTS.findall(job.log.read_text("utf-8", "replace"))
    return Accounts(*(int(number.replace(",", "")) for number in found[-1])) if found else None


def interrupt(job: Child) -> Accounts | None:
    """Stop a job as Ctrl-C does, and hear what it says."""
    if job.running:
        os.kill(job.pid, signal.SIGINT)
        wait(lambda: not job.running, _GRACE_S)
    job.stop()
    return accounts(job)


def wait(done: Callable[[], bool], limit_s: float, *, every_s: float = 0.2) -> bool:
    """Wait for something; whether it came."""
    ends = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > ends:
            return False
        time.sleep(every_s)
    return True


def wait_quiet(count: Callable[[], int], *, still_s: float = 3.0, limit_s: float = 120.0) -> bool:
    """Wait until a count has not changed for a while; whether that came in time."""
    ends, last, since = time.monotonic() + limit_s, count(), time.monotonic()
    while time.monotonic() < ends:
        time.sleep(0.2)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= still_s:
            return True
    return False


def rss_mb(pid: int) -> float:
    """Resident memory of a process; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return 0.0
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
