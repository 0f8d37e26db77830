"""What the folds alone cost on decide-50, without a runner, and where: by package, as a sampling timer sees it.

python -m benchmarks.folding [--events 20000]
"""

import argparse
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.decide50.folds import FILES, decoder
from benchmarks.decide50.preparing import prepare
from models.decide import Event
from models.folds import Fold, fold_events
from models.plan.compiled import Plan
from schemas import Outcome, Signal

SAMPLE_S = 0.001


def events_by_customer(data: Path, plan: Plan) -> dict[str, list[Event]]:
    """The workload decoded, each customer's events in the order the grouped host would give them."""
    decode = decoder(plan).decode
    found: dict[str, list[Event]] = defaultdict(list)
    for name in FILES:
        for line in (data / name).read_bytes().splitlines():
            event = decode(line)
            if isinstance(event, Signal | Outcome):
                found[event.customer_id].append(event)
    order = plan.decide_fold().order
    return {customer: sorted(events, key=order) for customer, events in found.items()}


def fold_all(fold: Fold[Any, Event], customers: dict[str, list[Event]]) -> int:
    """Fold everything; how many records came out."""
    return sum(1 for events in customers.values() for _ in fold_events(fold, events))


@contextmanager
def sampled(places: Counter[str]) -> Iterator[None]:
    """Count, every millisecond of CPU, the innermost frame that is ours, by package or module."""

    def note(_: int, frame: FrameType | None) -> None:
        while frame is not None and not frame.f_globals.get("__name__", "").startswith("models."):
            frame = frame.f_back
        name = frame.f_globals["__name__"] if frame else "elsewhere"
        places[".".join(name.split(".")[:2])] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folding", description=__doc__)
    parser.add_argument(
        "--events", type=int, default=20_000, help="events to generate (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/folding"), help="work folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    data, _ = prepare(args.out.resolve(), args.events)
    plan = Plan.load(data / "plan")
    customers = events_by_customer(data, plan)
    total = sum(map(len, customers.values()))
    started = time.process_time()
    records = fold_all(plan.decide_fold(), customers)
    spent = time.process_time() - started
    print(f"{total:,} events, {records:,} outputs: {spent:.2f} CPU s, {spent / total * 1e6:.1f} us an event")
    places: Counter[str] = Counter()
    with sampled(places):
        fold_all(plan.decide_fold(), customers)
    for name, count in places.most_common():
        print(f"{count / places.total():>6.1%}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
