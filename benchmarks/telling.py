"""What it costs that a decision is measured and its steps are discreet: `python -m benchmarks.telling`."""

import time
import timeit
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from apache_beam.utils.timestamp import Timestamp

from models.observability.ladders import CONTEXT_AGE, DECISION_COMPUTE, DECISION_LATENCY
from models.times import micros
from transforms.discreet import discreet
from transforms.metrics import Rungs

_TIMES, _RUNS = 5_000, 60


def main() -> None:
    """Print the cost of each part, best of several runs."""
    rungs = [Rungs(ladder) for ladder in (DECISION_LATENCY, CONTEXT_AGE, DECISION_COMPUTE)]
    latency, age, compute = rungs
    published, last_at = Timestamp.now(), datetime.now(UTC)

    def decision() -> None:
        """As the keyed step and the seal do."""
        began_s = time.perf_counter()
        compute.add((time.perf_counter() - began_s) * 1e3)
        now_s = time.time()
        latency.add((now_s - published.micros / 1e6) * 1e3)
        age.add(now_s - micros(last_at) / 1e6)

    def bundle() -> None:
        for each in rungs:
            each.start()
        decision()
        for each in rungs:
            each.count()

    print(f"three ladders, a decision: {_cost_us(decision):.2f} us")
    print(f"three ladders, a bundle of one decision: {_cost_us(bundle):.1f} us")
    bare, wrapped = _cost_us(lambda: list(_step())), _cost_us(lambda: list(_discreet_step()))
    print(f"a discreet step, an element: {wrapped - bare:.2f} us")


def _step() -> Iterator[int]:
    yield 1


_discreet_step = discreet(_step)


def _cost_us(what: Callable[[], object]) -> float:
    return min(timeit.repeat(what, number=_TIMES, repeat=_RUNS)) / _TIMES * 1e6


if __name__ == "__main__":
    main()
