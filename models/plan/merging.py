"""One plan from several files: `include` of the first file, lists appended, maps merged, nothing overwritten."""

import json
from pathlib import Path
from typing import Any, NoReturn

from models.plan.findings import Finding, Mark, PlanError, UnreadableError
from models.plan.yaml_nodes import MAX_BYTES, MAX_VALUES, Node, read_yaml

MAX_FILES = 1000


def read_plan(path: Path, findings: list[Finding]) -> Node:
    """The nodes of the plan file at `path` and of all that it includes.

    Raises:
      UnreadableError: A file cannot be read, or is no YAML.
      PlanError: It is, but no map of keys, or of too many values.
    """
    root = _read(path, findings)
    if not isinstance(root.value, dict):
        remedy = "start with `plan: nextbeam/1`"
        raise PlanError((Finding(root.mark, "", f"a plan is a map of keys, not {kind(root)}", remedy),))
    include = root.value.pop("include", None)
    for file in _included(include, path, findings) if include else []:
        root = _merged(root, _part(file, findings), "", findings)
        if root.values > MAX_VALUES:
            raise PlanError((Finding(root.mark, "include", f"more than {MAX_VALUES} values", "write less"),))
    return root


def kind(node: Node) -> str:
    """What a node is, in words."""
    match node.value:
        case dict():
            return "a map"
        case list():
            return "a list"
        case bool() as value:
            return str(value).lower()
        case None:
            return "nothing"
        case str() as text:
            return f"the text {text[:60]!r}"
        case number:
            return f"the number {number}"


def _read(path: Path, findings: list[Finding]) -> Node:
    name = path.as_posix()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        remedy = "name a plan's YAML file, or a folder that holds plan.yaml"
        message = f"cannot be read ({error.strerror})"
        raise UnreadableError((Finding(Mark(name, 1, 1), "", message, remedy),)) from None
    return _snapshot(data, name) if path.suffix == ".json" else read_yaml(data, name, findings)


def _snapshot(data: bytes, name: str) -> Node:
    """The nodes of a plan as it was written out by us; all stand on line 1."""
    mark = Mark(name, 1, 1)
    try:
        return _nodes(json.loads(data, parse_constant=_no_number), mark)
    except (ValueError, RecursionError):
        raise UnreadableError((Finding(mark, "", "not JSON", "load the YAML, or run again"),)) from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _nodes(value: Any, mark: Mark) -> Node:
    match value:
        case dict():
            entries = {key: _nodes(part, mark) for key, part in value.items()}
            return Node(mark, entries, dict.fromkeys(entries, mark))
        case list():
            return Node(mark, [_nodes(part, mark) for part in value])
        case _:
            return Node(mark, value)


def _included(include: Node, plan: Path, findings: list[Finding]) -> list[Path]:
    """The files that `include` names, in its order, patterns expanded by name; each once."""
    patterns = include.value if isinstance(include.value, list) else [include]
    found: dict[Path, None] = {}
    for index, pattern in enumerate(patterns):
        where = f"include[{index}]"
        try:
            files = _matching(pattern, plan)
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            findings.append(Finding(pattern.mark, where, message, remedy))
            continue
        found.update(dict.fromkeys(files))
    if len(found) > MAX_FILES:
        findings.append(Finding(include.mark, "include", f"{len(found)} files", f"use at most {MAX_FILES}"))
    return list(found)[:MAX_FILES]


def _matching(pattern: Node, plan: Path) -> list[Path]:
    text = pattern.value
    if not isinstance(text, str) or not text:
        raise ValueError(f"expected a file name, got {kind(pattern)}; write e.g. actions/*.yaml")
    if Path(text).is_absolute() or ".." in Path(text).parts:
        raise ValueError(f"{text!r} leaves the plan's folder; name files inside of it")
    every = sorted(file for file in plan.parent.glob(text) if file.is_file())
    files = [file for file in every if not file.samefile(plan)]
    if every and not files:
        raise ValueError(f"{text!r} is the plan itself; remove the line")
    if not files:
        raise ValueError(f"no file {text!r}; add it, or remove the line")
    home = plan.parent.resolve()
    for file in files:
        if not file.resolve().is_relative_to(home):
            raise ValueError(f"{file.name!r} is a link out of the plan's folder; copy the file into it")
    return files


def _part(file: Path, findings: list[Finding]) -> Node:
    part = _read(file, findings)
    if not isinstance(part.value, dict):
        findings.append(
            Finding(part.mark, "", f"expected a map of keys, got {kind(part)}", "write e.g. actions:")
        )
        return Node(part.mark, {})
    if "include" in part.value:
        findings.append(Finding(part.keys["include"], "include", "include in an included file",
                                "name all files in the plan's own include"))  # fmt: skip
        del part.value["include"]
    return part


def _merged(one: Node, other: Node, path: str, findings: list[Finding]) -> Node:
    """What both maps say. A new node: through an alias the old one may stand elsewhere too."""
    assert isinstance(one.value, dict)
    assert isinstance(other.value, dict)
    entries, keys = dict(one.value), dict(one.keys)
    for key, node in other.value.items():
        where = f"{path}.{key}" if path else key
        known = entries.get(key)
        if known is None:
            entries[key], keys[key] = node, other.keys[key]
        elif isinstance(known.value, dict) and isinstance(node.value, dict):
            entries[key] = _merged(known, node, where, findings)
        elif isinstance(known.value, list) and isinstance(node.value, list):
            entries[key] = Node(known.mark, known.value + node.value)
        else:
            message = f"said twice, first in {keys[key].file} line {keys[key].line}"
            findings.append(Finding(other.keys[key], where, message, "keep one of the two"))
    return Node(one.mark, entries, keys, one.values + other.values)
