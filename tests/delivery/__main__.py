"""Attack the folds with random histories: `python -m delivery --seeds 1000000`, tests on the path."""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from delivery.invariants import violations
from delivery.world import World

CHUNK = 500


def broken(first: int, last: int) -> list[str]:
    """What the histories of these seeds broke."""
    return [text for seed in range(first, last) for text in violations(World(seed).run())]


def _chunks(first: int, seeds: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + seeds, CHUNK):
        yield start, min(start + CHUNK, first + seeds)


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
    found = 0
    chunks = list(_chunks(args.first, args.seeds))
    with ProcessPoolExecutor(args.jobs) as pool:
        for number, texts in enumerate(pool.map(broken, *zip(*chunks, strict=True)), 1):
            found += len(texts)
            for text in texts:
                print(text)
            if sys.stderr.isatty():
                print(f"\r{number * CHUNK:,} histories, {found} violations", end="", file=sys.stderr)
    print(f"{args.seeds:,} histories from seed {args.first}: {found} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
