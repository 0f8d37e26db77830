"""YAML with a place for every value, and only what a plan needs of it.

Scalars are read as YAML 1.2 does: only `true` and `false` are truth values, so that `no`, `on` and `yes` stay
words, and `12:30` and `2026-01-01` stay text. Duplicate keys, tags and merge keys are refused. Aliases are
allowed, but size, depth and what they expand to are bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from models.plan.findings import Finding, Mark, UnreadableError

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 32
MAX_VALUES = 250_000

Scalar = bool | int | float | str | None
Event = Any
"""An event of the YAML parser; its stubs say too little."""

_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_HALF_QUOTED = re.compile(r""":\s+('[^']*'|"[^"]*")\s*[^\s,}\]#]""")
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(eq=False, slots=True)
class Node:
    """A value of a file: a scalar, a list of nodes or a map of nodes; and where it and its keys stand."""

    mark: Mark
    value: "Scalar | list[Node] | dict[str, Node]"
    keys: dict[str, Mark] = field(default_factory=dict)
    values: int = 1
    """How many values it holds, aliases expanded, itself included."""

    def plain(self) -> Any:
        """The value without places, as lists, dicts and scalars."""
        match self.value:
            case dict() as entries:
                return {key: node.plain() for key, node in entries.items()}
            case list() as items:
                return [node.plain() for node in items]
            case scalar:
                return scalar


def read_yaml(data: bytes, file: str, findings: list[Finding]) -> Node:
    """The single document in `data`; faults that do not hinder reading on go to `findings`.

    Raises:
      UnreadableError: It is no YAML, not UTF-8, empty, too large or too deep.
    """
    start = Mark(file, 1, 1)
    if len(data) > MAX_BYTES:
        _refuse(start, f"file of more than {MAX_BYTES >> 20} MiB", "split it and use include")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(Mark(file, line, 1), "not UTF-8 text", "save the file as UTF-8")
    try:
        return _Builder(file, findings).document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(file, place.line + 1, place.column + 1) if place else start
        problem = " ".join(str(error.problem or error.context).split())
        _refuse(mark, f"not YAML: {problem}", _spelling(text, mark.line))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _refuse(Mark(file, line, 1), "a character that no text has", "remove control characters")


def _spelling(text: str, line: int) -> str:
    """The likeliest remedy for a line that is no YAML."""
    lines = text.splitlines()
    at_fault = lines[line - 1] if line <= len(lines) else ""
    if _HALF_QUOTED.search(at_fault):
        return "a value that starts with a quote must be quoted whole, e.g. \"'loan' in customer.holdings\""
    if "\t" in at_fault:
        return "indent with spaces, not with tabs"
    return "check indentation, quotes and brackets here"


def _refuse(mark: Mark, message: str, remedy: str) -> NoReturn:
    raise UnreadableError((Finding(mark, "", message, remedy),))


class _Builder:
    """Builds nodes from the parser's events, refusing at once what could grow without bound."""

    def __init__(self, file: str, findings: list[Finding]) -> None:
        self._file = file
        self._findings = findings
        self._anchors: dict[str, Node | None] = {}

    def document(self, events: Iterator[Event]) -> Node:
        """The root of the only document."""
        root: Node | None = None
        for event in events:
            match event:
                case yaml.DocumentStartEvent() if root is not None:
                    _refuse(self._mark(event), "a second document", "keep one plan per file, without ---")
                case yaml.StreamStartEvent() | yaml.StreamEndEvent() | yaml.DocumentEndEvent():
                    continue
                case yaml.DocumentStartEvent():
                    root = self._node(next(events), events, 1)
        if root is None or root.value is None:
            _refuse(Mark(self._file, 1, 1), "empty file", "write its keys into it, e.g. name:")
        return root

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        mark = self._mark(event)
        if depth > MAX_DEPTH:
            _refuse(mark, f"nested deeper than {MAX_DEPTH}", "a plan needs less; check the brackets")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark)
        self._untagged(event, mark)
        if event.anchor:
            self._anchors[event.anchor] = None
        match event:
            case yaml.ScalarEvent():
                node = Node(mark, _scalar(event.value) if not event.style else event.value)
            case yaml.SequenceStartEvent():
                node = self._list(mark, events, depth)
            case _:
                node = self._map(mark, events, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _list(self, mark: Mark, events: Iterator[Event], depth: int) -> Node:
        items: list[Node] = []
        node = Node(mark, items)
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._grown(node, self._node(event, events, depth + 1)))
        return node

    def _map(self, mark: Mark, events: Iterator[Event], depth: int) -> Node:
        entries: dict[str, Node] = {}
        node = Node(mark, entries)
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key_mark = self._mark(event)
            if not isinstance(event, yaml.ScalarEvent):
                _refuse(
                    key_mark, "a key that is not text", "write `key: value`; quote text with { or [ in it"
                )
            value = self._grown(node, self._node(next(events), events, depth + 1))
            self._enter(node, entries, event.value, key_mark, value)
        return node

    def _enter(self, node: Node, entries: dict[str, Node], key: str, mark: Mark, value: Node) -> None:
        if key == "<<":
            self._findings.append(Finding(mark, "", "merge key `<<`", "write the keys out"))
        elif key in entries:
            first = node.keys[key]
            message = f"duplicate key {key!r}, first on line {first.line}"
            self._findings.append(Finding(mark, "", message, "keep one of the two"))
        else:
            entries[key] = value
            node.keys[key] = mark

    def _grown(self, node: Node, part: Node) -> Node:
        node.values += part.values
        if node.values > MAX_VALUES:
            _refuse(
                part.mark,
                f"more than {MAX_VALUES} values, aliases expanded",
                "write less, or use fewer aliases",
            )
        return part

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> Node:
        name = event.anchor
        if name not in self._anchors:
            _refuse(
                mark,
                f"alias *{name} without its anchor &{name}",
                "define the anchor above, or quote the text",
            )
        if (node := self._anchors[name]) is None:
            _refuse(mark, f"alias *{name} inside of itself", "write the value out")
        return node

    def _untagged(self, event: Event, mark: Mark) -> None:
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._findings.append(Finding(mark, "", f"tag {shown}", "remove it: plain values suffice"))

    def _mark(self, event: Event) -> Mark:
        return Mark(self._file, event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
