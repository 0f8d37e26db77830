"""Attack the folds with random histories: `python -m delivery --seeds 1000000`, tests on the path."""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from delivery.invariants import violations
from delivery.world import World

CHUNK = 500


def broken(first: int, last: int) -> list[str]:
    """What the histories of these seeds broke."""
    return [text for seed in range(first, last) for text in violations(World(seed).run())]


def found_broken(first: int, seeds: int, *, jobs: int, chunk: int = CHUNK) -> Iterator[tuple[int, list[str]]]:
    """Chunk by chunk of so many seeds from `first`: the seed after its last, and what its histories broke."""
    last = first + seeds
    starts = range(first, last, chunk)
    ends = [min(start + chunk, last) for start in starts]
    # Processes of their own making: forked ones would go on tracing for whoever measures coverage.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from zip(ends, pool.map(broken, starts, ends), strict=True)


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
