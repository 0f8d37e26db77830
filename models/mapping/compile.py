"""From the structure of a mapping to one generated function that reshapes a row."""

import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

import msgspec

from models.mapping import values
from models.mapping.spec import Column, ConditionSpec, MappingSpec, RecordSpec, Value, ValueSpec
from models.times import duration
from schemas.outcome import Outcome
from schemas.signal import Signal

Path = tuple[str | int, ...]
Contract = type[Signal] | type[Outcome]

CONTRACTS: dict[str, Contract] = {"signal": Signal, "outcome": Outcome}
MAPS = ("attributes", "profile")
"""Fields that are maps, written beside `fields`."""


class Reshape(Protocol):
    """From one row to the contract it becomes and that contract's fields, not yet validated.

    Raises:
      SkippedError: The mapping leaves the row out; the text says which rule.
      MappingError: The row cannot be reshaped; the text names record, field and rule, never a value.
    """

    def __call__(self, row: Mapping[str, Any], /) -> tuple[Contract, dict[str, Any]]:
        """Reshape one row."""


def path_of(column: Column) -> Path:
    """The steps of a column as written: `a.b.0` is ("a", "b", 0)."""
    if isinstance(column, tuple):
        return column
    first, *rest = column.split(".")
    return (first, *(int(step) if step.isdecimal() else step for step in rest))


def template_parts(template: str) -> Iterator[tuple[str, Path | None, str]]:
    """(literal text, column or None, number format) of each part of a template.

    Raises:
      ValueError: Unbalanced braces.
    """
    for literal, name, spec, conversion in string.Formatter().parse(template):
        if name is not None and (not name or conversion):
            raise ValueError("write a column name in the braces, e.g. {case_id} or {seq:05}")
        yield literal, path_of(name) if name else None, spec or ""


def required_fields(contract: Contract) -> set[str]:
    """Fields the contract cannot do without."""
    return {field.name for field in msgspec.structs.fields(contract) if field.required}


def columns_of(spec: MappingSpec) -> tuple[str, ...]:
    """Top-level columns the mapping reads, in the order it mentions them."""
    code = Code(spec)
    code.function()
    return tuple(dict.fromkeys(str(path[0]) for path in code.read))


def compile_mapping(spec: MappingSpec) -> Reshape:
    """The function that reshapes rows by `spec`, which must have been checked."""
    reshape = Code(spec).compiled()
    reshape.makes_text = makes_text(spec)
    return cast("Reshape", reshape)


def makes_text(spec: MappingSpec) -> bool:
    """Whether text may come out of a row that was not in it as text: JSON inside of text, or NUL in the mapping."""
    try:
        written = msgspec.json.encode(spec)
    except UnicodeEncodeError:  # half a surrogate pair
        return True
    return b"\\u0000" in written or b'"json":"' in written


