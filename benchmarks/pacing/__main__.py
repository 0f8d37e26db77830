"""The pacing of volume constraints against the best that could have been done.

python -m benchmarks.pacing [--days 5] [--per-day 1000] [--seeds 3]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.pacing.gradient import DualGradient
from benchmarks.pacing.optimum import optimum
from benchmarks.pacing.streams import STREAMS, Stream
from models.ledger.spots import Spot
from models.times import duration
from models.volumes.book import VolumeBook
from models.volumes.pacing import Pacer
from models.volumes.windows import Calendar, window_of

CONTROLLERS: dict[str, Callable[..., Any] | None] = {
    "first come": None,
    "gradient": DualGradient,
    "forecast": Pacer,
}


class Run(NamedTuple):
    """What one controller made of one stream."""

    value: float
    chosen: list[tuple[int, int]]
    """Request and action of each contact."""
    spent_s: float


def run(stream: Stream, controller: Callable[..., Any] | None) -> Run:
    """Decide each request in turn."""
    book = VolumeBook(stream.spec, "nothing", pacer=controller or Pacer)
    spots = [
        Spot(action.id, action.treatments[0].id, "email", "body", action.group, "i", "marketing", "bank", "")
        for action in stream.spec.actions
    ]
    chosen, spent = [], 0.0
    for number, at in enumerate(stream.times):
        bids = [(a, float(bid)) for a, bid in enumerate(stream.bids[number]) if not np.isnan(bid)]
        begun = time.perf_counter()
        quote = book.quote(at)
        book.seen(at, "email", "bank", bids)
        charges = quote.surcharges("email", "bank") if controller else None
        stopped = 0
        for _, bits in quote.exhausted("email", "bank"):
            stopped |= bits
        spent += time.perf_counter() - begun
        nets = [(bid - (charges[a] if charges else 0.0), -a) for a, bid in bids if not stopped >> a & 1]
        net, minus = max(nets, default=(-1.0, 0))
        if net < 0:
            continue
        chosen.append((number, -minus))
        begun = time.perf_counter()
        book.take(at, spots[-minus])
        spent += time.perf_counter() - begun
    return Run(float(sum(stream.bids[pair] for pair in chosen)), chosen, spent)


def breaches(stream: Stream, chosen: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Windows in which a maximum was exceeded, and in which a minimum was missed; counted from scratch."""
    exceeded = missed = 0
    for constraint in stream.spec.contact.volumes:
        scope = constraint.scope.groups
        times = [stream.times[n] for n, a in chosen if not scope or stream.spec.actions[a].group in scope]
        window = window_of(constraint, stream.spec.time_zone)
        if isinstance(window, Calendar):
            spans = {window.span(at) for at in stream.times}
            counts = [sum(span.begins <= at < span.ends for at in times) for span in spans]
        else:
            length = duration(constraint.per or "")
            counts = [sum(at - length < other <= at for other in times) for at in times]
        exceeded += sum(count > constraint.at_most for count in counts if constraint.at_most is not None)
        missed += sum(count < constraint.at_least for count in counts if constraint.at_least is not None)
    return exceeded, missed


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if any maximum was exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing")
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--per-day", type=float, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args(argv)
    worst = 0
    print(f"{'stream':12} {'controller':11} {'% of optimum':>12} {'exceeded':>9} {'missed':>7} {'us':>6}")
    for name, make in STREAMS.items():
        streams = [make(seed, days=args.days, per_day=args.per_day) for seed in range(args.seeds)]
        best = [optimum(stream) for stream in streams]
        for controller, pacer in CONTROLLERS.items():
            runs = [run(stream, pacer) for stream in streams]
            found = [breaches(stream, each.chosen) for stream, each in zip(streams, runs, strict=True)]
            share = 100 * float(np.mean([each.value / top for each, top in zip(runs, best, strict=True)]))
            exceeded, missed = (sum(column) for column in zip(*found, strict=True))
            per_decision = 1e6 * sum(each.spent_s for each in runs) / sum(len(s.times) for s in streams)
            worst += exceeded
            print(f"{name:12} {controller:11} {share:12.1f} {exceeded:9} {missed:7} {per_decision:6.1f}")
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
