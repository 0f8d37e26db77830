"""Write the decide-50 workload.

python -m benchmarks.decide50.generate --out DIR [--events N] [--customers N] [--actions N] [--skew SHARE] [--days N]
    [--seed N]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.decide50.generate.visits import DAYS, Crowd
from benchmarks.decide50.generate.writing import SEED, write


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files and say what is in them, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decide50.generate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the files")
    parser.add_argument("--events", type=int, default=200_000, help="events (default: %(default)s)")
    parser.add_argument("--customers", type=int, default=20_000, help="customers (default: %(default)s)")
    parser.add_argument("--actions", type=int, default=50, help="actions (default: %(default)s)")
    parser.add_argument(
        "--skew", type=float, default=0.0, help="share of events of one customer (default: nobody's)"
    )
    parser.add_argument(
        "--days", type=int, default=DAYS, help="days that the events are spread over (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, help="other data for another seed (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    crowd = Crowd(args.customers, args.events, args.skew, args.days)
    try:
        told = write(args.out, crowd, args.actions, args.seed)
    except ValueError as error:
        parser.error(str(error))
    print(msgspec.json.encode(told).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
