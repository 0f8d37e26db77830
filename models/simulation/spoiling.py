"""Lines that nobody can read, each made from a good one, with the reason a strict reader gives."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from numpy.random import Generator

from schemas import Reason

Record = dict[str, Any]
"""An event as a JSON object."""


def spoil(record: Record, draws: Generator) -> tuple[Reason, bytes]:
    """An unreadable line made from a good record, and why it cannot be read. The record is not changed."""
    reason, broken = _KINDS[int(draws.integers(len(_KINDS)))]
    return reason, broken(record)


def _line(record: Record, **changes: object) -> bytes:
    return msgspec.json.encode(record | changes)


def _traced(record: Record, trace: bytes) -> bytes:
    """With a trace whose JSON is these bytes; the trace is a field of both contracts that rules never read."""
    return _line(record, trace="?").replace(b'"trace":"?"', b'"trace":' + trace)


def _identity(record: Record) -> str:
    return "signal_id" if "signal_id" in record else "outcome_id"


def _truncated(record: Record) -> bytes:
    line = _line(record)
    return line[: len(line) * 2 // 3]


def _without_customer(record: Record) -> bytes:
    return msgspec.json.encode({name: value for name, value in record.items() if name != "customer_id"})


def _of_unknown_kind(record: Record) -> bytes:
    return _line(record, **{"type" if "type" in record else "kind": "Teleported"})


def _nested(record: Record) -> bytes:
    return _traced(record, b"[" * 500 + b"]" * 500)


def _with_number(record: Record, number: bytes) -> bytes:
    return _line(record, attributes={"sentiment": "?"}).replace(b'"?"', number)


def _with_nan(record: Record) -> bytes:
    return _with_number(record, b"NaN")


def _with_key_twice(record: Record) -> bytes:
    return _line(record)[:-1] + b',"%s":"again"}' % _identity(record).encode()


Spoiler = tuple[Reason, Callable[[Record], bytes]]

SPOILERS: Mapping[str, Spoiler] = MappingProxyType(
    {
        "truncated": (Reason.MALFORMED_JSON, _truncated),
        "not a number": (Reason.MALFORMED_JSON, _with_nan),
        "beyond a double": (Reason.BAD_NUMBER, lambda record: _with_number(record, b"1e999")),
        "wrong type": (Reason.WRONG_TYPE, lambda record: _line(record, customer_id=[1, 2])),
        "unknown kind": (Reason.UNKNOWN_VALUE, _of_unknown_kind),
        "missing field": (Reason.MISSING_FIELD, _without_customer),
        "too large": (Reason.TOO_LARGE, lambda record: _line(record, trace="x" * 70_000)),
        "no such day": (Reason.BAD_TIME, lambda record: _line(record, occurred_at="2026-02-30T25:61:00Z")),
        "bad encoding": (Reason.NOT_UTF8, lambda record: _traced(record, b'"\xff\xfe"')),
        "byte order mark": (Reason.BYTE_ORDER_MARK, lambda record: b"\xef\xbb\xbf" + _line(record)),
        "a list": (Reason.NOT_AN_OBJECT, lambda record: msgspec.json.encode(list(record))),
        "key twice": (Reason.DUPLICATE_KEY, _with_key_twice),
        "empty id": (Reason.OUT_OF_RANGE, lambda record: _line(record, **{_identity(record): ""})),
        "nested": (Reason.TOO_DEEP, _nested),
        "half a character": (Reason.BAD_TEXT, lambda record: _traced(record, b'"\\ud800"')),
    }
)
"""How a line is broken, with the reason it cannot be read and what breaks it."""

_KINDS = tuple(SPOILERS.values())
