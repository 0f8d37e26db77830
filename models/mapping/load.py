"""Read an import mapping from its file: structure, then meaning, then one compiled function."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from models.mapping.check import check
from models.mapping.compile import CONTRACTS, Contract, Reshape, columns_of, compile_mapping
from models.mapping.direct import compile_direct
from models.mapping.spec import MappingSpec, RecordSpec, SourceSpec, Table, Value, ValueSpec
from models.plan.findings import Finding, Mark, PlanError
from models.plan.wording import meant
from models.plan.yaml_nodes import Node, read_yaml

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_UNKNOWN_WORD = re.compile(r"invalid enum value '(.*)'", re.DOTALL)
_MAPS: dict[str, Any] = {"fields": Value, "attributes": Value, "profile": Value, "tables": Table}


class MappingFileError(PlanError):
    """A mapping that is refused. Its text is what the user sees: one line per finding."""


@dataclass(frozen=True)
class ImportMapping:
    """A mapping, checked and compiled."""

    spec: MappingSpec
    reshape: Reshape
    columns: tuple[str, ...]
    """Top-level columns it reads."""

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """What its rows can become: Signal before Outcome."""
        made = {record.record for record in self.spec.records}
        return tuple(contract for name, contract in CONTRACTS.items() if name in made)


def load_mapping(path: Path) -> ImportMapping:
    """Read, check and compile a mapping.

    Raises:
      MappingFileError: With every finding, each with file, line and remedy.
      OSError: The file cannot be read.
    """
    faults: list[Finding] = []
    try:
        root = read_yaml(path.read_bytes(), path.as_posix(), faults)
    except PlanError as error:
        raise MappingFileError(error.findings) from None
    if faults:
        raise MappingFileError(tuple(faults))
    spec = _structure(root)
    findings = [_finding(root, *problem) for problem in check(spec)]
    if findings:
        raise MappingFileError(tuple(sorted(findings, key=lambda finding: finding.mark)))
    reshape: Any = compile_mapping(spec)
    reshape.direct = partial(compile_direct, spec)  # most who load a mapping only look at it
    return ImportMapping(spec, reshape, columns_of(spec))


def _structure(root: Node) -> MappingSpec:
    data = root.plain()
    try:
        return msgspec.convert(data, MappingSpec)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `")
        at, text = _narrow(data, where.rstrip("`"), message)
        if unknown := _UNKNOWN.fullmatch(text):
            at, text = f"{at}.{unknown[1]}", "there is no such key"
        text = text[0].lower() + text[1:]
        raise MappingFileError((_finding(root, at, *_remedied(at, text)),)) from None


def _remedied(at: str, text: str) -> tuple[str, str]:
    """The message and what to do about it: for one of a few words, which there are."""
    known = _words().get(at.rpartition(".")[2], ())
    if not known or not (unknown := _UNKNOWN_WORD.fullmatch(text)):
        return text, "see docs/importing.md for the keys"
    return f"{unknown[1]!r} is not known here", meant(unknown[1], known)


def _words() -> dict[str, tuple[str, ...]]:
    """The only words that some keys of a mapping take."""
    return {
        field.encode_name: get_args(part)
        for struct in (MappingSpec, SourceSpec, RecordSpec, ValueSpec)
        for field in msgspec.structs.fields(struct)
        for part in (field.type, *get_args(field.type))
        if get_origin(part) is Literal
    }


def _narrow(data: Any, path: str, message: str) -> tuple[str, str]:
    """Replace the `[...]` of a path into a map by the first key that is wrong."""
    before, dots, _ = path.partition("[...]")
    if not dots:
        return path, message
    value = data
    for name, index in _STEP.findall(before.removeprefix("$")):
        value = value[name] if name else value[int(index)]
    kind = _MAPS.get(before.rpartition(".")[2], Any)
    for key, entry in value.items():
        try:
            msgspec.convert(entry, kind)
        except msgspec.ValidationError as error:
            text, _, rest = str(error).partition(" - at `")
            return f"{before}.{key}{rest.rstrip('`').removeprefix('$')}", text
    return before, message


def _finding(root: Node, at: str, message: str, remedy: str) -> Finding:
    path = at.removeprefix("$").removeprefix(".")
    return Finding(_mark(root, path), path, message, remedy)


def _mark(node: Node, path: str) -> Mark:
    """Place of the deepest value that the path leads to: its key, or the item of a list."""
    mark = node.mark
    for name, index in _STEP.findall(path):
        if isinstance(node.value, dict) and name in node.value:
            mark, node = node.keys[name], node.value[name]
        elif isinstance(node.value, list) and index and int(index) < len(node.value):
            node = node.value[int(index)]
            mark = node.mark
        else:
            break
    return mark
