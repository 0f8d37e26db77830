from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION: int
MOST_WORDS: int
MOST_ITEMS: int

class Tables:
    def __init__(
        self,
        size: int,
        levels: int,
        words: int,
        start: NDArray[np.uint64],
        fields: Sequence[tuple[Any, ...]],
        rest: Callable[[Any], int] | None,
        zone: tzinfo | None,
        plain: Callable[[Any], Any],
    ) -> None: ...

class Chains(Tables):
    def __init__(
        self,
        runs: Sequence[Sequence[int]],
        chains: Sequence[Sequence[int]],
        numbers: Sequence[int],
        *tables: Any,
    ) -> None: ...
    def __call__(self, request: Any) -> tuple[int, ...]: ...

class Mask(Tables):
    def __init__(self, flipped: int, *tables: Any) -> None: ...
    def __call__(self, request: Any) -> int: ...
