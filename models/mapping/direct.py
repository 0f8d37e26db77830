"""A mapping's shorter way: JSON is read into only the columns that it mentions, and they become the event at once.

It takes what is plainly right, and makes of it what `compile_mapping`'s function and the contract make of it together.
Whatever it raises or refuses is for those two to judge; the only thing it says itself is which rule leaves a row out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, cast, get_args

import msgspec
from msgspec import inspect

from models.mapping.compile import (
    CONTRACTS,
    MAPS,
    Code,
    Contract,
    Path,
    full,
    makes_text,
    path_of,
    required_fields,
    template_parts,
)
from models.mapping.spec import Column, ConditionSpec, MappingSpec, RecordSpec, ValueSpec
from schemas.common import Attributes, Profile
from schemas.outcome import Outcome
from schemas.signal import Signal

_VALUES: dict[str, Any] = {"attributes": get_args(Attributes)[1], "profile": get_args(Profile)[1]}
"""What values of the maps are."""

_TEXTS = inspect.type_info(tuple[str, ...])


class Direct(NamedTuple):
    """From JSON to events.

    Attributes:
      row: What JSON is read as: a struct.
      make: From such a row to its event. Raises SkippedError as a `Reshape` does; anything else means: not this way.
    """

    row: type[msgspec.Struct]
    make: Callable[[Any], Signal | Outcome]


def compile_direct(spec: MappingSpec) -> Direct | None:
    """The shorter way of a mapping that was checked; None: it has none."""
    if makes_text(spec):
        return None
    columns = _Columns(spec)
    try:
        row = columns.struct(())
    except (TypeError, ValueError):  # a column that no field of a struct can be named after
        return None
    code = _Direct(spec, columns)
    return Direct(row, code.compiled())


class _Columns:
    """The columns that a mapping reads, by path: as what, and under which names."""

    def __init__(self, spec: MappingSpec) -> None:
        self._uses: dict[Path, list[Any]] = defaultdict(list)
        for path, use in _uses(spec):
            self._uses[path].append(use)
        self._texts_for_nothing = spec.source.missing is not None or spec.source.format == "csv"
        self.names: dict[Path, str] = {}
        self.nested: set[Path] = {()}
        """Paths of objects that are read as structs."""
        self.checked: set[Path] = set()
        """Paths whose values are what the contract wants as soon as they are read."""

    def struct(self, prefix: Path) -> type[msgspec.Struct]:
        """What the object at `prefix` is read as.

        Raises:
          TypeError, ValueError: A column has a name that no field can have.
        """
        steps = dict.fromkeys(path[len(prefix)] for path in self._uses if path[: len(prefix)] == prefix)
        fields: list[tuple[str, Any, Any]] = []
        for number, step in enumerate(steps):
            name = self.names[*prefix, step] = f"f{number}"
            fields.append((name, self._kind((*prefix, step)), None))
        renamed = dict(zip((name for name, _, _ in fields), steps, strict=True))
        return msgspec.defstruct("Row", fields, rename=renamed, gc=False)  # type: ignore[arg-type]

    def _kind(self, path: Path) -> Any:
        inside = [found for found in self._uses if found[: len(path)] == path and len(found) > len(path)]
        if inside and path not in self._uses and all(isinstance(found[len(path)], str) for found in inside):
            self.nested.add(path)
            return self.struct(path) | None
        uses = self._uses.get(path, ())
        kinds = [kind for kind in uses if kind is not None and kind is not Any]
        if inside or not kinds or self._texts_for_nothing:
            return Any
        forms = [_form(kind) for kind in kinds]
        if any(form != forms[0] for form in forms) or (None in uses and not _read_alike(forms[0])):
            return Any
        self.checked.add(path)
        return kinds[0] | None


def _uses(spec: MappingSpec) -> Iterator[tuple[Path, Any]]:
    """Each use of a column: the type of what it becomes as it is; Any: one asks whether it is there; None: others."""
    for record in spec.records:
        if record.where:
            yield from _tested(record.where)
        if record.record in CONTRACTS:
            for target in ("fields", *MAPS):
                for name, value in getattr(record, target).items():
                    yield from _used(full(value), _type(CONTRACTS[record.record], target, name))


def _used(value: ValueSpec, kind: Any) -> Iterator[tuple[Path, Any]]:
    if value.when:
        yield from _tested(value.when)
    if value.column is not None:
        yield path_of(value.column), kind if _as_it_is(value) else None
    for _, column, _ in template_parts(value.template or ""):
        if column:
            yield column, None
    for alternative in value.first or ():
        yield from _used(full(alternative), None)


def _tested(spec: ConditionSpec) -> Iterator[tuple[Path, Any]]:
    for inner in (*(spec.all or ()), *(spec.any or ()), *(spec.none or ())):
        yield from _tested(inner)
    if spec.column is not None:
        yield path_of(spec.column), None if spec.known is None else Any
    if spec.later_than is not None:
        yield path_of(spec.later_than), None


def _as_it_is(value: ValueSpec) -> bool:
    """Whether a column passes unchanged, where it is not missing."""
    changed = (value.json, value.match, value.lookup, value.to)
    return value.column is not None and all(each is None for each in changed)


def _type(contract: Contract, target: str, name: str) -> Any:
    """The type of a field, or of the values of a map."""
    if target in _VALUES:
        return _VALUES[target]
    return next(field.type for field in msgspec.structs.fields(contract) if field.name == name)


def _form(kind: Any) -> list[inspect.Type]:
    """What a type is without its descriptions and without null."""
    info = _bare(inspect.type_info(kind))
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [bare for bare in map(_bare, members) if not isinstance(bare, inspect.NoneType)]


def _bare(info: inspect.Type) -> inspect.Type:
    return _bare(info.type) if isinstance(info, inspect.Metadata) else info


def _read_alike(form: list[inspect.Type]) -> bool:
    """Whether JSON is read as the same values with the type as without it."""
    classes = {type(info) for info in form}
    if inspect.IntType in classes:  # then a whole number is not read as a float
        classes.discard(inspect.FloatType)
    return classes <= {inspect.StrType, inspect.IntType, inspect.BoolType}


class _Direct(Code):
    """Writes the shorter way: as `Code` does it, with values that are made what the contract wants one by one."""

    def __init__(self, spec: MappingSpec, columns: _Columns) -> None:
        super().__init__(spec)
        self.constants.update(convert=msgspec.convert, at=datetime.fromisoformat)
        self._columns = columns
        self._arguments: dict[str, str] = {}
        self._contract_now: Contract = Signal

    def _way(self, path: Path) -> str:
        if path[:-1] not in self._columns.nested:
            return super()._way(path)
        name = self._columns.names[path]
        if len(path) == 1:
            return f"row.{name}"
        parent = self._column(path[:-1])
        return f"{parent}.{name} if {parent} is not None else None"

    def _conversions(self, found: str, spec: ValueSpec, label: str) -> Iterator[str]:
        *before, last = [None, *super()._conversions(found, spec, label)]
        yield from filter(None, before)
        if spec.to == "time" and spec.format is None and last:
            last = f"{found} if ({found} := at({found})).tzinfo is not None else {last}"
        if last:
            yield last

    def _contract(self, record: RecordSpec) -> None:
        self._contract_now, self._arguments = CONTRACTS[record.record], {}
        self._map("fields", record, record.fields, required_fields(self._contract_now))
        for name in MAPS:
            if entries := getattr(record, name):
                self._emit(f"{name} = {{}}")
                self._map(name, record, entries, set())
                self._arguments[name] = name if name == "attributes" else f"{name} or None"
        given = ", ".join(f"{name}={value}" for name, value in self._arguments.items())
        self._emit(f"return {self._constant(self._contract_now)}({given})")

    def _put(self, target: str, name: str, found: str, spec: ValueSpec, *, sure: bool) -> None:
        kind = _type(self._contract_now, target, name)
        if not self._right(spec, kind):
            convert = f"{found} = convert({found}, {self._constant(kind)})"
            self._emit(convert if sure else f"if {found} is not None: {convert}")
        if target != "fields":
            super()._put(target, name, found, spec, sure=sure)
            return
        fields = msgspec.structs.fields(self._contract_now)
        default = next(field.default for field in fields if field.name == name)
        if sure or default is None:
            self._arguments[name] = found
        else:
            self._arguments[name] = f"{found} if {found} is not None else {self._constant(default)}"

    def _right(self, spec: ValueSpec, kind: Any) -> bool:
        """Whether a value that is not missing always is what the contract wants."""
        if spec.default is not None and not _kept(spec.default, kind):
            return False
        if _as_it_is(spec):
            return path_of(cast("Column", spec.column)) in self._columns.checked
        if spec.to is not None:
            wanted = {"time": inspect.DateTimeType(tz=True), "strings": _TEXTS}.get(spec.to)
            return wanted is not None and wanted in _form(kind)
        if spec.lookup is not None:
            table = self._spec.tables[spec.lookup] if isinstance(spec.lookup, str) else spec.lookup
            others = () if spec.otherwise is msgspec.UNSET else (spec.otherwise,)
            return all(value is None or _kept(value, kind) for value in (*table.values(), *others))
        return spec.constant is not None and _kept(spec.constant, kind)


def _kept(value: Any, kind: Any) -> bool:
    """Whether a type takes a value without changing it."""
    try:
        kept = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return kept.__class__ is value.__class__ and bool(kept == value)
