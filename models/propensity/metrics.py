"""How well propensities fit what customers did."""

import numpy as np
from numpy.typing import NDArray

from models.propensity.artifact import Metrics

_BINS = 10
_LEAST = 1e-12
"""Propensities have twelve decimals: 0 stands for less than this."""


def measure(label: NDArray[np.bool_], propensity: NDArray[np.float64]) -> Metrics:
    """Metrics of propensities (n,) against responses (n,), rounded to six decimals; n > 0."""
    p = np.clip(propensity, _LEAST, 1 - _LEAST)
    loss = -np.log(np.where(label, p, 1 - p)).mean()
    auc = area_under_curve(label, propensity)
    return Metrics(
        responses=len(label),
        positives=int(label.sum()),
        rate=_rounded(label.mean()),
        predicted=_rounded(propensity.mean()),
        auc=None if auc is None else _rounded(auc),
        log_loss=_rounded(loss),
        brier=_rounded(np.square(propensity - label).mean()),
        calibration_error=_rounded(calibration_error(label, propensity)),
    )


def area_under_curve(label: NDArray[np.bool_], propensity: NDArray[np.float64]) -> float | None:
    """P(a positive has the larger propensity than a negative), ties half; None if all labels are alike."""
    positives = int(label.sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return None
    _, place, count = np.unique(propensity, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[label].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_bins(
    label: NDArray[np.bool_], propensity: NDArray[np.float64]
) -> list[tuple[int, float, float]]:
    """(responses, mean propensity, share of positives) of bins, lowest propensity first.

    Ten bins of equal size, except that equal propensities are never parted: then there are fewer.
    """
    order = np.argsort(propensity, kind="stable")
    ranked = propensity[order]
    ends = [-(-len(order) * tenth // _BINS) for tenth in range(1, _BINS + 1)]
    cuts = np.unique(np.searchsorted(ranked, ranked[np.array(ends) - 1], side="right"))
    bins = np.split(order, cuts[:-1])
    return [(rows.size, float(propensity[rows].mean()), float(label[rows].mean())) for rows in bins]


def calibration_error(label: NDArray[np.bool_], propensity: NDArray[np.float64]) -> float:
    """Expected calibration error: mean distance of propensity and rate over the bins, weighted by size."""
    bins = calibration_bins(label, propensity)
    return sum(size * abs(predicted - rate) for size, predicted, rate in bins) / len(label)


def _rounded(number: float) -> float:
    return round(float(number), 6)
