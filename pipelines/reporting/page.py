"""A report as one HTML page."""

from collections.abc import Iterable, Sequence
from math import ceil

from models.reporting.findings import ACCEPTED, MARKETING, SERVICE
from models.reporting.rates import Rate
from models.reporting.report import Arm, Cohort, Offered, Report
from pipelines.pages import render
from pipelines.reporting import drawing
from pipelines.reporting.words import FOUR_FIFTHS_LIMITS, MEASURES, METHOD, STEPS, span_words

_TOP_ACTIONS = 25
_MANY = 100


def page(report: Report) -> str:
    """The whole report as HTML that needs nothing else."""
    answered = sum(day.accepted.of for day in report.days)
    overall = sum(day.accepted.hits for day in report.days) / answered if answered else None
    scales = drawing.scales(report.funnel)
    return render(
        "report.html",
        r=report,
        span=span_words(report),
        overall=overall,
        funnel=list(zip(report.funnel, scales, strict=True)),
        draw=drawing,
        measures=[(name, MEASURES[name]) for name in (MARKETING, SERVICE, ACCEPTED)],
        steps=STEPS,
        method=METHOD,
        four_fifths=FOUR_FIFTHS_LIMITS,
        top=_TOP_ACTIONS,
        most_accepted=most_accepted,
        most_rate=most_rate,
        worth_edges=worth_edges(report.arms),
    )


def most_accepted(rows: Iterable[Offered]) -> float:
    """The right edge of a plot of acceptance."""
    return _edge([row.accepted for row in rows])


def most_rate(rows: Iterable[Cohort], measure: str) -> float:
    """Likewise of a measure of cohorts."""
    return _edge([getattr(row, measure).rate for row in rows])


def _edge(rates: Sequence[Rate]) -> float:
    """Intervals of few are so wide that they would leave no room for the others: they are cut off."""
    sure = [rate for rate in rates if rate.of >= _MANY] or rates
    values = [rate.value or 0.0 for rate in rates if not rate.few]
    return min(1.0, ceil(max([rate.high for rate in sure] + values, default=1.0) * 20) / 20)


def worth_edges(arms: Iterable[Arm]) -> tuple[float, float]:
    """The edges of a plot of value per customer: of all intervals, and nothing."""
    ends = [end for arm in arms for end in (arm.value_low, arm.value_high) if end is not None]
    return min([0.0, *ends]), max([0.0, *ends])
