"""Structure of a plan: every value checked against `models.plan.spec`, every fault found, not just the first."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from models.plan.findings import Finding, Mark
from models.plan.merging import kind
from models.plan.wording import listing, meant, nearest
from models.plan.yaml_nodes import Node
from models.times import DURATION

_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
_EXPECTED = re.compile(r"Expected `(?:str|int|float|bool|array|object)`, got `\w+`")
_RANGE = re.compile(r"Expected `(\w+)` (.+)")

PATTERNS = {
    f"^{DURATION}$": "write a whole number and a unit, e.g. 30m or 7d (ms, s, m, h, d, w); 99999d at most",
    r"^[a-z0-9][a-z0-9_.-]{0,79}$": "use at most 80 lower-case letters, digits, `-`, `_` and `.`, e.g. no-loan",
    r"^[a-z][a-z0-9_]{0,59}$": "use at most 60 lower-case letters, digits and `_`, letter first, e.g. views_7d",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$": "use at most 80 letters, digits, `-`, `_` and `.`, e.g. personal-loan",
    r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$": "write a date, or date and time, e.g. 2026-12-01 or 2026-12-01T09:00",
    r"^([01]\d|2[0-3]):[0-5]\d$": 'write hours and minutes in quotes, e.g. "21:00"',
}
"""What to write instead of a text that does not fit a pattern of the spec."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the plan: where it stands, what the plan calls it, and its node if the plan says it at all."""

    mark: Mark
    path: str
    node: Node | None

    @classmethod
    def root(cls, node: Node) -> "Place":
        """The whole plan."""
        return cls(node.mark, "", node)

    def __truediv__(self, key: str | int) -> "Place":
        """The value under `key`. What the plan leaves out stands where its parent does."""
        value = self.node.value if self.node else None
        match value, key:
            case dict(), str() if key in value:
                node = value[key]
                return Place(node.mark, f"{self.path}.{key}" if self.path else key, node)
            case list(), int() if key < len(value):
                return Place(value[key].mark, f"{self.path}[{_label(value[key], key)}]", value[key])
        suffix = f"[{key}]" if isinstance(key, int) else f".{key}" if self.path else key
        return Place(self.mark, f"{self.path}{suffix}", None)

    def key(self, name: str) -> "Place":
        """The key itself of an entry of this map."""
        mark = self.node.keys.get(name, self.mark) if self.node else self.mark
        return Place(mark, f"{self.path}.{name}" if self.path else name, None)

    def finding(self, message: str, remedy: str) -> Finding:
        """A fault here."""
        return Finding(self.mark, self.path, message, remedy)


@cache
def hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The annotations of a struct's fields, constraints included."""
    return get_type_hints(struct, include_extras=True)


def structure_findings(place: Place, annotation: Any) -> Iterator[Finding]:
    """Everything in which the value at `place` is not of the type `annotation`."""
    node = place.node
    if node is None:
        return
    base, metas = _bare(annotation)
    if node.value is None and NoneType in get_args(annotation):
        return
    if isinstance(base, type) and issubclass(base, msgspec.Struct):
        yield from _struct_findings(place, node, base)
    elif get_origin(base) is dict:
        yield from _map_findings(place, node, base, metas)
    elif get_origin(base) is tuple and get_args(base)[-1] is ...:
        yield from _list_findings(place, node, base, metas)
    else:
        yield from _leaf_findings(place, node, _stripped(annotation))


def _struct_findings(place: Place, node: Node, struct: type[msgspec.Struct]) -> Iterator[Finding]:
    if not isinstance(node.value, dict):
        yield place.finding(f"expected a map, got {kind(node)}", f"write {_example(struct)}")
        return
    known = hints(struct)
    misspelt: set[str | None] = set()
    for key in node.value:
        if key in known:
            yield from structure_findings(place / key, known[key])
            continue
        close = nearest(key, known.keys() - node.value.keys())
        misspelt.add(close)
        remedy = f"did you mean {close}?" if close else f"known: {listing(known, 40)}"
        yield place.key(key).finding("unknown key", remedy)
    for field in msgspec.structs.fields(struct):
        if field.required and field.name not in node.value and field.name not in misspelt:
            yield place.finding(f"`{field.name}` is missing", f"add `{field.name}: ...`")


def _map_findings(place: Place, node: Node, base: Any, metas: tuple[Any, ...]) -> Iterator[Finding]:
    if not isinstance(node.value, dict):
        yield place.finding(f"expected a map, got {kind(node)}", "write `name: {...}` entries")
        return
    key_type, value_type = get_args(base)
    yield from _length_findings(place, len(node.value), metas)
    for key in node.value:
        yield from _leaf_findings(place.key(key), Node(node.keys[key], key), key_type)
        yield from structure_findings(place / key, value_type)


