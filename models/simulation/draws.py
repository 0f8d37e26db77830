"""Seeded randomness: every stream of draws is named, so that no draw depends on how many came before."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.random import PCG64, Generator

from models.times import SECOND, Micros

Item = TypeVar("Item")


def generator(seed: int, *names: object) -> Generator:
    """The stream of draws with this name; the same for the same seed and names, on every machine."""
    name = "\0".join([str(seed), *map(str, names)]).encode()
    return Generator(PCG64(int.from_bytes(blake2b(name, digest_size=16).digest(), "big")))


def chance(draws: Generator, probability: float) -> bool:
    """True with this probability. Always takes one draw."""
    return bool(draws.random() < probability)


def pick(draws: Generator, weights: Mapping[Item, float]) -> Item:
    """One of the items, in proportion to its weight (>= 0, not all 0)."""
    left = draws.random() * sum(weights.values())
    for item, weight in weights.items():
        left -= weight
        if left < 0:
            return item
    return next(item for item in reversed(list(weights)) if weights[item] > 0)


def lognormal(draws: Generator, median: float, spread: float) -> float:
    """A positive number around `median`; `spread` is the standard deviation of its logarithm."""
    return float(median * np.exp(spread * draws.standard_normal()))


def wait(draws: Generator, median_s: float, spread: float, *, at_most_s: float = 1e9) -> Micros:
    """A delay of at least a millisecond around `median_s` seconds."""
    return max(1_000, int(min(lognormal(draws, median_s, spread), at_most_s) * SECOND))
