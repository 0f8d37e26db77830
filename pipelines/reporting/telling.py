"""A report for a terminal: what must not be missed, and the numbers behind it."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.reporting.findings import ACCEPTED, MARKETING, SERVICE
from models.reporting.rates import Rate
from models.reporting.report import Cohorts, Finding, Report
from pipelines.report import printable
from pipelines.reporting.drawing import binned
from pipelines.reporting.words import MEASURES, STEPS, span_words
from pipelines.words import DASH, figure, plain
from schemas import Stage

_LEVELS = {"alarm": ("ALARM", "bold red"), "note": ("look ", "yellow"), "good": ("well ", "green")}
_TOP = 12


def show(report: Report, console: Console) -> None:
    """Print the report."""
    span = report.span
    _say(console, f"{span.plan}: {span_words(report)}", "bold")
    _say(console, f"  plan {span.plan_digest}; {span.accounts}")
    _show_findings(report.findings, console)
    _show_offered(report, console)
    _show_funnel(report, console)
    if report.pressure:
        rows = [
            (name, f"{count:,}", f"{marketing:,}") for name, count, marketing in binned(report.pressure, 6)
        ]
        _table(
            console,
            "Customers by contacts in their fullest seven days",
            ("in 7 days",),
            ("all", "marketing"),
            rows,
        )
    for each in report.calibration:
        _say(
            console,
            f"\nCalibration of {each.message_class}: {each.agreeing} of {len(each.tenths)} tenths as predicted, "
            f"mean distance {each.error:.1%} over {each.answered:,} answered offers",
        )
    for dimension in report.cohorts:
        _show_cohorts(dimension, console)
    _show_arms(report, console)


def show_alarms(report: Report, console: Console) -> None:
    """Print only what is an alarm."""
    _show_findings([finding for finding in report.findings if finding.level == "alarm"], console)


def _show_findings(findings: Iterable[Finding], console: Console) -> None:
    for finding in findings:
        word, style = _LEVELS[finding.level]
        console.print(Text.assemble((word, style), f"  {printable(finding.text)}"), soft_wrap=True)


def _show_offered(report: Report, console: Console) -> None:
    rows = [
        (each.name, f"{each.offers:,}", *_rate(each.accepted), f"{each.value:,.0f}", f"{each.expected:,.0f}")
        for each in report.offered[0].rows[:_TOP]
    ]
    numbers = ("offers", "accepted", "95 %", f"value {report.span.currency}", "expected")
    _table(console, "Offered, by group", ("group",), numbers, rows)


def _show_funnel(report: Report, console: Console) -> None:
    rows = []
    for step in report.funnel:
        gone = (
            ("", "") if step.stage == Stage.OUTPUT else (f"{step.left:,}", f"{step.left / step.entered:.1%}")
        )
        rows.append((STEPS.get(step.stage, step.stage), f"{step.entered:,}", *gone))
    _table(console, "Where candidates fell out", ("stage",), ("came", "left here", "of those"), rows)


def _show_cohorts(dimension: Cohorts, console: Console) -> None:
    rows = []
    for row in dimension.rows:
        cells = [plain(row.name), f"{row.customers:,}"]
        for measure in (row.marketing, row.service, row.accepted):
            ratio = measure.ratio
            mark = "*" if ratio and ratio.surely_below else ""
            cells += [_share(measure.rate), f"{mark}{ratio.value:.2f}" if ratio else DASH]
        rows.append(tuple(cells))
    numbers = ["customers"]
    for name in (MARKETING, SERVICE, ACCEPTED):
        numbers += [MEASURES[name], "ratio"]
    _table(
        console,
        f"By {dimension.dimension}; *: its whole interval is below four fifths",
        (dimension.dimension,),
        numbers,
        rows,
    )


def _show_arms(report: Report, console: Console) -> None:
    if len(report.arms) < 2:
        return
    rows = [
        (
            each.name,
            f"{each.customers:,}",
            f"{each.offers:,}",
            *_rate(each.accepted),
            f"{each.value_per_customer:,.2f}",
        )
        for each in report.arms
    ]
    _table(
        console, "Experiment arms", ("arm",), ("customers", "offers", "accepted", "95 %", "value each"), rows
    )


def _rate(rate: Rate) -> tuple[str, str]:
    return _share(rate), f"{100 * rate.low:.1f}-{figure(rate.high, 'share')}" if rate.of else DASH


def _share(rate: Rate) -> str:
    return DASH if rate.value is None else figure(rate.value, "share")


def _table(
    console: Console,
    title: str,
    names: Sequence[str],
    numbers: Iterable[str],
    rows: Sequence[tuple[str, ...]],
) -> None:
    if not rows:
        return
    table = Table(
        title=Text(f"\n{title}"), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for name in names:
        table.add_column(Text(name), overflow="fold")
    for number in numbers:
        table.add_column(Text(number), justify="right")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style=style), soft_wrap=True)
