"""The views that analysts ask: one file each, BigQuery's SQL, the same on DuckDB."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.sql.translate import tables_named

FOLDER = Path(__file__).parent / "views"
DATASET = "${dataset}."
"""What stands before the name of a table or view, in the files; Terraform's `templatefile` knows it too."""

_FIELD = re.compile(r"^-- (?P<name>Grain|Partition|Late|Nulls): +(?P<text>.*)$")
_COLUMN = re.compile(r"^--   (?P<name>\w+): (?P<text>.*)$")
_MORE = re.compile(r"^-- {6,}(?P<text>\S.*)$")


@dataclass(frozen=True)
class View:
    """One view; its header says what a row is and what the columns mean."""

    name: str
    text: str
    """The file."""

    @cached_property
    def title(self) -> str:
        """What it is, in a sentence."""
        return self.text.partition(": ")[2].partition("\n")[0]

    @cached_property
    def header(self) -> dict[str, str]:
        """Grain, Partition, Late and Nulls, in the words of the header."""
        return _sections(self.text, _FIELD)

    @cached_property
    def columns(self) -> dict[str, str]:
        """What each column means."""
        return _sections(self.text, _COLUMN)

    @cached_property
    def grain(self) -> tuple[str, ...]:
        """The columns that tell rows apart; none where there is one row."""
        return tuple(
            name
            for name in re.split(r"[,\s]+", self.header["Grain"].partition(" (")[0])
            if name in self.columns
        )

    @cached_property
    def needs(self) -> frozenset[str]:
        """The tables and views that it reads."""
        return frozenset(tables_named(self.sql("")))

    def sql(self, dataset: str) -> str:
        """The SELECT; `dataset` is `project.dataset`, or empty for names without one."""
        body = "\n".join(line for line in self.text.splitlines() if not line.startswith("--")).strip()
        return body.replace(DATASET, f"{dataset}." if dataset else "")


def needed_for(names: Iterable[str]) -> list[View]:
    """The views among some names and whatever those read, each after what it reads."""
    ordered: list[View] = []
    for name in sorted(set(names) & VIEWS.keys()):
        view = VIEWS[name]
        ordered += [v for v in [*needed_for(view.needs), view] if v not in ordered]
    return ordered


def _sections(text: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """What a pattern finds in the header, with the lines that go on with it."""
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if match := pattern.match(line):
            last = match["name"]
            found[last] = match["text"]
        elif last and (more := _MORE.match(line)):
            found[last] += f" {more['text']}"
        else:
            last = ""
    return found


VIEWS = {path.stem: View(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.sql"))}
"""All of them, by name."""
