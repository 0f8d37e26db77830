"""Read an import mapping from its file: structure, then meaning, then one compiled function."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from models.mapping.check import check
from models.mapping.compile import CONTRACTS, Contract, Reshape, columns_of, compile_mapping
from models.mapping.spec import MappingSpec, Table, Value

SHIPPED = Path(__file__).resolve().parent.parent / "mappings"
"""Mappings that come with Nextbeam; a bare name means one of these."""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")
_MAPS: dict[str, Any] = {"fields": Value, "attributes": Value, "profile": Value, "tables": Table}


class MappingFinding(NamedTuple):
    """One thing wrong with a mapping file."""

    file: Path
    line: int
    path: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.message}; {self.remedy}"


class MappingFileError(ValueError):
    """A mapping that is refused. Its text is what the user sees: one line per finding."""

    def __init__(self, findings: tuple[MappingFinding, ...]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True)
class ImportMapping:
    """A mapping, checked and compiled."""

    spec: MappingSpec
    reshape: Reshape
    columns: tuple[str, ...]
    """Top-level columns it reads."""

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """What its rows can become, in a fixed order."""
        made = {record.record for record in self.spec.records}
        return tuple(contract for name, contract in CONTRACTS.items() if name in made)


def find_mapping(name: str | Path) -> Path:
    """The file meant by a path, or by the bare name of a mapping that comes with Nextbeam.

    Raises:
      FileNotFoundError: There is neither; the text lists the names there are.
    """
    shipped = SHIPPED / f"{name}.yaml"
    for path in (Path(name), shipped):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.yaml")))
    raise FileNotFoundError(f"there is no mapping {str(name)!r}; give a YAML file or one of: {names}")


def load_mapping(path: Path) -> ImportMapping:
    """Read, check and compile a mapping.

    Raises:
      MappingFileError: With every finding, each with file, line and remedy.
      OSError: The file cannot be read.
    """
    text = path.read_bytes()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from None
    spec = _structure(path, root)
    findings = tuple(_finding(path, root, *problem) for problem in check(spec))
    if findings:
        raise MappingFileError(findings)
    return ImportMapping(spec, compile_mapping(spec), columns_of(spec))


def _structure(path: Path, root: yaml.Node | None) -> MappingSpec:
    twice = tuple(
        MappingFinding(
            path, key.start_mark.line + 1, "$", f"the key {key.value!r} is written twice", "keep one"
        )
        for key in _repeated(root)
    )
    if twice:
        raise MappingFileError(twice)
    data = yaml.constructor.SafeConstructor().construct_document(root) if root else None
    try:
        return msgspec.convert(data, MappingSpec)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `")
        at, text = _narrow(data, where.rstrip("`") or "$", message)
        raise MappingFileError((_finding(path, root, at, text, "see docs/importing.md"),)) from None


def _narrow(data: Any, path: str, message: str) -> tuple[str, str]:
    """Replace the `[...]` of a path into a map by the first key that is wrong."""
    before, dots, _ = path.partition("[...]")
    if not dots:
        return path, message
    value = data
    for name, index, _ in _STEP.findall(before):
        value = value[name] if name else value[int(index)]
    kind = _MAPS.get(before.rpartition(".")[2], Any)
    for key, entry in value.items():
        try:
            msgspec.convert(entry, kind)
        except msgspec.ValidationError as error:
            text, _, rest = str(error).partition(" - at `")
            return f"{before}.{key}{rest.rstrip('`')[1:]}", text
    return before, message


def _finding(path: Path, root: yaml.Node | None, at: str, message: str, remedy: str) -> MappingFinding:
    return MappingFinding(path, _line(root, at), at, message, remedy)


def _line(node: yaml.Node | None, path: str) -> int:
    """Line of the deepest node on the way of `path`, from 1."""
    line = node.start_mark.line if node else 0
    for name, index, _ in _STEP.findall(path):
        found = dict(_children(node)).get(name or int(index or -1))
        if found is None:
            break
        line, node = found
    return line + 1


def _children(node: yaml.Node | None) -> Iterator[tuple[str | int, tuple[int, yaml.Node]]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, (key.start_mark.line, value)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, (value.start_mark.line, value)


def _repeated(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    seen: set[str] = set()
    for name, (_, child) in _children(node):
        if isinstance(node, yaml.MappingNode) and name in seen:
            yield next(key for key, value in node.value if value is child)
        seen.add(str(name))
        yield from _repeated(child)


def _not_yaml(path: Path, error: yaml.YAMLError) -> MappingFileError:
    mark = getattr(error, "problem_mark", None)
    message = f"it is not YAML: {getattr(error, 'problem', None) or 'unreadable text'}"
    return MappingFileError(
        (MappingFinding(path, mark.line + 1 if mark else 1, "$", message, "mend the text there"),)
    )
