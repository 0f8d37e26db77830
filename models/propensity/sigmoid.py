"""From log-odds to propensities, in a form that does not depend on the machine."""

import numpy as np
from numpy.typing import NDArray

_SCALE = 1e12
_LOWEST = -700.0
"""exp(700) is still a number; the propensity is 0 in all twelve decimals long before."""


def propensities(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sigmoid of `log_odds`, in [0, 1], rounded to 12 decimals.

    Sums may differ in their last bits between machines and libraries; twelve decimals are what they agree on.
    """
    exact = 1.0 / (1.0 + np.exp(-np.maximum(log_odds, _LOWEST)))
    rounded: NDArray[np.float64] = np.rint(exact * _SCALE) / _SCALE
    return rounded


def logit(propensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of propensities in (0, 1)."""
    odds: NDArray[np.float64] = np.log(propensity) - np.log1p(-propensity)
    return odds
