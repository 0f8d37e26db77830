"""Bytes to one JSON object, strictly: a fast reader that knows when it cannot be sure, and an exact examiner.

What is refused, anywhere in the text: other encodings than UTF-8, a byte order mark, more nesting than `MAX_DEPTH`,
whatever RFC 8259 does not allow (NaN and unescaped control characters included), the same key twice in one object,
NUL and half surrogate pairs in text (nothing downstream can keep them), and numbers that no double can hold.
Everything else is kept exactly: other escaped control characters, non-characters and any form of Unicode are text.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from models.decoding.rejection import ROOT, Rejection, kind_of, refuse, step
from schemas import Reason

MAX_DEPTH = 32

_WHITESPACE = b" \t\r\n"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_parse = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def read_object(payload: bytes) -> dict[str, Any] | Rejection:
    """The object that `payload` is."""
    could_be_too_deep = payload.count(b"{") + payload.count(b"[") > MAX_DEPTH
    if could_be_too_deep and (fault := examine(payload)):
        return fault
    try:
        tree = _parse(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return examine(payload) or refuse(Reason.MALFORMED_JSON, ROOT, "not JSON")
    if _is_sure(payload, tree):
        return tree  # type: ignore[no-any-return]
    return examine(payload) or tree


def _is_sure(payload: bytes, tree: Any) -> bool:
    """Whether the tree certainly holds all that the payload says, and only text that can be kept.

    Every member of an object has a closing quote and a colon, with nothing but whitespace between them. So there are
    at most as many members as `":` in the text, and if the tree has that many keys, none of them was given twice.
    """
    if tree.__class__ is not dict or (b"\\" in payload and b"\\u0000" in payload):
        return False
    compact = payload.translate(None, _WHITESPACE)
    most = compact.count(b'":')
    if most == _keys_at_least(tree):
        return True
    if b"\\\\" not in payload:  # then \" never ends a text, and \": is no member
        most -= compact.count(b'\\":')
    return most == _keys(tree)


def _keys_at_least(tree: dict[str, Any]) -> int:
    """`_keys`, without looking for objects where contracts have none."""
    count = len(tree)
    for name in ("attributes", "profile"):
        value = tree.get(name)
        if value.__class__ is dict:
            count += len(value)
    return count


def _keys(tree: dict[str, Any]) -> int:
    """How many keys all objects in `tree` have."""
    count = len(tree)
    for value in tree.values():
        if value.__class__ is dict:
            count += _keys(value)
        elif value.__class__ is list:
            count += sum(map(_keys, _objects(value)))
    return count


def _objects(array: list[Any]) -> Iterator[dict[str, Any]]:
    """The outermost objects in an array of arrays."""
    for value in array:
        if value.__class__ is dict:
            yield value
        elif value.__class__ is list:
            yield from _objects(value)


def examine(payload: bytes) -> Rejection | None:
    """What is wrong with a payload as JSON, exactly; None if it is one good object. About ten times slower."""
    if payload.startswith(b"\xef\xbb\xbf"):
        return refuse(Reason.BYTE_ORDER_MARK, ROOT, "starts with a byte order mark; send UTF-8 without it")
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return refuse(Reason.NOT_UTF8, ROOT, f"not UTF-8 at byte {error.start}")
    if _depth(payload) > MAX_DEPTH:
        return refuse(Reason.TOO_DEEP, ROOT, f"nested deeper than {MAX_DEPTH}")
    return _examine_text(text)


def _examine_text(text: str) -> Rejection | None:
    try:
        tree = _examiner.decode(text)
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode())
        return refuse(Reason.MALFORMED_JSON, ROOT, f"{_expected(error.msg)} at byte {at}")
    if fault := next(_faults(tree, ROOT), None):
        return fault
    if not isinstance(tree, _Members):
        return refuse(Reason.NOT_AN_OBJECT, ROOT, f"expected an object, got {kind_of(tree)}")
    return None


def _depth(payload: bytes) -> int:
    """How deep brackets nest outside of strings, without recursion."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", payload)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def text_fault(fields: dict[str, Any]) -> Rejection | None:
    """The text in a reshaped row that cannot be kept; it may come out of JSON inside of text, never examined."""
    try:
        if b"\\u0000" not in _encode(fields):
            return None
    except UnicodeEncodeError:
        pass
    except TypeError:  # a type that JSON does not know, which no contract will take either
        return None
    return next((fault for fault in _faults(fields, ROOT) if fault.reason is Reason.BAD_TEXT), None)


class _Members(list[tuple[str, Any]]):
    """An object as it was written: all its members, in order."""


class _Constant:
    """NaN or Infinity."""


def _number(digits: str) -> float | int:
    """A number of the text; infinite if it is too large for a double."""
    try:
        return int(digits)
    except ValueError:  # not whole, or more digits than Python agrees to read
        return float(digits)


_examiner = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=_number, parse_float=float, parse_constant=lambda _: _Constant()
)


def _faults(value: Any, path: str) -> Iterator[Rejection]:
    """What is wrong inside of `value`, in reading order."""
    match value:
        case _Members():
            yield from _member_faults(value, path)
        case dict():
            yield from _member_faults(value.items(), path)
        case list() | tuple():
            yield from chain.from_iterable(_faults(item, f"{path}[{i}]") for i, item in enumerate(value))
        case _Constant():
            yield refuse(Reason.MALFORMED_JSON, path, "NaN and Infinity are not JSON")
        case str() | int() | float():
            yield from scalar_faults(value, path)


def _member_faults(members: Iterable[tuple[str, Any]], path: str) -> Iterator[Rejection]:
    seen: set[str] = set()
    for position, (key, value) in enumerate(members):
        at = step(path, key, position)
        if key in seen:
            yield refuse(Reason.DUPLICATE_KEY, at, "key given twice")
        seen.add(key)
        yield from scalar_faults(key, at)
        yield from _faults(value, at)


def scalar_faults(value: Any, path: str) -> Iterator[Rejection]:
    """Why a scalar cannot be kept as it is."""
    if value.__class__ is str and (found := _NOT_TEXT.search(value)):
        rule = "holds NUL" if found[0] == "\0" else "holds half a surrogate pair"
        yield refuse(Reason.BAD_TEXT, path, rule)
    elif value.__class__ is float and not -_INFINITY < value < _INFINITY:
        yield refuse(Reason.BAD_NUMBER, path, "beyond what a double can hold")


_INFINITY = float("inf")

_EXPECTATIONS: Iterable[tuple[str, str]] = (
    ("Expecting value", "expected a value"),
    ("Expecting property name", "expected a key in double quotes"),
    ("Expecting ':'", "expected a colon"),
    ("Expecting ','", "expected a comma or the end of an object or array"),
    ("Extra data", "expected nothing more"),
    ("Unterminated string", "text without an end"),
    ("Invalid control character", "unescaped control character"),
    ("Invalid \\", "unknown escape"),
)


def _expected(message: str) -> str:
    """Our words for a parser's, which differ between Python versions."""
    return next((ours for theirs, ours in _EXPECTATIONS if message.startswith(theirs)), "not JSON")
