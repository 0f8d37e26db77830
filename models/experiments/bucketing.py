"""Deterministic bucketing by GrowthBook's public rules, so that its users can recompute who was in which arm.

A value (a customer id) hashes to a number in [0, 1); an experiment cuts that line into ranges. Overrides by query
string, which GrowthBook also has, are left out: a customer does not choose an arm.
"""

import struct
from collections.abc import Sequence

Range = tuple[float, float]
"""[start, end) of the line from 0 to 1."""

V1_BUCKETS = 1_000
V2_BUCKETS = 10_000

_BASIS, _PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_SLACK = 0.01
"""Weights whose sum is further from 1 than this are not meant."""


def fnv1a32(text: str) -> int:
    """The 32-bit FNV-1a hash, one step per UTF-16 code unit, as JavaScript counts characters."""
    data = text.encode("utf-16-le", "surrogatepass")
    state = _BASIS
    for unit in struct.unpack(f"<{len(data) // 2}H", data):
        state = ((state ^ unit) * _PRIME) & _MASK
    return state


def bucket_hash(seed: str, value: str, version: int = 2) -> float | None:
    """Where `value` lies on the line [0, 1), in steps of 1/1,000 (version 1) or 1/10,000 (version 2).

    Version 1 joins value and seed, so that neighbouring experiments are not quite independent; version 2 hashes
    twice. None: no such version.
    """
    if version == 2:
        return (fnv1a32(str(fnv1a32(seed + value))) % V2_BUCKETS) / V2_BUCKETS
    if version == 1:
        return (fnv1a32(value + seed) % V1_BUCKETS) / V1_BUCKETS
    return None


def equal_weights(variations: int) -> list[float]:
    """The same share for each; none for none."""
    return [1.0 / variations] * variations if variations > 0 else []


def bucket_ranges(
    variations: int, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> list[Range]:
    """The range of each variation: it starts where the weights before it end, and is cut down to the coverage.

    Args:
      variations: How many.
      coverage: Share of each range that takes part; below 0 counts as 0, above 1 as 1.
      weights: Their shares. None, the wrong number of them, or a sum that is not about 1: equal ones.
    """
    covered = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != variations or abs(sum(weights) - 1.0) > _SLACK:
        weights = equal_weights(variations)
    ranges, start = [], 0.0
    for weight in weights:
        ranges.append((start, start + covered * weight))
        start += weight
    return ranges


def choose_variation(position: float, ranges: Sequence[Range]) -> int:
    """Index of the first range that holds the position; -1 if none does."""
    return next((index for index, (start, end) in enumerate(ranges) if start <= position < end), -1)


def in_namespace(value: str, namespace: tuple[str, float, float]) -> bool:
    """Whether `value` lies in the part [start, end) of a namespace (name, start, end)."""
    name, start, end = namespace
    position = bucket_hash("__" + name, value, 1)
    return position is not None and start <= position < end
