"""Seeded streams of requests, and the constraints they meet."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.plan.spec import PlanSpec
from models.times import DAY, Micros

START: Micros = 1_790_035_200_000_000
"""A Tuesday, midnight UTC."""

Floats = NDArray[np.float64]


class Stream(NamedTuple):
    """One slot per request, in the only channel there is.

    Attributes:
      times: (N,) ascending.
      bids: (N, A) in plan currency; nan where the action is no candidate.
    """

    spec: PlanSpec
    times: list[Micros]
    bids: Floats


def bank(volumes: list[dict[str, Any]], *, actions: int = 2) -> PlanSpec:
    """A plan with an outbound channel and some actions in groups of their own: g0, g1, ..."""
    return msgspec.convert(
        {
            "plan": "nextbeam/1",
            "name": "pacing",
            "brands": ["bank"],
            "channels": {"email": {"direction": "outbound"}},
            "vocabulary": {"signal_types": ["view"]},
            "placements": {"body": {"channel": "email"}},
            "issues": {"i": {}},
            "groups": {f"g{number}": {"issue": "i"} for number in range(actions)},
            "actions": [
                {
                    "id": f"a{number}",
                    "group": f"g{number}",
                    "value": 100,
                    "treatments": [{"id": f"t{number}", "placements": ["body"]}],
                }
                for number in range(actions)
            ],
            "contact": {"volumes": volumes},
        },
        PlanSpec,
    )


def _times(rng: np.random.Generator, per_day: Callable[[int], Floats], days: int) -> list[Micros]:
    """Arrivals of each day: `per_day` gives the expected number in each quarter of an hour."""
    found: list[int] = []
    for day in range(days):
        expected = per_day(day)
        width = DAY // len(expected)
        for number, count in enumerate(rng.poisson(expected)):
            found += (START + day * DAY + number * width + rng.integers(0, width, count)).tolist()
    return sorted(found)


def _bids(rng: np.random.Generator, count: int, *, actions: int = 2, candidates: float = 0.7) -> Floats:
    """Log-normal, each customer with a level of their own, as propensities times values are."""
    level = rng.normal(0.0, 0.7, (count, 1))
    bids: Floats = np.exp(level + rng.normal(-0.5, 0.8, (count, actions)))
    bids[rng.random((count, actions)) > candidates] = np.nan
    return bids


def _shape(rng: np.random.Generator, total: float, *, noise: float = 0.0) -> Callable[[int], Floats]:
    """Quiet nights, a peak at noon and one in the evening; days differ by `noise`."""
    hours = (np.arange(96) + 0.5) / 4
    curve = 0.05 + np.exp(-(((hours - 12) / 2.5) ** 2)) + 1.3 * np.exp(-(((hours - 20) / 1.8) ** 2))
    curve *= total / curve.sum()
    return lambda _: curve * float(np.exp(rng.normal(0.0, noise)))


def _bursts(rng: np.random.Generator, total: float) -> Callable[[int], Floats]:
    """A daily shape, and twice a day, at any time, a quarter of an hour with as many as in a fifth of a day."""
    base = _shape(rng, total * 0.6)

    def expected(day: int) -> Floats:
        found = base(day)
        found[rng.choice(96, 2, replace=False)] += total * 0.2
        return found

    return expected


def stationary(seed: int, *, days: int, per_day: float) -> Stream:
    """The same at any hour; capacity for a tenth."""
    rng = np.random.default_rng(seed)
    times = _times(rng, lambda _: np.full(96, per_day / 96), days)
    spec = bank([{"id": "mails", "at_most": int(per_day / 10), "calendar": "day"}])
    return Stream(spec, times, _bids(rng, len(times)))


def daily(seed: int, *, days: int, per_day: float) -> Stream:
    """A daily shape, days that differ; capacity for a tenth."""
    rng = np.random.default_rng(seed)
    times = _times(rng, _shape(rng, per_day, noise=0.2), days)
    spec = bank([{"id": "mails", "at_most": int(per_day / 10), "calendar": "day"}])
    return Stream(spec, times, _bids(rng, len(times)))


def bursts(seed: int, *, days: int, per_day: float) -> Stream:
    """Two fifths of the demand come in two quarters of an hour that nobody can foresee."""
    rng = np.random.default_rng(seed)
    times = _times(rng, _bursts(rng, per_day), days)
    spec = bank([{"id": "mails", "at_most": int(per_day / 10), "calendar": "day"}])
    return Stream(spec, times, _bids(rng, len(times)))


def rolling(seed: int, *, days: int, per_day: float) -> Stream:
    """A daily shape, and a rolling window: capacity for a tenth in any 24 hours."""
    rng = np.random.default_rng(seed)
    times = _times(rng, _shape(rng, per_day), days)
    spec = bank([{"id": "mails", "at_most": int(per_day / 10), "per": "1d"}])
    return Stream(spec, times, _bids(rng, len(times)))


def overlapping(seed: int, *, days: int, per_day: float) -> Stream:
    """Mails of two kinds; one asks to call, and seats in the call centre are scarcer than mails."""
    rng = np.random.default_rng(seed)
    times = _times(rng, _shape(rng, per_day, noise=0.1), days)
    spec = bank(
        [
            {"id": "mails", "at_most": int(per_day / 5), "calendar": "day"},
            {"id": "seats", "at_most": int(per_day / 25), "calendar": "day", "scope": {"groups": ["g0"]}},
        ]
    )
    bids = _bids(rng, len(times))
    bids[:, 0] *= 2.0
    return Stream(spec, times, bids)


def minimum(seed: int, *, days: int, per_day: float) -> Stream:
    """Mails for a fifth; of those that earn a fifth of the others, at least so many that they would not win."""
    rng = np.random.default_rng(seed)
    times = _times(rng, _shape(rng, per_day, noise=0.1), days)
    spec = bank(
        [
            {"id": "mails", "at_most": int(per_day / 5), "calendar": "day"},
            {"id": "care", "at_least": int(per_day / 20), "calendar": "day", "scope": {"groups": ["g1"]}},
        ]
    )
    bids = _bids(rng, len(times))
    bids[:, 1] *= 0.2
    return Stream(spec, times, bids)


STREAMS: dict[str, Callable[..., Stream]] = {
    "stationary": stationary,
    "daily": daily,
    "bursts": bursts,
    "rolling": rolling,
    "overlapping": overlapping,
    "minimum": minimum,
}
