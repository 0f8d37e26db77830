"""How old decisions are when they leave: from a signal's publication to its decision's, at several rates.

python -m benchmarks.age [--rates 100 250 500] [--customers 2000] [--seconds 40] [--bigquery]

A real emulator, the real job as a process of its own, and an open-loop source in another: signals are due when they are
due, whether or not the job keeps up. Both ends of an age are the server's own times of publication. The job runs anew
for each rate. Both inputs are connected; outcomes come for five seconds (an impression of each first offer), then none
for five.
"""

import argparse
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from models.simulation.feeds import record_of
from pipelines.live.jobs import job_command
from pipelines.live.wire import Received, StoppedError, Subscription, Topic, pulled
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.processes import Child
from pipelines.local.pubsub import PubsubEmulator
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DECISIONS, OUTCOMES, SIGNALS
from pipelines.provisioning.topics import provision_topics
from pipelines.stream_flags import READY
from schemas import Decision, Outcome, OutcomeKind

_ID = re.compile(rb'"signal_id": ?"([^"]+)"')
_OUTCOMES_S = 5.0
"""So long outcomes come, and so long none."""
_TICKS = os.sysconf("SC_CLK_TCK")
_WARM_S = 8.0
"""What comes before is not counted: the job meets every customer for the first time."""


@dataclass
class Seen:
    """Times of publication, in seconds, by signal."""

    signals: dict[str, float] = field(default_factory=dict)
    decisions: dict[str, float] = field(default_factory=dict)
    outcomes: int = 0

    def ages(self, since: float, until: float) -> list[float]:
        """Of signals published in this time, the ages of their decisions, sorted, in seconds."""
        return sorted(
            at - self.signals[name]
            for name, at in self.decisions.items()
            if name in self.signals and since <= self.signals[name] < until
        )


class Bench:
    """One set of topics and tables; what is read from them, and the outcomes that follow."""

    def __init__(self, endpoints: Endpoints, number: int) -> None:
        self.endpoints = endpoints
        self.names = Names("local-dev", dataset=f"age{number}", prefix=f"age{number}-")
        resources = Resources.of(self.names, watchers=("age",))
        if endpoints.bigquery:
            provision(resources, endpoints, say=lambda _: None)
        else:
            provision_topics(resources, endpoints, lambda _: None)
        self.seen = Seen()
        self._stop = threading.Event()
        self._decode = msgspec.json.Decoder(Decision).decode
        self._outcomes = Topic(endpoints, self.names.topic(OUTCOMES), self._stop)
        self._threads = [
            threading.Thread(target=self._read, args=(topic, take), daemon=True)
            for topic, take in ((SIGNALS, self._signals), (DECISIONS, self._decisions))
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Read no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self, topic: str, take: Callable[[list[Received]], None]) -> None:
        subscription = Subscription(self.endpoints, self.names.subscription(f"{topic}-age"), self._stop)
        for batch in pulled(subscription, self._stop, pause_s=0.1):
            take(batch)
            with suppress(StoppedError):
                subscription.acknowledge([each.ack_id for each in batch])

    def _signals(self, batch: list[Received]) -> None:
        for each in batch:
            found = _ID.search(each.data)
            if found:
                self.seen.signals.setdefault(found[1].decode(), each.published)

    def _decisions(self, batch: list[Received]) -> None:
        for each in batch:
            self.seen.decisions.setdefault(each.attributes["signal_id"], each.published)
        if time.monotonic() % (2 * _OUTCOMES_S) < _OUTCOMES_S:
            outcomes = [
                impression(decision) for each in batch if (decision := self._decode(each.data)).offers
            ]
            self.seen.outcomes += len(outcomes)
            with suppress(StoppedError):
                self._outcomes.publish([(msgspec.json.encode(record_of(each)), {}) for each in outcomes])


def impression(decision: Decision) -> Outcome:
    """The customer has the first offer before them."""
    return Outcome(
        outcome_id=f"{decision.decision_id}.1.impression",
        customer_id=decision.customer_id,
        occurred_at=decision.decided_at,
        kind=OutcomeKind.IMPRESSION,
        decision_id=decision.decision_id,
        rank=1,
    )


def started(name: str, command: Sequence[str], environ: dict[str, str], log: Path, ready: str = "") -> Child:
    """A Python program that runs, and has said that it is ready; it ends with the context."""
    child = Child(name, [sys.executable, *command], log, environ=environ, grace_s=60.0)
    child.wait_until(lambda: ready in log.read_text("utf-8", errors="replace"), limit_s=120.0)
    return child


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(bench: Bench, rate: float, args: argparse.Namespace, folder: Path) -> str:
    """One row of the table."""
    names, environ = bench.names, {**os.environ, "PUBSUB_EMULATOR_HOST": str(bench.endpoints.pubsub)}
    if bench.endpoints.bigquery:
        environ["BIGQUERY_EMULATOR_HOST"] = bench.endpoints.bigquery
    job = job_command(names, args.plan, tables=bench.endpoints.bigquery is not None)
    source = ["-m", "pipelines.cli", "signals", "--rate", str(rate), "--customers", str(args.customers)]
    source += ["--prefix", names.prefix, "--plan", args.plan, "--for", str(args.seconds)]
    with started("the job", job, environ, folder / f"job{rate:.0f}.log", READY) as running:
        begun, pid = time.time(), running.pid
        with started("the source", source, environ, folder / f"source{rate:.0f}.log"):
            time.sleep(_WARM_S)
            before, since, outcomes = cpu_s(pid), time.time(), bench.seen.outcomes
            time.sleep(max(args.seconds - _WARM_S, 1.0))
            spent, until = cpu_s(pid) - before, time.time()
            outcomes = bench.seen.outcomes - outcomes
        time.sleep(3.0)
        left = time.time() - begun
    sent = sum(since <= at < until for at in bench.seen.signals.values())
    ages = bench.seen.ages(since, until)
    if not ages:
        return f"| {rate:.0f} | no decision in {left:.0f} s |"
    seconds = until - since
    busy = 100 * spent / seconds
    p50, p99 = (1000 * ages[min(int(len(ages) * q), len(ages) - 1)] for q in (0.50, 0.99))
    return (
        f"| {rate:.0f} | {sent / seconds:.0f} | {outcomes / seconds:.0f} | {len(ages) / seconds:.0f} "
        f"| {p50:.0f} | {p99:.0f} | {1000 * ages[-1]:.0f} | {1000 * spent / (sent + outcomes):.2f} | {busy:.0f} |"
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
        "| signals/s asked | sent | outcomes/s | decisions/s | age p50 ms | p99 | max "
        "| job CPU ms an event | % of a core |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
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
