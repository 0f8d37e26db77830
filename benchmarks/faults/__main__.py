"""Inject faults between real servers, and see which promises survive.

python -m benchmarks.faults [NAME...] [--quick] [--away SECONDS]

Each scenario starts the real job between real servers, sends signals whose ids are known, injects, heals, waits until
all is quiet, and looks at topics, tables and views. The exit code is 1 if a promise was broken.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.faults import services, traffics
from benchmarks.faults.setting import Setting, Verdict
from benchmarks.live.bank import Servers
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.pubsub import PubsubEmulator

SCENARIOS: Mapping[str, Callable[[Setting], Verdict]] = {
    "pubsub-restart": services.pubsub_restart,
    "job-kill": services.job_kill,
    "bigquery-away": services.bigquery_away,
    "bigquery-rejects": services.bigquery_rejects,
    "plan-broken": traffics.plan_broken,
    "hostile": traffics.hostile,
    "hot-customer": traffics.hot_customer,
    "clock-skew": traffics.clock_skew,
    "slow-consumer": traffics.slow_consumer,
}


def main() -> int:
    """Print, of each scenario, what was injected, what held, and the verdict."""
    parser = argparse.ArgumentParser("python -m benchmarks.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENARIOS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--away", type=float, metavar="SECONDS", help="how long a service is away")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the logs there")
    args = parser.parse_args()
    if unknown := set(args.names) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    with tempfile.TemporaryDirectory(prefix="nextbeam-faults-") as name:
        folder = args.logs or Path(name)
        with (
            PubsubEmulator(folder=folder / "pubsub") as pubsub,
            BigQueryEmulator(folder=folder / "bigquery") as bigquery,
        ):
            setting = Setting(Servers(pubsub, bigquery), folder, quick=args.quick, away_s=args.away)
            kept = [_show(each, setting) for each in args.names or SCENARIOS]
    return 0 if all(kept) else 1


def _show(name: str, setting: Setting) -> bool:
    begun = time.monotonic()
    verdict = SCENARIOS[name](setting)
    word = "held" if verdict.kept else "BROKEN"
    print(f"\n{name}: {verdict.injected}: {word} ({time.monotonic() - begun:.0f} s)")
    for promise in verdict.promises:
        print(f"  {promise}")
    sys.stdout.flush()
    return verdict.kept


if __name__ == "__main__":
    sys.exit(main())
