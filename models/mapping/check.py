"""What a mapping must satisfy beyond its structure. Every finding says where, what and how to mend it."""

import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from models.mapping.compile import CONTRACTS, MAPS, full, required_fields, template_parts
from models.mapping.spec import ConditionSpec, MappingSpec, RecordSpec, Value, ValueSpec

Problem = tuple[str, str, str]
"""Path in the mapping (`$.records[0].where`), what is wrong, what to do."""

_SPEC = re.compile(r"0?[0-9]{0,2}")
_TESTS = ("equals", "one_of", "starts_with", "known", "later_than")
_GROUPS = ("any", "all", "none")
_SOURCES = ("column", "constant", "template", "first")
_ONLY_WITH = (("separator", "strings"), ("format", "time"), ("zone", "time"))


def check(spec: MappingSpec) -> Iterator[Problem]:
    """All problems of a mapping, in the order it is written."""
    if spec.source.delimiter != "," and spec.source.format != "csv":
        yield "$.source.delimiter", f"{spec.source.format} has no delimiter", "remove it"
    yield from _zone("$.source.time_zone", spec.source.time_zone)
    seen: set[str] = set()
    for index, record in enumerate(spec.records):
        path = f"$.records[{index}]"
        if record.name in seen:
            yield f"{path}.name", f"{record.name!r} is the name of two records", "give each its own"
        seen.add(record.name)
        if record.where is None and index + 1 < len(spec.records):
            yield (
                path,
                "it fits every row, so no later record is ever reached",
                "add `where`, or move it last",
            )
        yield from _record(path, record, spec)


def _record(path: str, record: RecordSpec, spec: MappingSpec) -> Iterator[Problem]:
    if record.where:
        yield from _condition(f"{path}.where", record.where)
    if record.record not in CONTRACTS:
        for name in ("fields", *MAPS):
            if getattr(record, name):
                yield f"{path}.{name}", f"a {record.record} record makes nothing", f"remove {name}"
        return
    yield from _fields(path, record, spec)
    if record.profile and record.record == "outcome":
        yield f"{path}.profile", "an outcome has no profile", "map profile facts in a signal record"
    for name in MAPS:
        for key, value in getattr(record, name).items():
            yield from _value(f"{path}.{name}.{key}", value, spec, Any)


def _fields(path: str, record: RecordSpec, spec: MappingSpec) -> Iterator[Problem]:
    contract = CONTRACTS[record.record]
    types = {field.name: field.type for field in msgspec.structs.fields(contract) if field.name not in MAPS}
    required = required_fields(contract)
    for name in sorted(required - record.fields.keys()):
        yield f"{path}.fields", f"{record.record} needs {name}", f"say where {name} comes from"
    for name, value in record.fields.items():
        here = f"{path}.fields.{name}"
        if name in MAPS:
            yield here, f"{name} is a map of its own", f"write `{name}:` beside `fields:`"
        elif name not in types:
            yield here, f"{record.record} has no field {name}", f"use one of {', '.join(types)}"
        else:
            yield from _value(here, value, spec, types[name])
        if name in required and full(value).missing == "omit":
            yield here, f"{record.record} needs {name}", "use `missing: reject` or `missing: skip`"


def _value(
    path: str, value: Value, spec: MappingSpec, kind: Any, *, inner: bool = False
) -> Iterator[Problem]:
    value = full(value)
    given = [name for name in _SOURCES if getattr(value, name) is not None]
    if len(given) != 1:
        yield (
            path,
            f"it has {' and '.join(given) or 'no source'}",
            f"write exactly one of {', '.join(_SOURCES)}",
        )
    if inner and value.missing:
        yield f"{path}.missing", "it is for the whole value", "write it beside `first:`"
    for option in ("json", "match"):
        if getattr(value, option) is not None and value.column is None:
            yield f"{path}.{option}", "it takes a part of a column", "name the column"
    yield from _pattern(f"{path}.match", value.match)
    for option, conversion in _ONLY_WITH:
        if getattr(value, option) is not None and value.to != conversion:
            yield (
                f"{path}.{option}",
                f"it means nothing without `to: {conversion}`",
                f"add `to: {conversion}`",
            )
    if value.template is not None:
        yield from _template(f"{path}.template", value.template)
    if value.when:
        yield from _condition(f"{path}.when", value.when)
    yield from _zone(f"{path}.zone", value.zone)
    yield from _lookup(path, value, spec)
    yield from _constants(path, value, spec, kind)
    for index, alternative in enumerate(value.first or ()):
        yield from _value(f"{path}.first[{index}]", alternative, spec, Any, inner=True)


