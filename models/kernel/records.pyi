"""Types of the compiled `records`."""

from collections.abc import Callable
from typing import Any

VERSION: int

class Writer:
    """What all decisions of a plan have in common."""

    def __init__(
        self,
        plan: tuple[Any, ...],
        contracts: tuple[type, type, type, type],
        reasons: tuple[Callable[..., Any] | None, Callable[..., Any] | None],
        helpers: tuple[Callable[..., Any], Callable[..., Any]],
    ) -> None: ...
    def decision(self, candidates: Any, allocation: Any, entry: Any) -> Any:
        """The record of one decision; None if its parts do not fit each other."""
