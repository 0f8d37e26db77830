"""What the exact probability of an offer costs: CPU per slot, by the number of contenders, alone and in batches.

    python -m benchmarks.probability [--slots 128] [--rounds 3]

Contenders are as catalogues have them: some dozens to thousands of responses, propensities of some per cent, values
that differ by orders of magnitude. Beside it: how far Monte Carlo with as many draws as `--draws` says is from it. The
last line is of the slots that the shipped bank fills, `contenders` their median.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.exploration.probability import (
    Contender,
    all_win_probabilities,
    left_to_chance,
    slot_contenders,
    win_probabilities,
)
from models.folds import advance
from models.plan.compiled import Plan
from models.simulation.living import LivingConfig, signals
from pipelines.locate import find_plan
from schemas import Decision

SIZES = (2, 5, 20, 50, 200)
BATCHES = (4, 16, 64)
BEGINS = 1_772_445_600_000_000
"""2 March 2026, 10:00 UTC."""


def slot(draws: Generator, size: int) -> list[Contender]:
    """The contenders of one slot."""
    propensities = np.exp(draws.uniform(np.log(0.003), np.log(0.3), size))
    evidence = np.exp(draws.uniform(np.log(20), np.log(5_000), size))
    values = draws.lognormal(3, 0.8, size)
    return [
        Contender.of(float(p * v), float(p), float(e))
        for p, v, e in zip(propensities, values, evidence, strict=True)
    ]


def bank_slots(count: int) -> list[list[Contender]]:
    """The contenders of the first slots that the shipped bank fills."""
    plan = Plan.load(find_plan("uk_bank"))
    fold = plan.decide_fold()
    states: dict[str, Any] = {}
    found: list[list[Contender]] = []
    for _, signal in signals(LivingConfig(customers=300), plan.spec, BEGINS):
        state = states.get(signal.customer_id, fold.initial())
        states[signal.customer_id], outputs = advance(fold, state, signal)
        for made in outputs:
            if isinstance(made, Decision):
                found += [slot_contenders(each, made.ranked) for each in made.offers if left_to_chance(each)]
        if len(found) >= count:
            break
    return found[:count]


def by_chance(draws: Generator, contenders: Sequence[Contender], times: int) -> NDArray[np.float64]:
    """How often each contender wins, if so often is drawn (n,); no price must leave nothing of a bid."""
    bids = np.column_stack(
        [
            each.gain * (draws.beta(each.wins, each.losses, times) if each.drawn else np.ones(times))
            - each.price
            for each in contenders
        ]
    )
    won: NDArray[np.float64] = np.bincount(bids.argmax(axis=1), minlength=len(contenders)) / times
    return won


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.probability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slots", type=int, default=128, help="slots of each size (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="the fastest counts (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=200_000, help="of Monte Carlo (default: %(default)s)")
    args = parser.parse_args(argv)
    batches = " | ".join(f"ms each of {size}" for size in BATCHES)
    print(
        f"| contenders | ms p50 | ms p99 | {batches} | Monte Carlo: largest difference | its noise (4 sigma) |"
    )
    print("| ---: " * (5 + len(BATCHES)) + "|")
    for size in SIZES:
        draws = np.random.default_rng(size)
        slots = [slot(draws, size) for _ in range(args.slots)]
        print(_row(str(size), slots, args.rounds, draws, args.draws))
    slots = bank_slots(args.slots)
    median = statistics.median(len(each) for each in slots)
    print(_row(f"bank: {median:g}", slots, args.rounds, np.random.default_rng(1), args.draws))
    return 0


def _row(name: str, slots: Sequence[Sequence[Contender]], rounds: int, draws: Generator, times: int) -> str:
    all_win_probabilities(slots[:2])
    took = sorted(min(_seconds([each]) for _ in range(rounds)) * 1e3 for each in slots)
    together = [_together(slots, size, rounds) for size in BATCHES]
    apart = max(
        float(np.abs(win_probabilities(each) - by_chance(draws, each, times)).max()) for each in slots[:10]
    )
    p50, p99 = statistics.median(took), took[len(took) * 99 // 100]
    shown = " | ".join(f"{each:.2f}" for each in (p50, p99, *together))
    return f"| {name} | {shown} | {apart:.1e} | {4 * 0.5 / times**0.5:.1e} |"


def _together(slots: Sequence[Sequence[Contender]], size: int, rounds: int) -> float:
    """Milliseconds per slot, so many computed at once."""
    batches = [slots[start : start + size] for start in range(0, len(slots), size)]
    return min(sum(map(_seconds, batches)) for _ in range(rounds)) / len(slots) * 1e3


def _seconds(slots: Sequence[Sequence[Contender]]) -> float:
    started = time.thread_time()
    all_win_probabilities(slots)
    return time.thread_time() - started


if __name__ == "__main__":
    sys.exit(main())
