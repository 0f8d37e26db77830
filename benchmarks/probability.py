"""What the exact probability of an offer costs: CPU per slot, by the number of contenders.

    python -m benchmarks.probability [--slots 100] [--rounds 3]

Contenders are as catalogues have them: some dozens to thousands of responses, propensities of some per cent, values
that differ by orders of magnitude. Beside it: how far Monte Carlo with as many draws as `--draws` says is from it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.exploration.probability import Contender, win_probabilities

SIZES = (5, 20, 50, 200)


def slot(draws: Generator, size: int) -> list[Contender]:
    """The contenders of one slot."""
    propensities = np.exp(draws.uniform(np.log(0.003), np.log(0.3), size))
    evidence = np.exp(draws.uniform(np.log(20), np.log(5_000), size))
    values = draws.lognormal(3, 0.8, size)
    return [
        Contender.of(float(p * v), float(p), float(e))
        for p, v, e in zip(propensities, values, evidence, strict=True)
    ]


def by_chance(draws: Generator, contenders: Sequence[Contender], times: int) -> NDArray[np.float64]:
    """How often each contender wins, if so often is drawn (n,)."""
    bids = np.column_stack([each.gain * draws.beta(each.wins, each.losses, times) for each in contenders])
    won: NDArray[np.float64] = np.bincount(bids.argmax(axis=1), minlength=len(contenders)) / times
    return won


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.probability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slots", type=int, default=100, help="slots of each size (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the fastest counts (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=200_000, help="of Monte Carlo (default: %(default)s)")
    args = parser.parse_args(argv)
    print("| contenders | ms p50 | ms p99 | Monte Carlo: largest difference | its own noise (4 sigma) |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for size in SIZES:
        draws = np.random.default_rng(size)
        slots = [slot(draws, size) for _ in range(args.slots)]
        win_probabilities(slots[0])
        took = sorted(min(_seconds(each) for _ in range(args.rounds)) * 1e3 for each in slots)
        apart = max(
            float(np.abs(win_probabilities(each) - by_chance(draws, each, args.draws)).max())
            for each in slots[:10]
        )
        noise = 4 * 0.5 / args.draws**0.5
        p99 = took[len(took) * 99 // 100]
        print(f"| {size} | {statistics.median(took):.2f} | {p99:.2f} | {apart:.1e} | {noise:.1e} |")
    return 0


def _seconds(contenders: Sequence[Contender]) -> float:
    started = time.thread_time()
    win_probabilities(contenders)
    return time.thread_time() - started


if __name__ == "__main__":
    sys.exit(main())
