"""Attack the folds with random histories: `python -m delivery --seeds 1000000`, tests on the path."""

import argparse
import sys

from delivery.running import broken, found_broken


def _until_broken(seeds: range) -> int:
    for seed in seeds:
        for text in broken(seed, seed + 1):
            print(text)
            return 1
    return 0


def main() -> int:
    """Say what broke, by seed; 1 if anything did."""
    parser = argparse.ArgumentParser("python -m delivery", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many histories (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--stop", action="store_true", help="stop at the first history that breaks a promise")
    args = parser.parse_args()
    if args.stop:
        return _until_broken(range(args.first, args.first + args.seeds))
    found, told = 0, args.first
    for reached, texts in found_broken(args.first, args.seeds, jobs=args.jobs):
        found += len(texts)
        print(*texts, sep="\n", end="\n" if texts else "", flush=True)
        if sys.stderr.isatty() or reached - told >= 10_000:
            told = reached
            end = "\r" if sys.stderr.isatty() else "\n"
            done = f"{reached - args.first:,} of {args.seeds:,} histories, {found} violations"
            print(f"{done}; go on later with --first {reached}", end=end, file=sys.stderr, flush=True)
    print(f"{args.seeds:,} histories from seed {args.first}: {found} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