def _lookup(path: str, value: ValueSpec, spec: MappingSpec) -> Iterator[Problem]:
    if isinstance(value.lookup, str) and value.lookup not in spec.tables:
        known = ", ".join(spec.tables) or "none so far"
        yield f"{path}.lookup", f"there is no table {value.lookup!r}", f"add it to `tables:` (there: {known})"
    if value.otherwise is not msgspec.UNSET and value.lookup is None:
        yield f"{path}.otherwise", "it means nothing without `lookup`", "use `default` for missing values"


def _constants(path: str, value: ValueSpec, spec: MappingSpec, kind: Any) -> Iterator[Problem]:
    """What the mapping itself says must be what the contract takes."""
    if not value.to:
        written: list[tuple[str, Any]] = []
        if value.lookup is None:
            written.append((f"{path}.constant", value.constant))
        else:
            table = value.lookup if isinstance(value.lookup, dict) else spec.tables.get(value.lookup, {})
            written += [(f"{path}.lookup", entry) for entry in table.values()]
            written.append((f"{path}.otherwise", value.otherwise))
        yield from _fitting(written, kind)
    if value.to not in {"time", "epoch_s", "epoch_ms"}:
        yield from _fitting([(f"{path}.default", value.default)], kind)


def _fitting(written: list[tuple[str, Any]], kind: Any) -> Iterator[Problem]:
    for path, entry in written:
        if entry is None or entry is msgspec.UNSET:
            continue
        try:
            msgspec.convert(entry, kind)
        except msgspec.ValidationError as error:
            text = str(error).split(" - at")[0]
            yield path, f"the contract refuses {entry!r}: {text}", "write a value the field takes"
            return


def _template(path: str, template: str) -> Iterator[Problem]:
    try:
        specs = [spec for _, column, spec in template_parts(template) if column]
    except ValueError as error:
        yield path, f"it is no template: {error}", "write columns in braces, e.g. {case_id}-{seq:05}"
        return
    if not specs:
        yield path, "it names no column", "use `constant`"
    for spec in specs:
        if not _SPEC.fullmatch(spec):
            yield path, f"{spec!r} is no width", "write digits, e.g. {seq:05} for 00042"


def _condition(path: str, spec: ConditionSpec) -> Iterator[Problem]:
    groups = [name for name in _GROUPS if getattr(spec, name) is not None]
    tests = [name for name in _TESTS if getattr(spec, name) is not None]
    subjects = groups + (["column"] if spec.column is not None else [])
    if len(subjects) != 1:
        remedy = "write one of column, any, all, none; combine several with `all:`"
        yield path, f"it tests {' and '.join(subjects) or 'nothing'}", remedy
    elif len(tests) != (0 if groups else 1):
        remedy = f"a column takes exactly one of {', '.join(_TESTS)}; a group takes none"
        yield path, f"it has {' and '.join(tests) or 'no test'}", remedy
    if spec.by is not None and spec.later_than is None:
        yield f"{path}.by", "it means nothing without `later_than`", "name the column of the earlier time"
    for name in groups:
        for index, inner in enumerate(getattr(spec, name)):
            yield from _condition(f"{path}.{name}[{index}]", inner)


def _pattern(path: str, pattern: str | None) -> Iterator[Problem]:
    try:
        groups = 1 if pattern is None else re.compile(pattern).groups
    except re.error as error:
        yield path, f"it is no regular expression: {error.msg}", "mend it"
        return
    if groups != 1:
        yield path, f"it has {groups} groups", "put one pair of brackets around what to keep"


def _zone(path: str, name: str | None) -> Iterator[Problem]:
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        yield path, f"there is no time zone {name!r}", "use a name such as Europe/Amsterdam or UTC"
