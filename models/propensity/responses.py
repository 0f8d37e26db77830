"""What training learns from: offers that were shown, and whether the customer responded."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Strings = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Responses:
    """One row per offer with a final answer (n)."""

    columns: tuple[str, ...]
    """Names of the model's inputs (F)."""
    x: NDArray[np.float64]
    """Model inputs at the time of the decision (n, F)."""
    action: Strings
    label: NDArray[np.bool_]
    """True: positive; false: negative, silence included."""
    customer: NDArray[np.uint64]
    """Hash of the customer's id: rows of one customer belong together."""
    slices: Mapping[str, Strings] = field(default_factory=dict)
    """Groups to look at one by one, e.g. brand or age band; never model inputs."""

    def __post_init__(self) -> None:
        rows = {len(part) for part in (self.x, self.action, self.label, self.customer, *self.slices.values())}
        if len(rows) != 1 or self.x.shape[1:] != (len(self.columns),):
            raise ValueError(f"columns of unequal length {sorted(rows)}, or inputs of shape {self.x.shape}")
        if not np.isfinite(self.x).all():
            bad = self.columns[int(np.flatnonzero(~np.isfinite(self.x).all(axis=0))[0])]
            raise ValueError(
                f"feature {bad!r} is not a finite number in every row; give it a default in the plan"
            )

    def __len__(self) -> int:
        return len(self.label)

    def where(self, rows: NDArray[np.bool_]) -> "Responses":
        """The rows for which `rows` (n,) is true."""
        slices = {name: values[rows] for name, values in self.slices.items()}
        return Responses(
            self.columns, self.x[rows], self.action[rows], self.label[rows], self.customer[rows], slices
        )

    def actions(self) -> tuple[str, ...]:
        """The actions that were shown, by id."""
        return tuple(np.unique(self.action).tolist())

    def digest(self) -> str:
        """SHA-256 of everything that training reads, as hex."""
        total = hashlib.sha256("\0".join(self.columns).encode())
        for part in (self.x, self.label, self.customer):
            total.update(np.ascontiguousarray(part).tobytes())
        total.update("\0".join(self.action.tolist()).encode())
        return total.hexdigest()


def hash_customer(customer_id: str) -> int:
    """64 bits that stand for a customer in training data."""
    return int.from_bytes(hashlib.blake2b(customer_id.encode(), digest_size=8).digest(), "big")


def held_out(customer: NDArray[np.uint64], *, share: float, seed: int) -> NDArray[np.bool_]:
    """Which rows (n,) to keep from training: all of a customer or none, about `share` of the customers.

    It depends on customer and seed alone, so that a customer stays on one side when data is added.
    """
    mixed = customer + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # SplitMix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed < np.uint64(int(share * 2**63) * 2)
