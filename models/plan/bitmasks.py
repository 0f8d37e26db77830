"""Conditions as bits: what the value of each field says about all conditions at once, looked up instead of tested.

A condition is taken apart into clauses that must all hold. A clause about one field is a bit that the field's value
clears or leaves. A clause about several fields holds if one of its parts does: a bit that any of their values sets.
Both are integers per case of a field's value, with a bit per condition; a decision looks up one pair per field and
joins them. What cannot be tabled (computed numbers, fields compared with each other) is left to be tested as it is.

Every case is evaluated by the code that conditions are emitted as, so it means the same, unknown values included.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from models.plan.conditions import (
    AllOf,
    Always,
    Among,
    AnyOf,
    Compare,
    Condition,
    Constant,
    Holds,
    Known,
    Not,
    Ref,
    Truth,
    Value,
    simple_parts,
)
from models.plan.emit import Emitter, define
from models.plan.fields import Field

_MOST_CLAUSES = 8
"""As many as one condition is multiplied out into."""
_LEVELS = 4
"""As many clauses about several fields as one condition has bits for."""
_EXACT = 2.0**53
"""Below it, a number and the float next to it are told apart."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a table is about: the value of a field, or whether a list holds an item."""

    field: Field
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """What each case of a key says.

    The first case is a missing value. The others are, of numbers: below the first of `cuts`, then from each on; of
    truth values: false, true, anything else; of strings: any other, then each of `words`; of items: absent, present.
    """

    key: Key
    cuts: tuple[float, ...]
    words: tuple[str, ...]
    must: tuple[int, ...]
    """By case: the conditions that it leaves possible."""
    some: tuple[int, ...]
    """By case: the clauses that it meets, level by level as `Bitmasks.size` bits each."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one key adds to one clause of the condition `bit`. Level 0: the clause is about no other key."""

    condition: Condition
    bit: int
    level: int


@dataclass(frozen=True, slots=True)
class Bitmasks:
    """Conditions as tables; condition i is bit i."""

    size: int
    levels: int
    stated: int
    """The clauses about several keys, as bits of `Table.some`."""
    tables: tuple[Table, ...]
    rest: tuple[tuple[int, Condition], ...]
    """By bit, what else must be certainly true."""

    @classmethod
    def of(cls, conditions: Sequence[Condition]) -> "Bitmasks":
        """The tables of `conditions`."""
        size, levels, stated = len(conditions), 0, 0
        by_key: dict[Key, list[_Part]] = defaultdict(list)
        rest: list[tuple[int, Condition]] = []
        for bit, condition in enumerate(conditions):
            level = 0
            for clause in _clauses(condition):
                by_part = [_keys(part) for part in clause]
                about = {key for keys in by_part if keys for key in keys}
                if any(keys is None or len(keys) != 1 for keys in by_part) or (
                    len(about) > 1 and level == _LEVELS
                ):
                    rest.append((bit, AnyOf(clause)))
                    continue
                if len(about) == 1:
                    by_key[about.pop()].append(_Part(AnyOf(clause), bit, 0))
                    continue
                level += 1
                stated |= 1 << (level - 1) * size + bit
                for part, keys in zip(clause, by_part, strict=True):
                    by_key[next(iter(keys or ()))].append(_Part(part, bit, level))
            levels = max(levels, level)
        tables = tuple(_table(key, size, parts) for key, parts in by_key.items())
        return cls(size, levels, stated, tables, tuple(rest))

    @property
    def every(self) -> int:
        """All conditions, as bits."""
        return (1 << self.size) - 1

    @property
    def free(self) -> int:
        """The bits of `Table.some` that stand for no clause: they count as met."""
        return ((1 << self.size * self.levels) - 1) & ~self.stated


