"""How old decisions are when they leave: from a signal's publication to its decision's, at several rates.

python -m benchmarks.age [--rates 100 250 500] [--customers 2000] [--seconds 40] [--bigquery]

A real emulator, the real job as a process of its own, and an open-loop source in another: signals are due when they are
due, whether or not the job keeps up. Both ends of an age are the server's own times of publication. The job runs anew
for each rate. The topic of outcomes is silent for the first half of the time, and then busy.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.pubsub import PubsubEmulator
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DECISIONS, SIGNALS
from pipelines.provisioning.topics import provision_topics
from pipelines.stream_flags import READY

_ID = re.compile(rb'"signal_id": ?"([^"]+)"')
_TICKS = os.sysconf("SC_CLK_TCK")
_WARM_S = 8.0
"""What comes before is not counted: the job meets every customer for the first time."""


@dataclass
class Seen:
    """Times of publication, in seconds, by signal."""

    signals: dict[str, float] = field(default_factory=dict)
    decisions: dict[str, float] = field(default_factory=dict)

    def ages(self, since: float, until: float) -> list[float]:
        """Of signals published in this time, the ages of their decisions, sorted, in seconds."""
        return sorted(
            at - self.signals[name]
            for name, at in self.decisions.items()
            if name in self.signals and since <= self.signals[name] < until
        )


class Bench:
    """One set of topics and tables; what is read from them."""

    def __init__(self, endpoints: Endpoints, number: int) -> None:
        self.endpoints = endpoints
        self.names = Names("local-dev", dataset=f"age{number}", prefix=f"age{number}-")
        resources = Resources.of(self.names, watchers=("age",))
        if endpoints.bigquery:
            provision(resources, endpoints, say=lambda _: None)
        else:
            provision_topics(resources, endpoints, lambda _: None)
        self.seen = Seen()
        self._client = endpoints.subscriber()
        self._pulls = [
            self._client.subscribe(self.names.subscription(f"{topic}-age"), take)
            for topic, take in ((SIGNALS, self._signal), (DECISIONS, self._decision))
        ]

    def close(self) -> None:
        """Read no more."""
        for pull in self._pulls:
            pull.cancel()
        self._client.close()

    def _signal(self, message: Any) -> None:
        found = _ID.search(message.data)
        if found:
            self.seen.signals.setdefault(found[1].decode(), message.publish_time.timestamp())
        message.ack()

    def _decision(self, message: Any) -> None:
        self.seen.decisions.setdefault(message.attributes["signal_id"], message.publish_time.timestamp())
        message.ack()


@contextmanager
def process(command: Sequence[str], environ: dict[str, str], log: Path, ready: str | None) -> Iterator[int]:
    """A child that is asked to stop at the end; yields its process id once it says that it is ready."""
    with log.open("wb") as told:
        child = subprocess.Popen([sys.executable, "-m", *command], env=environ, stdout=told, stderr=told)
    try:
        while ready and ready not in log.read_text("utf-8", errors="replace"):
            if child.poll() is not None:
                raise RuntimeError(log.read_text("utf-8", errors="replace")[-2000:])
            time.sleep(0.1)
        yield child.pid
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(60)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(bench: Bench, rate: float, args: argparse.Namespace, folder: Path) -> str:
    """One row of the table."""
    names, environ = bench.names, {**os.environ, "PUBSUB_EMULATOR_HOST": str(bench.endpoints.pubsub)}
    job = ["pipelines.decisioning", "--project", names.project, "--plan", args.plan]
    for name in ("signals", "outcomes"):
        job += [f"--{name}_subscription", names.subscription(f"{name}-decisioning")]
    for name, topic in (
        ("decisions", "decisions"),
        ("feedback", "feedback"),
        ("dead_letters", "dead-letter"),
    ):
        job += [f"--{name}_topic", names.topic(topic)]
    if bench.endpoints.bigquery:
        environ["BIGQUERY_EMULATOR_HOST"] = bench.endpoints.bigquery
        job += ["--bigquery_dataset", names.dataset, "--bigquery_method", "streaming_inserts"]
    source = ["pipelines.cli", "signals", "--rate", str(rate), "--customers", str(args.customers)]
    source += ["--prefix", names.prefix, "--plan", args.plan, "--for", str(args.seconds)]
    with process(job, environ, folder / f"job{rate:.0f}.log", READY) as pid:
        begun = time.time()
        with process(source, environ, folder / f"source{rate:.0f}.log", None):
            time.sleep(_WARM_S)
            before, since = cpu_s(pid), time.time()
            time.sleep(max(args.seconds - _WARM_S, 1.0))
            spent, until = cpu_s(pid) - before, time.time()
        time.sleep(3.0)
        left = time.time() - begun
    sent = sum(since <= at < until for at in bench.seen.signals.values())
    ages = bench.seen.ages(since, until)
    if not ages:
        return f"| {rate:.0f} | no decision in {left:.0f} s |"
    busy = 100 * spent / (until - since)
    p50, p99 = (1000 * ages[min(int(len(ages) * q), len(ages) - 1)] for q in (0.50, 0.99))
    return (
        f"| {rate:.0f} | {sent / (until - since):.0f} | {len(ages) / (until - since):.0f} "
        f"| {p50:.0f} | {p99:.0f} | {1000 * ages[-1]:.0f} | {1000 * spent / max(sent, 1):.2f} | {busy:.0f} |"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.age", description=__doc__)
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[50, 100, 250, 500], help="signals a second"
    )
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--plan", default="uk_bank")
    parser.add_argument("--bigquery", action="store_true", help="write to the BigQuery emulator as well")
    args = parser.parse_args()
    print(
        "| signals/s asked | sent | decisions/s | age p50 ms | p99 | max | job CPU ms a signal | % of a core |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, PubsubEmulator() as pubsub:
        tables = BigQueryEmulator() if args.bigquery else None
        if tables:
            tables.start()
        try:
            for number, rate in enumerate(args.rates):
                bench = Bench(
                    Endpoints(pubsub=pubsub.endpoint, bigquery=tables.url if tables else None), number
                )
                print(measure(bench, rate, args, Path(folder)), flush=True)
                bench.close()
        finally:
            if tables:
                tables.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
