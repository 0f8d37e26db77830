"""Rules and context weights in the kernel: `models.plan.bitmasks` as what `models.kernel.rules` takes.

The kernel reads the fields of a request itself. What a table cannot say is tested by emitted code as ever, and a
request that the kernel cannot read is left to the Python form.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from models.kernel import find
from models.plan.bitmasks import Bitmasks, Table
from models.plan.conditions import Condition
from models.plan.emit import Emitter, define
from models.plan.fields import Field
from schemas import DecisionRequest

Chain = tuple[tuple[int, ...], ...]
Answer = Callable[[DecisionRequest], Any]

VERSION = 1
_ROOTS = ("request", "customer", "attributes", "session", "features", "local")
_BY_KEY, _BY_INDEX, _BY_NAME, _BY_CALL = range(4)
_NUMBER, _TRUTH, _WORD, _ITEMS = range(4)
_WORD_BITS = 64
_WORTH = 8
"""So many conditions cost more to test one by one than to look up."""


def tabled_chains(
    conditions: Mapping[int, Condition],
    chains: Sequence[Chain],
    roots: Mapping[str, str],
    zone: ZoneInfo,
    plain: Callable[[DecisionRequest], tuple[int, ...]],
) -> Callable[[DecisionRequest], tuple[int, ...]]:
    """What `plain` answers, from tables; `plain` itself where the kernel is not built, or the rules are too many.

    Args:
      conditions: By rule number.
      chains: Rule numbers of each chain.
      roots: Python source of what fields are read from.
      zone: The plan's time zone.
      plain: The first unmet rule of each chain, in Python.
    """
    kernel = find("rules", VERSION)
    bit = {
        rule: at for at, rule in enumerate(dict.fromkeys(r for chain in chains for run in chain for r in run))
    }
    runs = list(dict.fromkeys(run for chain in chains for run in chain if len(run) > 1))
    if kernel is None or len(bit) < _WORTH or len(runs) > kernel.MOST_ITEMS:
        return plain
    tables = _tables([conditions[rule] for rule in bit], roots, zone, plain)
    if tables is None:
        return plain
    links = [
        [bit[run[0]] if len(run) == 1 else -1 - runs.index(run) for run in chain if run] for chain in chains
    ]
    numbered = [[bit[rule] for rule in run] for run in runs]
    return cast(
        "Callable[[DecisionRequest], tuple[int, ...]]", kernel.Chains(numbered, links, list(bit), *tables)
    )


def tabled_mask(
    conditions: Sequence[Condition],
    roots: Mapping[str, str],
    zone: ZoneInfo,
    plain: Callable[[DecisionRequest], int],
    *,
    flipped: int = 0,
) -> Callable[[DecisionRequest], int]:
    """Which `conditions` are met, as bits, from tables; `plain` where there is nothing to gain, as above.

    The bits `flipped` are set where a condition is not certainly met.
    """
    kernel = find("rules", VERSION)
    tables = _tables(conditions, roots, zone, plain) if len(conditions) >= _WORTH else None
    if kernel is None or tables is None:
        return plain
    return cast("Callable[[DecisionRequest], int]", kernel.Mask(flipped, *tables))


def _tables(
    conditions: Sequence[Condition], roots: Mapping[str, str], zone: ZoneInfo, plain: Answer
) -> tuple[Any, ...] | None:
    """The arguments of `Tables`; None: it cannot take as much."""
    kernel = find("rules", VERSION)
    words = -(-len(conditions) // _WORD_BITS)
    if kernel is None or words > kernel.MOST_WORDS:
        return None
    masks = Bitmasks.of(conditions)
    by_field = [
        (field, list(found))
        for field, found in groupby(sorted(masks.tables, key=_order), lambda table: table.key.field)
    ]
    most = max((len(found) for _, found in by_field), default=0)
    if words * (1 + masks.levels) > kernel.MOST_WORDS or most > kernel.MOST_ITEMS:
        return None
    fields = [(*_reading(field), *_lookup(masks, field, found)) for field, found in by_field]
    local = any(field.root == "local" for field, _ in by_field)
    start = _row(masks, masks.every, masks.free)
    rest = _rest(masks, roots, zone) if masks.rest else None
    return masks.size, masks.levels, words, start, fields, rest, zone if local else None, plain


def _order(table: Table) -> tuple[str, bool]:
    return table.key.field.name, table.key.field.typed


def _reading(field: Field) -> tuple[int, int, object]:
    """Root, way and key of a field: what its source in Python says."""
    root = _ROOTS.index(field.root)
    match ast.parse(field.read, mode="eval").body:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="customer" | "attributes"), attr="get"),
            args=[ast.Constant(value=str() as key)],
        ):
            return root, _BY_KEY, key
        case ast.Subscript(value=ast.Name(id="features"), slice=ast.Constant(value=int() as index)):
            return root, _BY_INDEX, index
        case ast.Attribute(value=ast.Name(id="request" | "session" | "local"), attr=name):
            return root, _BY_NAME, name
    return root, _BY_CALL, define("read", ", ".join(_ROOTS), [f"return {field.read}"], {})


def _lookup(masks: Bitmasks, field: Field, tables: Sequence[Table]) -> tuple[Any, ...]:
    """Kind, typed, always, cuts, words and rows of a field."""
    rows = np.array(
        [
            _row(masks, must, some)
            for table in tables
            for must, some in zip(table.must, table.some, strict=True)
        ]
    )
    first = tables[0]
    if field.type == "strings":
        numbers = {table.key.item: number for number, table in enumerate(tables)}
        return _ITEMS, field.typed, field.always, (), numbers, rows
    kind = _NUMBER if field.numeric else _TRUTH if field.type == "boolean" else _WORD
    cases = {word: case for case, word in enumerate(first.words, start=2)}
    return kind, field.typed, field.always, first.cuts, cases, rows


def _row(masks: Bitmasks, must: int, some: int) -> NDArray[np.uint64]:
    """Both integers as words (words * (1 + levels),), each level from a word of its own on."""
    words = -(-masks.size // _WORD_BITS)
    parts = [must, *(some >> level * masks.size & masks.every for level in range(masks.levels))]
    whole = [part >> _WORD_BITS * word & (1 << _WORD_BITS) - 1 for part in parts for word in range(words)]
    return np.array(whole, np.uint64)


def _rest(masks: Bitmasks, roots: Mapping[str, str], zone: ZoneInfo) -> Callable[[DecisionRequest], int]:
    """Which conditions may still hold by what no table says."""
    emitter = Emitter(roots)
    tests = [f"if not ({emitter.certainly(condition)}): met &= ~{1 << bit}" for bit, condition in masks.rest]
    body = [*emitter.prologue(), f"met = {masks.every}", *tests, "return met"]
    function: Callable[[DecisionRequest], int] = define("rest", "request", body, {"_zone": zone})
    return function
