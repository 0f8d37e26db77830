"""Random numbers without a stream: each is a hash of the seed, of what it is for, and of the number of the thing.

So a customer is the same person however many there are, and an event the same whatever was drawn before it: nothing is
held to be looked up later, and files of any length need the same memory.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


class Draws:
    """All draws under one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, what: str, numbers: Ints) -> Floats:
        """One value in [0, 1) for each number (int64[n] -> float64[n])."""
        salt = np.array(zlib.crc32(f"{self._seed}/{what}".encode()), np.uint64)
        bits = _mixed(_mixed(salt + _STEP) ^ _mixed(numbers.astype(np.uint64) * _STEP + _STEP))
        values: Floats = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return values

    def below(self, what: str, numbers: Ints, most: int) -> Ints:
        """Integers from 0 to most - 1, each as likely."""
        return (self.uniform(what, numbers) * most).astype(np.int64)

    def weighted(self, what: str, numbers: Ints, weights: Sequence[float]) -> Ints:
        """Indexes of `weights`, each with its share."""
        upto = np.cumsum(weights) / np.sum(weights)
        found: Ints = np.searchsorted(upto, self.uniform(what, numbers), "right")
        found[found == len(weights)] -= 1  # the sum may round to just below one
        return found

    def generator(self, what: str, number: int = 0) -> np.random.Generator:
        """A stream of its own, for the few things that need many draws of many kinds."""
        return np.random.default_rng([self._seed, zlib.crc32(what.encode()), number])


def _mixed(bits: Any) -> Any:
    """Each 64-bit word with its bits spread over the whole (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        for shift, factor in _MIX:
            bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))
