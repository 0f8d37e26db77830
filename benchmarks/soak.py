"""Half an hour of a live bank: does memory stay flat, and do the tables keep the promises?

python -m benchmarks.soak [--minutes 30] [--rate 20] [--customers 150] [--out out/soak]

Real servers, the real job, the source of signals and the channels. Memory of every process is sampled into a CSV and
drawn as an SVG. At the end the source stops, all that was sent is decided, and the views that production would ask are
asked. Flat is the job's memory if the slope over the second half of the time, with its 95 % interval, allows for less
than `--most` MB an hour (of medians of half minutes, so that one sample says little and neighbours do not count
twice). The exit code is 1 if it is not flat, or a promise is broken.
"""

import argparse
import csv
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from scipy.stats import t as student

from benchmarks.live.bank import LiveBank, Servers, interrupt, rss_mb, wait_quiet
from benchmarks.live.chart import Line, draw
from benchmarks.live.promises import Promise, of_tables, told
from benchmarks.live.states import Heard
from benchmarks.live.traffic import Source, ages, at_share
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.pubsub import PubsubEmulator

_SAMPLE_S = 5.0
_GROUP_S = 30.0
_COLUMNS = (
    "second",
    "job_mb",
    "pubsub_mb",
    "bigquery_mb",
    "channels_mb",
    "customers",
    "signals",
    "decisions",
)
_COLUMNS_AGE = ("age_p50_ms", "age_p99_ms")


@dataclass(frozen=True)
class Slope:
    """A straight line through samples: MB an hour, with its 95 % interval."""

    per_hour: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.per_hour:+.1f} MB an hour (95 %: {self.low:+.1f} to {self.high:+.1f})"


def slope(samples: Sequence[tuple[float, float]], *, group_s: float = _GROUP_S) -> Slope:
    """The slope of (second, MB), by least squares through the medians of groups of samples.

    Raises:
      ValueError: There are fewer than three groups.
    """
    groups: dict[int, list[float]] = {}
    for second, value in samples:
        groups.setdefault(int(second // group_s), []).append(value)
    if len(groups) < 3:
        raise ValueError("a slope with an interval needs three groups of samples at least")
    xs = [(number + 0.5) * group_s / 3600 for number in groups]
    ys = [median(group) for group in groups.values()]
    middle, level = mean(xs), mean(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    steep = sum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / spread
    left = sum((y - level - steep * (x - middle)) ** 2 for x, y in zip(xs, ys, strict=True))
    error = math.sqrt(left / (len(xs) - 2) / spread) * float(student.ppf(0.975, len(xs) - 2))
    return Slope(steep, steep - error, steep + error)


Sample = Mapping[str, float]


def soak(bank: LiveBank, args: argparse.Namespace, out: Path) -> list[Promise]:
    """Run, sample, stop, ask."""
    watch = bank.watch
    job, channels = bank.job(), bank.channels(haste=args.haste)
    heard = Heard()
    source = bank.source(args.rate, customers=args.customers, mix=heard)
    pids = {
        "job_mb": job.pid,
        "pubsub_mb": bank.servers.pubsub.pid or 0,
        "bigquery_mb": bank.servers.bigquery.pid or 0,
        "channels_mb": channels.pid,
    }
    samples: list[Sample] = []
    begun = time.time()
    ends = begun + 60 * args.minutes
    while time.time() < ends and job.running and channels.running:
        time.sleep(_SAMPLE_S)
        samples.append(_sample(begun, pids, source, bank))
    ledger = source.stop()
    channels.stop()
    wait_quiet(watch.found.total, limit_s=180)
    survived = job.running
    accounts = interrupt(job)
    _write(out, samples)
    judged = slope([(each["second"], each["job_mb"]) for each in samples[len(samples) // 2 :]])
    p50, p99 = (1000 * at_share(ages(ledger, watch.found), share) for share in (0.5, 0.99))
    decided = watch.found.decided()
    lost = [name for name in ledger.asking() if decided[name] != 1]
    return [
        Promise(survived, f"the job ran for {(time.time() - begun) / 60:.0f} minutes; {told(accounts)}"),
        Promise(accounts is not None and accounts.balanced, "every input left in one way"),
        Promise(
            judged.high < args.most,
            f"memory of the job, second half: {judged}; {samples[-1]['job_mb']:.0f} MB at the end; "
            f"states of all customers: {_grown(heard, bank)}",
        ),
        Promise(
            not lost,
            f"{len(ledger.asking()):,} signals that ask, {len(lost)} not decided exactly once; "
            f"age p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        ),
        *of_tables(bank, watch.found, fresh_s=time.time() - begun),
    ]


def _grown(heard: Heard, bank: LiveBank) -> str:
    """What all states together hold halfway and at the end."""
    sizes: dict[str, int] = {}
    totals = []
    for number, (customer, size) in enumerate(heard.states(bank.compiled)):
        sizes[customer] = size
        if number % 1_000 == 0:
            totals.append(sum(sizes.values()) / 1e6)
    return f"{totals[len(totals) // 2]:.1f} MB halfway, {totals[-1]:.1f} MB at the end"


def _sample(begun: float, pids: Mapping[str, int], source: Source, bank: LiveBank) -> Sample:
    now = time.time()
    recent = ages(source.ledger, bank.watch.found, now - 60, now - 2)
    return {
        "second": now - begun,
        **{name: rss_mb(pid) for name, pid in pids.items()},
        "customers": len({taken.customer for taken in list(source.ledger.good.values())}),
        "signals": source.ledger.messages,
        "decisions": len(bank.watch.found.decisions),
        **{
            name: 1000 * at_share(recent, share)
            for name, share in zip(_COLUMNS_AGE, (0.5, 0.99), strict=True)
        },
    }


def _write(out: Path, samples: Sequence[Sample]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "soak.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*_COLUMNS, *_COLUMNS_AGE], lineterminator="\n")
        writer.writeheader()
        for sample in samples:
            writer.writerow({name: f"{value:.1f}" for name, value in sample.items()})
    minutes = [sample["second"] / 60 for sample in samples]
    lines = [
        Line("the job", [sample["job_mb"] for sample in samples]),
        Line("Pub/Sub emulator", [sample["pubsub_mb"] for sample in samples]),
        Line("BigQuery emulator", [sample["bigquery_mb"] for sample in samples]),
    ]
    picture = draw(minutes, lines, title="Resident memory, MB", across="minutes")
    (out / "soak.svg").write_text(picture, "utf-8")


def main() -> int:
    """Print what was promised and what was so."""
    parser = argparse.ArgumentParser("python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=20.0, help="signals a second (default: %(default)g)")
    parser.add_argument(
        "--customers", type=int, default=150, help="so few that each comes again and again (%(default)s)"
    )
    parser.add_argument("--haste", type=float, default=60.0, help="as of nextbeam channels (%(default)g)")
    parser.add_argument(
        "--most", type=float, default=60.0, help="MB an hour that count as flat (%(default)g)"
    )
    parser.add_argument("--plan", default="uk_bank")
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nextbeam-soak-") as name:
        folder = Path(name)
        with (
            PubsubEmulator(folder=folder / "pubsub", heap_mb=4096) as pubsub,
            BigQueryEmulator(folder=folder / "bigquery") as bigquery,
            LiveBank(Servers(pubsub, bigquery), folder, plan=args.plan) as bank,
        ):
            promises = soak(bank, args, args.out)
    for promise in promises:
        print(promise)
    return 0 if all(promise.kept for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
