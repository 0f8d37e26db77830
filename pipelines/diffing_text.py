"""A comparison for a terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.replaying.comparison import Comparison, NamedPair, OfferRow, Pair, Unit
from pipelines.diffing_words import (
    DIMENSIONS,
    FEW_MARK,
    METHOD,
    change_text,
    events,
    why,
)
from pipelines.report import printable
from pipelines.words import figure, plain, relative, signed, times

_MOST = 10
"""Rows of a long table that a terminal gets; the page has all."""
_CHANGES = 40
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "reordered": "~"}
_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "reordered": "yellow"}


def show(comparison: Comparison, console: Console) -> None:
    """Print what two plans do differently: the most important first."""
    for part in (_heading, _findings, _changes, _measures, _care, _actions, _others, _funnel, _limits):
        part(console, comparison)
    for part in (_contacts, _cohorts, _prices, _named, _events):
        part(console, comparison)
    console.print()
    _say(console, METHOD, "dim", wrap=True)


def _say(console: Console, text: str, style: str = "", *, wrap: bool = False) -> None:
    console.print(Text(printable(text), style=style), highlight=False, soft_wrap=not wrap)


def _heading(console: Console, comparison: Comparison) -> None:
    console.print()
    for side in comparison.sides:
        _say(
            console,
            f"{side.label}  {side.name}, version {side.version}  plan {side.digest}  {side.path}",
            "bold",
        )
    history = comparison.history
    when = f", {history.first[:10]} to {history.last[:10]}" if history.first and history.last else ""
    live = next((side.label for side in comparison.sides if side.digest == history.live), history.live)
    _say(
        console,
        f"   {history.lines:,} recorded events of {history.customers:,} customers{when}; "
        f"live then: {live or 'not known'}",
    )


def _findings(console: Console, comparison: Comparison) -> None:
    console.print()
    for finding in comparison.findings:
        if finding.level == "alarm":
            _say(console, f"ALARM  {finding.text}", "bold red", wrap=True)
        else:
            _say(console, f"note   {finding.text}", wrap=True)


def _changes(console: Console, comparison: Comparison) -> None:
    _title(console, "What the plans say differently")
    if not comparison.changes:
        console.print("  nothing")
    for change in comparison.changes[:_CHANGES]:
        _say(console, f"  {_SIGNS[change.kind]} {change_text(change)}", _STYLES[change.kind])
    if len(comparison.changes) > _CHANGES:
        console.print(f"  and {len(comparison.changes) - _CHANGES} more; the page has them all")


def _title(console: Console, text: str) -> None:
    console.print()
    console.print(f"[bold]{text}[/bold]", highlight=False)


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def _print(console: Console, table: Table, left: int = 0) -> None:
    if table.row_count:
        console.print()
        console.print(table)
        if left > 0:
            console.print(f"  and {left} more; the page has them all")


def _pair(pair: Pair, unit: Unit = "count") -> tuple[str, str, str]:
    return figure(pair.a, unit), figure(pair.b, unit), signed(pair.change, unit)


def _text(text: str) -> Text:
    return Text(printable(text))


def _measures(console: Console, comparison: Comparison) -> None:
    table = _table("In all", ("",), ("A", "B", "change", ""))
    currency = comparison.sides[0].currency
    for row in comparison.measures:
        name = f"{row.name}, {currency}" if row.unit == "value" else row.name
        share = "" if row.unit == "share" else relative(row.pair)
        table.add_row(_text(name), *_pair(row.pair, row.unit), share)
    _print(console, table)


def _care(console: Console, comparison: Comparison) -> None:
    table = _table(
        "Marketing to customers in care",
        ("mark", ""),
        ("customers", "offers A", "B", "change", "customers A", "B"),
    )
    for row in comparison.care:
        style = "bold red" if row.flagged else ""
        flag = "MORE MARKETING" if row.flagged else ""
        table.add_row(
            _text(plain(row.mark)),
            flag,
            f"{row.customers:,}",
            *_pair(row.marketing),
            *(figure(number, "count") for number in (row.reached.a, row.reached.b)),
            style=style,
        )
    _print(console, table)


def _actions(console: Console, comparison: Comparison) -> None:
    rows = next(table.rows for table in comparison.offers if table.dimension == "action")
    winners = [row for row in rows if row.offers.change > 0]
    losers = [row for row in reversed(rows) if row.offers.change < 0]
    _offers(console, "Actions that win", winners)
    _offers(console, "Actions that lose", losers)
    if not winners and not losers:
        _title(console, "Winners and losers")
        console.print("  none: every action is offered as often")


def _offers(console: Console, title: str, rows: Sequence[OfferRow]) -> None:
    table = _table(title, ("",), ("offers A", "B", "change", "", "customers", "expected value", "few"))
    table.add_column("because most of all", overflow="fold")
    for row in rows[:_MOST]:
        table.add_row(
            _text(row.name),
            *_pair(row.offers),
            relative(row.offers),
            signed(row.customers.change, "count"),
            signed(row.expected.change, "value"),
            FEW_MARK if row.few else "",
            _text(why(row)),
        )
    if not any(row.few for row in rows[:_MOST]):
        table.columns = [column for column in table.columns if column.header != "few"]
    _print(console, table, len(rows) - _MOST)


def _others(console: Console, comparison: Comparison) -> None:
    table = _table("Offers by", ("", ""), ("A", "B", "change", "", "customers", "expected value"))
    for offers in comparison.offers:
        rows = [row for row in offers.rows if row.offers.change or row.customers.change]
        if offers.dimension == "action":
            continue
        for row in rows[:_MOST]:
            table.add_row(
                DIMENSIONS[offers.dimension],
                _text(row.name),
                *_pair(row.offers),
                relative(row.offers),
                signed(row.customers.change, "count"),
                signed(row.expected.change, "value"),
            )
    _print(console, table)


def _funnel(console: Console, comparison: Comparison) -> None:
    table = _table("Funnel: candidates", ("stage", "rule"), ("in A", "in B", "removed A", "B", "change"))
    for stage in comparison.funnel:
        entered = (figure(stage.entered.a, "count"), figure(stage.entered.b, "count"))
        if not stage.rules:
            table.add_row(stage.stage, "", *entered, "", "", "")
            continue
        table.add_row(stage.stage, "", *entered, *_pair(stage.removed))
        changed = sorted(
            (row for row in stage.rules if row.rule and row.removed.change),
            key=lambda row: (-abs(row.removed.change), row.rule),
        )
        for row in changed[:_MOST]:
            table.add_row("", _text(row.rule), "", "", *_pair(row.removed))
    _print(console, table)


def _limits(console: Console, comparison: Comparison) -> None:
    table = _table("Contact policy: candidates stopped", ("rule",), ("A", "B", "change", ""))
    for row in comparison.limits:
        table.add_row(_text(row.name), *_pair(row.pair), relative(row.pair))
    _print(console, table)


def _contacts(console: Console, comparison: Comparison) -> None:
    for spread in comparison.distributions:
        columns = [f"{each.percent:g}%" if each.percent < 100 else "most" for each in spread.percentiles]
        table = _table(
            f"{spread.of[0].upper()}{spread.of[1:]} per customer: so many percent have at most",
            ("",),
            (*columns, "mean", "share of top 1%"),
        )
        for label in ("a", "b"):
            numbers = [figure(getattr(each.pair, label), "count") for each in spread.percentiles]
            table.add_row(
                label.upper(),
                *numbers,
                figure(getattr(spread.mean, label), "mean"),
                figure(getattr(spread.top_share, label), "share"),
            )
        _print(console, table)
    table = _table("Customers who get", ("",), ("more under B", "less", "the same", "gained", "lost"))
    for row in comparison.moved:
        sums = (signed(row.gained, row.unit), signed(-row.lost, row.unit))
        table.add_row(_text(row.of), f"{row.gain:,}", f"{row.lose:,}", f"{row.same:,}", *sums)
    _print(console, table)


def _cohorts(console: Console, comparison: Comparison) -> None:
    table = _table(
        "Cohorts: marketing offers per customer",
        ("", ""),
        ("customers", "A", "B", "B / A", "expected value", "few"),
    )
    for row in comparison.cohorts:
        table.add_row(
            _text(row.dimension),
            _text(plain(row.value)),
            f"{max(row.customers.a, row.customers.b):,.0f}",
            figure(row.rate.a, "mean"),
            figure(row.rate.b, "mean"),
            times(row.rate),
            signed(row.expected.change, "value"),
            FEW_MARK if row.few else "",
        )
    _print(console, table)


def _prices(console: Console, comparison: Comparison) -> None:
    table = _table("Volume constraints", ("",), ("mean price A", "B", "highest A", "B", "exhausted A", "B"))
    for row in comparison.prices:
        table.add_row(
            _text(row.constraint),
            *(figure(number, "mean") for pair in (row.mean, row.highest) for number in (pair.a, pair.b)),
            *(figure(number, "share") for number in (row.exhausted.a, row.exhausted.b)),
        )
    _print(console, table)


def _named(console: Console, comparison: Comparison) -> None:
    _counts(console, "Decisions without an offer: why", comparison.no_action)
    _counts(console, "Feedback", comparison.feedback)
    if len(comparison.arms) > 1:
        _counts(console, "Decisions by experiment arm", comparison.arms)


def _counts(console: Console, title: str, rows: Iterable[NamedPair]) -> None:
    table = _table(title, ("",), ("A", "B", "change"))
    for row in rows:
        table.add_row(_text(plain(row.name)), *_pair(row.pair))
    _print(console, table)


def _events(console: Console, comparison: Comparison) -> None:
    table = _table("What became of the recorded events", ("",), ("A", "B"))
    for name, a, b in events(*comparison.sides):
        table.add_row(_text(name), f"{a:,}", f"{b:,}")
    _print(console, table)
