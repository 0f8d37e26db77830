"""`docs/analysts.md`: the answers to its questions and its dictionary of views, written from a run.

python -m pipelines.sql.guide docs/analysts.md RUN [--check]
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from pipelines.locate import UsageError, run_folder
from pipelines.querying import connect, query
from pipelines.sql.limits import PLAN_LIMITS, PlanLimit
from pipelines.sql.views import VIEWS, View
from schemas.derivation.formats import dictionary

_QUESTION = re.compile(r"```sql\n(?P<sql>.*?)```\n\n(?P<answer>(?:(?:\|[^\n]*\n)+\n)?)", re.S)
_WRITTEN = re.compile(r"(?<=<!-- views -->\n).*(?=<!-- end of views -->)", re.S)
_TYPES = {
    "VARCHAR": "STRING",
    "BIGINT": "INT64",
    "INTEGER": "INT64",
    "HUGEINT": "INT64",
    "DOUBLE": "FLOAT64",
    "BOOLEAN": "BOOL",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "DATE": "DATE",
}


def questions(text: str) -> list[str]:
    """The SQL of each question in the guide."""
    return [match["sql"] for match in _QUESTION.finditer(text)]


def guide(text: str, run: Path) -> str:
    """The guide with the answers that the run gives, and the views as they are."""
    answered = _QUESTION.sub(lambda m: f"```sql\n{m['sql']}```\n\n{_answer(m['sql'], run)}\n", text)
    views = "\n".join(_dictionary(run))
    return _WRITTEN.sub(lambda _: f"\n{views}\n", answered)


def _answer(sql: str, run: Path) -> str:
    found = query(sql, run)
    if not found.rows:
        raise UsageError(f"no answer to: {sql}")
    return _table(found.columns, found.rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_line(columns), _line(["---"] * len(columns)), *(_line([_cell(v) for v in row]) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value.isoformat() if isinstance(value, date) else str(value).replace("|", "\\|")


def _dictionary(run: Path) -> Iterator[str]:
    with connect(run, VIEWS) as connection:
        for view in VIEWS.values():
            described = connection.execute(f"DESCRIBE {view.name}").fetchall()
            yield from _described(view, {name: _TYPES[kind] for name, kind, *_ in described})
    yield f"### {PLAN_LIMITS}\n"
    yield dictionary((PlanLimit,)).partition(f"## {PlanLimit.__name__}\n\n")[2].rstrip()


def _described(view: View, types: dict[str, str]) -> Iterator[str]:
    yield f"### {view.name}\n"
    yield f"{view.title[0].upper()}{view.title[1:]}\n"
    yield from (f"- **{name}**: {text}" for name, text in view.header.items())
    yield ""
    yield _table(
        ("column", "type", "meaning"),
        [(f"`{name}`", types[name], meaning) for name, meaning in view.columns.items()],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Write the guide anew, or say whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("guide", type=Path, metavar="FILE")
    parser.add_argument("run", metavar="RUN", help="folder of the run that answers")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if it would change")
    args = parser.parse_args(argv)
    text = args.guide.read_text("utf-8")
    written = guide(text, run_folder(args.run))
    if args.check:
        return int(written != text)
    args.guide.write_text(written, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
