"""A streaming job as its users start it: a process of its own between real servers."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from google.cloud.pubsub_v1.subscriber.client import Client as SubscriberClient

from pipelines.live.jobs import job_command
from pipelines.provisioning import Names
from pipelines.provisioning.endpoints import Endpoints
from pipelines.streaming import READY

Message = tuple[bytes, Mapping[str, str]]


@contextmanager
def job(
    names: Names, endpoints: Endpoints, plan: str, log: Path, *flags: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The job, once it reads; ended by Ctrl-C if it still runs."""
    environ = {**os.environ, "PUBSUB_EMULATOR_HOST": str(endpoints.pubsub)}
    if endpoints.bigquery:
        environ["BIGQUERY_EMULATOR_HOST"] = endpoints.bigquery
    command = [sys.executable, *job_command(names, plan, tables=False), *flags]
    with log.open("ab") as told:
        process = subprocess.Popen(command, env=environ, stdout=told, stderr=told)
    try:
        until(lambda: READY in log.read_text("utf-8") or process.poll() is not None, 120)
        if process.poll() is not None:
            raise AssertionError(log.read_text("utf-8"))
        yield process
    finally:
        stopped(process)


def stopped(process: "subprocess.Popen[bytes]") -> int:
    """The exit code, after Ctrl-C."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    return process.wait(60)


def until(done: Callable[[], bool], limit_s: float) -> bool:
    """Wait for something; whether it came."""
    ends = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


class Reader:
    """Collects all messages of some subscriptions of a test."""

    def __init__(self, client: SubscriberClient, subscriptions: Mapping[str, str]) -> None:
        self._client = client
        self._subscriptions = subscriptions
        self.found: dict[str, list[Message]] = {name: [] for name in subscriptions}

    def pull(self) -> None:
        """What there is now."""
        warnings.filterwarnings("ignore", message="The return_immediately flag is deprecated")
        for name, subscription in self._subscriptions.items():
            received = self._client.pull(
                subscription=subscription, max_messages=1000, return_immediately=True, timeout=30
            ).received_messages
            if received:
                self._client.acknowledge(
                    subscription=subscription, ack_ids=[each.ack_id for each in received]
                )
                self.found[name] += [(each.message.data, dict(each.message.attributes)) for each in received]

    def until(self, done: Callable[[Mapping[str, Sequence[Message]]], bool], limit_s: float) -> bool:
        """Pull until enough has come; whether it has."""

        def enough() -> bool:
            self.pull()
            return done(self.found)

        return until(enough, limit_s)
