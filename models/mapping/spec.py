"""What an import mapping may say: the structure of its YAML, one struct per concept."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from models.times import DURATION
from schemas.common import Name, Scalar

Column = Annotated[str, Meta(min_length=1, max_length=500)] | tuple[str | int, ...]
"""`a.b.0` or [a, b, 0]: a column and, where it is nested, the way into it."""

Duration = Annotated[str, Meta(pattern=f"^{DURATION}$", description="E.g. 30m, 3d.")]
Conversion = Literal["string", "integer", "number", "boolean", "strings", "time", "epoch_s", "epoch_ms"]
Entry = Scalar | tuple[str, ...] | None
Table = dict[str, Entry]
"""By the text of a value; a whole number is looked up as it is written."""


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a mapping: immutable, named fields, nothing unknown."""


class SourceSpec(_Spec, frozen=True, kw_only=True):
    """How the event table is stored. Files ending in .gz are decompressed."""

    format: Literal["csv", "jsonl", "parquet"]
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    """csv: what separates columns; the first line names them."""
    time_zone: str | None = None
    """Zone of times that carry no offset; without it such a time is rejected."""
    missing: tuple[str, ...] | None = None
    """Texts that mean no value, e.g. NaN. By default the empty text in csv and none elsewhere."""


class ConditionSpec(_Spec, frozen=True, kw_only=True):
    """A test of a row: one column with one test, or one of any, all and none.

    A missing column meets only `known: false`.
    """

    column: Column | None = None
    equals: Scalar | None = None
    one_of: tuple[Scalar, ...] | None = None
    starts_with: str | None = None
    known: bool | None = None
    later_than: Column | None = None
    """Both columns are times, and this one is later than that by more than `by`."""
    by: Duration | None = None
    any: tuple["ConditionSpec", ...] | None = None
    all: tuple["ConditionSpec", ...] | None = None
    none: tuple["ConditionSpec", ...] | None = None


class ValueSpec(_Spec, frozen=True, kw_only=True):
    """Where a value comes from and what becomes of it: from a source, through lookup, then `to`, then default.

    Sources, exactly one: column, constant, template, first. A bare text in a mapping is short for `column`.
    """

    column: Column | None = None
    json: Annotated[str, Meta(max_length=500)] | None = None
    """The column holds JSON as text: the way into it, e.g. `0.id`; empty for all of it."""
    match: str | None = None
    """A regular expression: its first group is kept of the column's text; missing where it is not found."""
    constant: Scalar | tuple[str, ...] | None = None
    template: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    """Text with columns in braces, `{case_id}-{seq:05}`; missing when one of them is."""
    first: tuple["str | ValueSpec", ...] | None = None
    """The first of these that is not missing."""
    when: ConditionSpec | None = None
    """Otherwise the value is missing."""
    lookup: str | Table | None = None
    """Replace the value by its entry: the name of a table, or a table."""
    otherwise: Entry | msgspec.UnsetType = msgspec.UNSET
    """Entry for values the table does not have (null: missing); without it they reject the row."""
    to: Conversion | None = None
    """Without it the value passes as it is and the contract checks its type."""
    format: str | None = None
    """to: time: how times are written, as in strptime; ISO 8601 without it."""
    zone: str | None = None
    """to: time: zone of times without offset, instead of the source's."""
    separator: Annotated[str, Meta(min_length=1)] | None = None
    """to: strings: what separates them in a text."""
    default: Scalar | tuple[str, ...] | None = None
    """Used when the value is missing."""
    missing: Literal["reject", "skip", "omit"] | None = None
    """If it is missing all the same. By default omit, and reject for what the contract requires."""


Value = str | ValueSpec


class RecordSpec(_Spec, frozen=True, kw_only=True):
    """What the rows that meet `where` become. The first that fits a row decides about it."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
    record: Literal["signal", "outcome", "skip", "reject"]
    where: ConditionSpec | None = None
    description: str = ""
    fields: dict[str, Value] = {}
    """By name of the contract's field."""
    attributes: dict[Name, Value] = {}
    profile: dict[Name, Value] = {}


class MappingSpec(_Spec, frozen=True, kw_only=True):
    """One import mapping: from the rows of an event table to signals and outcomes."""

    mapping: Literal["nextbeam-import/1"]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    description: str = ""
    source: SourceSpec
    tables: dict[str, Table] = {}
    records: Annotated[tuple[RecordSpec, ...], Meta(min_length=1)]
    otherwise: Literal["reject", "skip"] = "reject"
    """What happens to rows that no record fits."""