class Code:
    """Writes the function line by line. Columns are read once per branch, into local names."""

    def __init__(self, spec: MappingSpec) -> None:
        self.constants: dict[str, Any] = {
            name: value
            for name, value in vars(values).items()
            if not name.startswith("_") and callable(value)
        }
        self.read: list[Path] = []
        self._spec = spec
        self._lines: list[str] = []
        self._depth = 0
        self._names = 0
        self._known: dict[Path, str] = {}
        default = ("",) if spec.source.format == "csv" else ()
        texts = spec.source.missing if spec.source.missing is not None else default
        self._nothing = self._constant(frozenset(texts)) if texts else None

    def compiled(self) -> Any:
        """The function itself."""
        source = self.function()
        namespace = dict(self.constants)
        exec(
            compile(source, f"<mapping {self._spec.name}>", "exec"), namespace
        )  # our own text: names by repr
        return namespace["reshape"]

    def function(self) -> str:
        """Its text."""
        with self._block("def reshape(row):"):
            for record in self._spec.records:
                self._record(record)
            end = "skip" if self._spec.otherwise == "skip" else "reject"
            self._emit(f"{end}('no record fits')")
        return "\n".join(self._lines)

    def _emit(self, line: str) -> None:
        self._lines.append("    " * self._depth + line)

    @contextmanager
    def _block(self, header: str) -> Iterator[None]:
        self._emit(header)
        known, self._depth = dict(self._known), self._depth + 1
        yield
        self._known, self._depth = known, self._depth - 1

    def _fresh(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def _record(self, record: RecordSpec) -> None:
        test = self._condition(record.where) if record.where else "True"
        with self._block(f"if {test}:"):
            if record.record in CONTRACTS:
                self._contract(record)
            else:
                rule = ": ".join(filter(None, (record.name, record.description)))
                self._emit(f"{record.record}({rule!r})")

    def _contract(self, record: RecordSpec) -> None:
        contract = CONTRACTS[record.record]
        self._emit("fields = {}")
        self._map("fields", record, record.fields, required_fields(contract))
        for name in MAPS:
            if entries := getattr(record, name):
                self._emit(f"{name} = {{}}")
                self._map(name, record, entries, set())
                with self._block(f"if {name}:"):
                    self._emit(f"fields[{name!r}] = {name}")
        self._emit(f"return {self._constant(contract)}, fields")

    def _map(self, target: str, record: RecordSpec, entries: dict[str, Value], required: set[str]) -> None:
        for name, value in entries.items():
            spec = full(value)
            policy = spec.missing or ("reject" if name in required else "omit")
            where = name if target == "fields" else f"{target}.{name}"
            found = self._value(spec, f"{record.name}.{where}")
            if policy != "omit" and not _certain(spec):
                text = (
                    f"{record.name}.{where}{_origin(spec)}"
                    if policy == "reject"
                    else f"{record.name} without {where}"
                )
                call = "missing" if policy == "reject" else "skip"
                self._emit(f"if {found} is None: {call}({text!r})")
            self._put(target, name, found, spec, sure=policy != "omit")

    def _put(self, target: str, name: str, found: str, spec: ValueSpec, *, sure: bool) -> None:  # noqa: ARG002
        """Keep what was found; unless `sure`, it may be missing."""
        self._emit(f"{'' if sure else f'if {found} is not None: '}{target}[{name!r}] = {found}")

    def _value(self, spec: ValueSpec, label: str) -> str:
        found = self._fresh()
        label += _origin(spec)
        if spec.when:
            self._emit(f"{found} = None")
            with self._block(f"if {self._condition(spec.when)}:"):
                self._found(found, spec, label)
        else:
            self._found(found, spec, label)
        if spec.default is not None:
            self._emit(f"if {found} is None: {found} = {self._constant(spec.default)}")
        return found

    def _found(self, found: str, spec: ValueSpec, label: str) -> None:
        self._source(found, spec, label)
        for call in self._conversions(found, spec, label):
            self._emit(f"if {found} is not None: {found} = {call}")

    def _source(self, found: str, spec: ValueSpec, label: str) -> None:
        if spec.column is not None:
            self._emit(f"{found} = {self._column(path_of(spec.column))}")
            if spec.json is not None:
                self._json(found, spec.json, label)
            if spec.match is not None:
                pattern = self._constant(re.compile(spec.match))
                self._emit(f"if {found} is not None: {found} = matched({found}, {pattern}, {label!r})")
        elif spec.template is not None:
            self._template(found, spec.template, label)
        elif spec.first is not None:
            self._first(found, spec.first, label)
        else:
            self._emit(f"{found} = {self._constant(spec.constant)}")

    def _json(self, found: str, way: str, label: str) -> None:
        with self._block(f"if {found} is not None:"):
            self._emit(f"{found} = parsed({found}, {label!r})")
            for step in way.split(".") if way else ():
                self._emit(f"{found} = member({found}, {int(step) if step.isdecimal() else step!r})")

    def _template(self, found: str, template: str, label: str) -> None:
        parts = [
            (literal, path and self._column(path), spec) for literal, path, spec in template_parts(template)
        ]
        texts = []
        for literal, column, spec in parts:
            texts += [repr(literal)] if literal else []
            texts += [f"part({column}, {spec!r}, {label!r})"] if column else []
        known = " and ".join(f"{column} is not None" for _, column, _ in parts if column) or "True"
        self._emit(f"{found} = {' + '.join(texts)} if {known} else None")

    def _first(self, found: str, alternatives: tuple[Value, ...], label: str) -> None:
        self._emit(f"{found} = None")
        for alternative in alternatives:
            with self._block(f"if {found} is None:"):
                inner = self._value(full(alternative), label)
                self._emit(f"{found} = {inner}")

    def _conversions(self, found: str, spec: ValueSpec, label: str) -> Iterator[str]:
        if spec.lookup is not None:
            table = self._spec.tables[spec.lookup] if isinstance(spec.lookup, str) else spec.lookup
            name = self._constant(table)
            if spec.otherwise is msgspec.UNSET:
                yield f"look_up({found}, {name}, {label!r})"
            else:
                yield f"look_up_or({found}, {name}, {self._constant(spec.otherwise)})"
        if spec.to == "time":
            zone = spec.zone or self._spec.source.time_zone
            yield f"to_time({found}, {spec.format!r}, {self._zone(zone)}, {label!r})"
        elif spec.to == "strings":
            yield f"to_strings({found}, {spec.separator!r}, {label!r})"
        elif spec.to in {"epoch_s", "epoch_ms"}:
            yield f"to_epoch({found}, {1 if spec.to == 'epoch_s' else 1000}, {label!r})"
        elif spec.to is not None:
            yield f"to_{spec.to}({found}, {label!r})"

    def _later(self, column: str, spec: ConditionSpec) -> str:
        other = self._column(path_of(cast("Column", spec.later_than)))
        by = self._constant(timedelta(microseconds=duration(spec.by or "0s")))
        label = f"condition{_shown(spec.column)}"
        return f"later({column}, {other}, {by}, {self._zone(self._spec.source.time_zone)}, {label!r})"

    def _zone(self, name: str | None) -> str:
        return self._constant(ZoneInfo(name) if name else None)

    def _column(self, path: Path) -> str:
        if path not in self._known:
            self.read.append(path)
            way = self._way(path)
            name = self._known[path] = self._fresh()
            self._emit(f"{name} = {way}")
            if self._nothing:
                self._emit(f"if {name}.__class__ is str and {name} in {self._nothing}: {name} = None")
        return self._known[path]

    def _way(self, path: Path) -> str:
        if len(path) == 1:
            return f"row.get({path[0]!r})"
        parent = self._column(path[:-1])
        if isinstance(path[-1], int):
            return f"member({parent}, {path[-1]})"
        return f"{parent}.get({path[-1]!r}) if {parent}.__class__ is dict else None"

    def _condition(self, spec: ConditionSpec) -> str:
        for tests, join, before in (
            (spec.all, " and ", ""),
            (spec.any, " or ", ""),
            (spec.none, " or ", "not "),
        ):
            if tests is not None:
                return f"{before}({join.join(map(self._condition, tests)) or join != ' or '})"
        column = self._column(path_of(cast("Column", spec.column)))
        if spec.known is not None:
            return f"{column} is not None" if spec.known else f"{column} is None"
        if spec.starts_with is not None:
            return f"({column}.__class__ is str and {column}.startswith({spec.starts_with!r}))"
        if spec.later_than is not None:
            return self._later(column, spec)
        wanted = spec.one_of if spec.one_of is not None else (spec.equals,)
        if all(isinstance(value, str) for value in wanted):
            return f"{column} in {wanted!r}"
        return f"({' or '.join(_equal(column, value) for value in wanted)})"


def full(value: Value) -> ValueSpec:
    """A value with its short form written out."""
    return ValueSpec(column=value) if isinstance(value, str) else value


def _equal(column: str, value: Any) -> str:
    """Equality that does not take True for 1."""
    if isinstance(value, bool):
        return f"{column} is {value}"
    return f"({column} == {value!r} and {column}.__class__ is not bool)"


def _certain(spec: ValueSpec) -> bool:
    """Whether the value can never be missing."""
    if spec.default is not None:
        return True
    return spec.constant is not None and spec.when is None and spec.lookup is None


def _origin(spec: ValueSpec) -> str:
    return _shown(spec.column)


def _shown(column: Column | None) -> str:
    if column is None:
        return ""
    return f" (column {column if isinstance(column, str) else '.'.join(map(str, column))})"