def _clauses(condition: Condition, wanted: bool = True) -> list[tuple[Condition, ...]]:
    """Clauses that must all hold for `condition` to be certainly `wanted`; of the parts of each, one."""
    keys = _keys(condition)
    literal = condition if wanted else Not(condition)
    if keys is not None and len(keys) <= 1:
        return [(literal,)]
    match condition:
        case Not(part=part):
            return _clauses(part, not wanted)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            each = [_clauses(part, wanted) for part in parts]
            if isinstance(condition, AllOf) is wanted:
                return [clause for clauses in each for clause in clauses]
            if math.prod(map(len, each)) <= _MOST_CLAUSES:
                return [tuple(part for clause in chosen for part in clause) for chosen in product(*each)]
    return [(literal,)]


def _keys(condition: Condition) -> frozenset[Key] | None:
    """The keys that say whether `condition` holds; None if no table can."""
    match condition:
        case Always():
            return frozenset()
        case Not(part=part):
            return _keys(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            each = [_keys(part) for part in parts]
            known = [keys for keys in each if keys is not None]
            return frozenset().union(*known) if len(known) == len(each) else None
    key = _key(condition)
    return None if key is None else frozenset({key})


def _key(condition: Condition) -> Key | None:
    """The key of a condition that has no parts."""
    key = None
    match condition:
        case Truth(field=field) | Compare(left=Ref(field=field), right=Constant()):
            key = Key(field)
        case Compare(left=Constant(), right=Ref(field=field)) | Among(item=Ref(field=field)):
            key = Key(field)
        case Known(field=field) if field.type != "strings":
            key = Key(field)
        case Holds(field=field, item=Constant(value=str() as item)):
            key = Key(field, item)
    return key if all(map(_tabled, _constants(condition))) else None


def _tabled(value: Value) -> bool:
    """Whether a constant is one that cases can be told apart by."""
    return isinstance(value, str | bool) or abs(value) < _EXACT


def _table(key: Key, size: int, parts: Sequence[_Part]) -> Table:
    """The table of one key, `size` conditions wide."""
    constants = dict.fromkeys(value for part in parts for value in _constants(part.condition))
    cuts, words, cases = _cases(key, list(constants))
    emitter = Emitter({})
    sources = [emitter.certainly(part.condition) for part in parts]
    truths = define("cases", "v0", [f"return ({', '.join(sources)},)"], {})
    found = [truths(case) for case in cases]
    if cuts:  # the cuts that nothing depends on are left out
        kept = [i for i in range(len(cuts)) if found[i + 2] != found[i + 1]]
        cuts, found = tuple(cuts[i] for i in kept), [*found[:2], *(found[i + 2] for i in kept)]
    must, some = zip(*(_bits(size, parts, met) for met in found), strict=True)
    return Table(key, cuts, words, must, some)


def _bits(size: int, parts: Sequence[_Part], met: Sequence[bool]) -> tuple[int, int]:
    must, some = (1 << size) - 1, 0
    for part, holds in zip(parts, met, strict=True):
        if part.level and holds:
            some |= 1 << (part.level - 1) * size + part.bit
        elif not part.level and not holds:
            must &= ~(1 << part.bit)
    return must, some


def _cases(key: Key, constants: list[Value]) -> tuple[tuple[float, ...], tuple[str, ...], list[Any]]:
    """Cuts, words, and a value for each case, in the order of `Table`."""
    field = key.field
    if key.item is not None:
        return (), (), [None, (), (key.item,)]
    if field.type == "boolean":
        return (), (), [None, False, True, object() if field.typed else None]
    if field.numeric:
        edges = [float(value) for value in constants if not isinstance(value, str)]
        cuts = tuple(sorted({edge for each in edges for edge in (each, math.nextafter(each, math.inf))}))
        return cuts, (), [math.nan, -math.inf, *cuts]
    words = tuple(value for value in constants if isinstance(value, str))
    return (), words, [None, "\0".join(["", *words, ""]), *words]


def _constants(condition: Condition) -> Iterator[Value]:
    for simple in simple_parts(condition):
        match simple:
            case Compare(left=left, right=right):
                yield from (side.value for side in (left, right) if isinstance(side, Constant))
            case Among(values=values):
                yield from values
