"""Why something was refused, and where: a stable code, and a text that never holds a value."""

import re
from typing import Any, NamedTuple

from schemas import Reason

_FIELD_NAME = re.compile(r"(?!.*\d{3})[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)

ROOT = "$"


class Rejection(NamedTuple):
    """A refused input."""

    reason: Reason
    detail: str
    """JSON path and rule, e.g. `$.attributes.dwell_ms: expected a whole number, got text`; never a value."""


def refuse(reason: Reason, path: str, rule: str) -> Rejection:
    """The rejection that says which rule was broken at which path."""
    return Rejection(reason, f"{path}: {rule}")


def step(path: str, key: str, position: int) -> str:
    """The path of a member. A key that does not look like a field name may be personal: its position stands for it."""
    return f"{path}.{key}" if _FIELD_NAME.fullmatch(key) else f"{path}.[key {position + 1}]"


def kind_of(value: Any) -> str:
    """What JSON calls a value, with its article."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "something else")


def kind_but_whole(value: Any) -> str:
    """`kind_of`, where a whole number was expected."""
    return "one with a fraction or exponent" if isinstance(value, float) else kind_of(value)


_KINDS: tuple[tuple[Any, str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "text"),
    (dict, "an object"),
    (list | tuple, "an array"),
)