def _list_findings(place: Place, node: Node, base: Any, metas: tuple[Any, ...]) -> Iterator[Finding]:
    if not isinstance(node.value, list):
        yield place.finding(
            f"expected a list, got {kind(node)}", "write `[...]`, or items that start with `- `"
        )
        return
    yield from _length_findings(place, len(node.value), metas)
    for index in range(len(node.value)):
        yield from structure_findings(place / index, get_args(base)[0])


def _length_findings(place: Place, length: int, metas: tuple[Any, ...]) -> Iterator[Finding]:
    for meta in metas:
        if isinstance(meta, Meta) and meta.min_length is not None and length < meta.min_length:
            yield place.finding("empty", f"it needs at least {meta.min_length}")


def _leaf_findings(place: Place, node: Node, annotation: Any) -> Iterator[Finding]:
    value = node.plain()
    if isinstance(value, float) and not math.isfinite(value):
        yield place.finding("number out of range", "write a smaller one")
        return
    pattern = _pattern(annotation)
    if pattern and isinstance(value, str | int | float) and not re.fullmatch(pattern, str(value)):
        got = (
            repr(value[:60]) if isinstance(value, str) else kind(node)
        )  # a number that quotes would not mend
        yield place.finding(f"{got} does not fit", PATTERNS.get(pattern, f"match {pattern}"))
        return
    try:
        msgspec.convert(value, annotation)
    except (msgspec.ValidationError, OverflowError) as error:
        yield place.finding(*_said(str(error), node, annotation))


def _said(error: str, node: Node, annotation: Any) -> tuple[str, str]:
    """The message and the remedy for what msgspec says about a value."""
    base, _ = _bare(annotation)
    rule = error.split(" - at `", maxsplit=1)[0]
    if allowed := _allowed(base):
        got = repr(node.value[:60]) if isinstance(node.value, str) else kind(node)
        return f"{got} is not known here", meant(str(node.value), allowed, 20)
    if _EXPECTED.fullmatch(rule):
        wanted = _WORDS.get(getattr(base, "__name__", ""), "a list of two numbers")
        return f"expected {wanted}, got {kind(node)}", _rewritten(wanted, node)
    if (match := _RANGE.fullmatch(rule)) and match[1] in _WORDS:
        return f"{kind(node)} is out of range", f"write {_WORDS[match[1]]} {match[2].replace('.0', '')}"
    return rule[:1].lower() + rule[1:], "write a smaller one" if "range" in rule else "correct it"


def _rewritten(wanted: str, node: Node) -> str:
    if wanted == "text" and isinstance(node.value, bool | int | float):
        return "put it in quotes"
    if wanted == "text":
        return "write text; quote it if it has `{`, `[` or `: ` in it"
    if isinstance(node.value, str) and wanted != "true or false":
        return "write digits, without quotes or units"
    return f"write {wanted}"


def _pattern(annotation: Any) -> str | None:
    """The pattern that a text must match as a whole."""
    return next(
        (meta.pattern for meta in _bare(annotation)[1] if isinstance(meta, Meta) and meta.pattern), None
    )


def _allowed(base: Any) -> tuple[str, ...]:
    """The only values that an enumeration or a literal type takes."""
    if isinstance(base, type) and issubclass(base, Enum):
        return tuple(member.value for member in base)
    return tuple(map(str, get_args(base))) if get_origin(base) is Literal else ()


def _stripped(annotation: Any) -> Any:
    """`X` of `X | None`."""
    if get_origin(annotation) in {Union, UnionType}:
        return next(part for part in get_args(annotation) if part is not NoneType)
    return annotation


def _bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without None and without its constraints, and the constraints."""
    annotation = _stripped(annotation)
    if get_origin(annotation) is Annotated:
        base, *metas = get_args(annotation)
        return base, tuple(metas)
    return annotation, ()


def _example(struct: type[msgspec.Struct]) -> str:
    required = [field.name for field in msgspec.structs.fields(struct) if field.required]
    names = required or [field.name for field in msgspec.structs.fields(struct)[:1]]
    return "{" + ", ".join(f"{name}: ..." for name in names) + "}"


def _label(node: Node, index: int) -> str:
    """What a list item is called in messages: its id, its name, or its number."""
    if isinstance(node.value, dict):
        for key in ("id", "name"):
            name = node.value.get(key)
            if name and isinstance(name.value, str) and len(name.value) <= 80:
                return name.value
    return str(index)
