from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION: int

class Forest:
    def __init__(
        self,
        features: int,
        splits: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint64], NDArray[np.int64]],
        cases: tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]],
        leaf: NDArray[np.float64],
        levels: NDArray[np.float64],
        terms: NDArray[np.int64],
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def log_odds(self, x: NDArray[np.float64], total: NDArray[np.float64]) -> None: ...
    def credits(
        self,
        x: NDArray[np.float64],
        cases: NDArray[np.int64],
        columns: NDArray[np.int64],
        changes: NDArray[np.float64],
        credit: NDArray[np.float64],
    ) -> None: ...
