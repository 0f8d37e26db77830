"""What the rules of a decision cost: the 50 of decide-50 and those of its duty of care, and its context weights.

python -m benchmarks.steps.rules
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

from benchmarks.decide50.preparing import prepare
from benchmarks.steps.sample import sample
from models.engagement import ContextWeights, EngagementPolicy
from models.kernel import SWITCH
from models.plan.fields import feature_columns
from schemas import DecisionRequest

EVENTS, CUSTOMERS = 2_500, 300
REQUESTS, REPEATS, ROUNDS = 200, 10, 9

Form = Callable[[DecisionRequest], object]


def measure() -> dict[str, float]:
    """Microseconds of thread CPU a decision: medians of interleaved rounds.

    Raises:
      ValueError: Two forms do not agree.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = sample(prepare(Path(folder), EVENTS, CUSTOMERS)[0])
    spec, columns = found.plan.spec, feature_columns(found.plan.spec)
    with patch.dict(os.environ, {SWITCH: "0"}):
        plain = EngagementPolicy.of(spec, columns).apply
        weights = ContextWeights.of(spec, columns).apply
    forms: dict[str, Form] = {
        "50 rules, kernel": EngagementPolicy.of(spec, columns).apply,
        "50 rules, Python": plain,
        "context weights": weights,
    }
    if any(forms["50 rules, kernel"](request) != plain(request) for request in found.requests):
        raise ValueError("the kernel's answers are not Python's")
    requests = found.requests[:REQUESTS] * REPEATS
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(ROUNDS):
        for name, form in forms.items():
            times[name].append(_us(form, requests))
    return {name: statistics.median(passes) for name, passes in times.items()}


def _us(form: Form, requests: Sequence[DecisionRequest]) -> float:
    begun = time.thread_time_ns()
    for request in requests:
        form(request)
    return (time.thread_time_ns() - begun) / len(requests) / 1e3


if __name__ == "__main__":
    print(json.dumps({name: round(us, 2) for name, us in measure().items()}, indent=1))
