"""Where two records differ: field by field, and byte by byte in their canonical form."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec


class Difference(NamedTuple):
    """One field that two records do not agree on. Values are as JSON has them; None where a record has no such part."""

    field: str
    """Path, e.g. `ranked[3].priority`."""
    recorded: Any
    recomputed: Any


def differences(recorded: msgspec.Struct, recomputed: msgspec.Struct) -> list[Difference]:
    """The fields that differ, in the order of the contract. Numbers differ when their bits do."""
    return list(_walk("", msgspec.to_builtins(recorded), msgspec.to_builtins(recomputed)))


def _walk(path: str, was: Any, now: Any) -> Iterator[Difference]:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*was, *now]):
            yield from _walk(f"{path}.{name}" if path else name, was.get(name), now.get(name))
    elif isinstance(was, list | tuple) and isinstance(now, list | tuple) and len(was) == len(now):
        for index, pair in enumerate(zip(was, now, strict=True)):
            yield from _walk(f"{path}[{index}]", *pair)
    elif repr(was) != repr(now):  # -0.0 == 0.0 and 1 == 1.0, but their bytes differ
        yield Difference(path, was, now)


def mismatching_bytes(recorded: bytes, recomputed: bytes) -> int:
    """How many bytes differ, place by place; all that one has more than the other do."""
    longer = abs(len(recorded) - len(recomputed))
    return longer + sum(a != b for a, b in zip(recorded, recomputed, strict=False))
