from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

VERSION: int

def certain(payload: object) -> bool: ...

class Vocabulary:
    def __init__(
        self,
        contract: type,
        first: datetime,
        last: datetime,
        attributes: Mapping[str, tuple[Any, ...]],
        profile: Mapping[str, tuple[Any, ...]],
        names: tuple[frozenset[str], ...] | None,
        required: Collection[str],
        page_required: bool,
        quiet: str,
    ) -> None: ...
    def __call__(self, signal: Any) -> bool: ...
