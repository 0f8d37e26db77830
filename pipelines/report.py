"""What a run did, for a terminal."""

import csv
import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.summary import Accounting, Summary

if TYPE_CHECKING:  # it imports a parser of SQL
    from pipelines.querying import Answer


def show(summary: Summary, out: Path, console: Console | None = None) -> None:
    """Print the summary: accounts, offers, funnel, feedback, dead letters, and where to look next."""
    console = console or wide_console()
    console.print()
    model = summary.model_digest or "none, starting propensities"
    console.print(f"[bold]{summary.plan}[/bold]  plan {summary.plan_digest}  model {model}", highlight=False)
    _show_accounts(console, summary)
    if summary.rows["decisions"]:
        _show_offered(console, summary)
        _show_funnel(console, summary)
    _show_pairs(console, "Feedback", summary.feedback, "outcome")
    _show_pairs(console, "Dead letters", summary.dead_letters, "reason")
    asked = [f"  {_command()} {line}" for line in _next(summary, shlex.quote(str(out)))]
    console.print(Text(f"\nOutputs lie in {out}.{' Ask them:' if asked else ''}"))
    for line in asked:
        console.print(Text(line), soft_wrap=True)


def _next(summary: Summary, out: str) -> Iterator[str]:
    """What to ask next, for a shell."""
    if summary.rows["decisions"]:
        yield f'query "SELECT channel, COUNT(*) AS n FROM decisions GROUP BY 1" --out {out}'
    if summary.examples:
        yield f"explain {summary.examples[0][:12]} --out {out}"
    if summary.dead_letters:
        yield f"dead-letters list --out {out}"


def _command() -> str:
    """How this command is called here: `make demo` leaves it in the virtual environment, which no path names yet."""
    here = Path(sys.argv[0])
    if here.name != "nextbeam" or shutil.which("nextbeam"):
        return "nextbeam"
    return str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here)


class _Console(Console):
    """Who reads no more is no failure: rich would end the process with 1, which is a finding here."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def wide_console() -> Console:
    """The terminal as it is; 120 columns where there is none, as in a log."""
    console = _Console()
    return console if console.is_terminal else _Console(width=120)


def identity(accounting: Accounting) -> str:
    """The accounting identity with its numbers."""
    sign = "=" if accounting.balanced else "≠"
    return (
        f"{accounting.inputs:,} inputs {sign} {accounting.decided:,} decided + {accounting.observed:,} observed"
        f" + {accounting.duplicates:,} duplicates + {accounting.dead_letters:,} dead letters"
    )


def _show_accounts(console: Console, summary: Summary) -> None:
    style = "green" if summary.accounted else "bold red"
    console.print(f"  [{style}]{identity(summary.accounting)}[/{style}]", highlight=False, soft_wrap=True)
    offers = sum(row.offers for row in summary.offered)
    silent = ", ".join(f"{row.count:,} {row.name.replace('_', ' ')}" for row in summary.no_action) or "none"
    console.print(
        f"  {summary.rows['decisions']:,} decisions for {summary.customers:,} customers, {offers:,} offers;"
        f" without an offer: {silent}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"  {summary.rows['sessions']:,} sessions; {summary.spent['wall_s']:.1f} s, "
        f"{summary.spent['cpu_s']:.1f} CPU s in this process",
        highlight=False,
    )


def _show_offered(console: Console, summary: Summary) -> None:
    table = _table("Offered", ("issue", "group", "channel"), ("offers", "customers", "positive"))
    for row in summary.offered:
        table.add_row(
            row.issue, row.group, row.channel, f"{row.offers:,}", f"{row.customers:,}", f"{row.positive:,}"
        )
    console.print(table)


def _show_funnel(console: Console, summary: Summary) -> None:
    table = _table("Where candidates left the funnel", ("stage",), ("candidates", "share"))
    bars = console.width >= 100
    if bars:
        table.add_column("", no_wrap=True)
    table.add_column("rules that removed most", no_wrap=True)
    for row in summary.funnel:
        rules = "\n".join(f"{rule} {n:,}" for rule, n in row.top_rules)
        bar = "█" * max(1, round(row.share * 16))
        cells = (row.stage, f"{row.candidates:,}", f"{row.share:.1%}", *([bar] if bars else []), rules)
        table.add_row(*cells)
    console.print(table)


def _show_pairs(console: Console, title: str, rows: Iterable[Any], name: str) -> None:
    table = _table(title, (name,), ("count",))
    for row in rows:
        table.add_row(row.name, f"{row.count:,}")
    if table.row_count:
        console.print(table)


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True, min_width=8)
    return table


def print_answer(answer: "Answer", form: str) -> None:
    """Print rows as a table, or record by record where a table would be too wide to read; as CSV or JSON lines."""
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")  # as other tools of a shell read it
        writer.writerow(answer.columns)
        writer.writerows([_unexecuted(_flat(cell)) for cell in row] for row in answer.rows)
    elif form == "json":
        for row in answer.rows:
            print(json.dumps(dict(zip(answer.columns, row, strict=True)), default=_json, ensure_ascii=False))
    else:
        names = [printable(column) for column in answer.columns]
        rows = [[printable(str(_flat(cell))) for cell in row] for row in answer.rows]
        console = wide_console()
        (_print_table if _fits(names, rows, console.width) else _print_records)(names, rows, console)
        print("(1 row)" if len(rows) == 1 else f"({len(rows)} rows)")


_READABLE = 16
"""A cell may be folded to so many characters; a header never."""


def _fits(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    least = [
        max(len(name), min(_READABLE, max((len(row[at]) for row in rows), default=0)))
        for at, name in enumerate(names)
    ]
    return sum(least) + 2 * (len(least) - 1) <= width


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(Text(name), overflow="fold", min_width=len(name))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_records(names: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    if not rows:
        print(f"columns: {', '.join(names)}")
    for number, row in enumerate(rows, 1):
        table = Table(
            box=None, pad_edge=False, show_header=False, title=f"row {number}", title_justify="left"
        )
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            table.add_row(Text(name, style="bold"), Text(cell))
        console.print(table)


def printable(text: str) -> str:
    """Text of whatever origin, for a terminal: control characters are shown, not obeyed; lines stay lines."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1]
        for character in text
    )


def _unexecuted(cell: object) -> object:
    """Text as a spreadsheet shows it: one that begins like a formula would be computed, and may send cells away."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def _flat(cell: object) -> object:
    if cell is None:
        return ""
    if isinstance(cell, dict | list | tuple):
        return json.dumps(cell, default=_json, ensure_ascii=False)
    return _json(cell) if isinstance(cell, bytes) else cell


def _json(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)
