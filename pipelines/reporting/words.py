"""What a report says beside its numbers."""

from datetime import datetime

from models.reporting.findings import ACCEPTED, MARKETING, SERVICE
from models.reporting.report import Report
from models.stage_words import STAGES

MEASURES = {
    MARKETING: "offered marketing",
    SERVICE: "told of service",
    ACCEPTED: "marketing taken up",
}

STEPS = {stage.value: words.short for stage, words in STAGES.items()}
"""Stages of the funnel, in words."""

METHOD = (
    "Numbers come from the analysts' views over the records of the run; `nextbeam query` gives the same. Days are UTC. "
    "Acceptance is positive answers of those answered; silence is an answer once the response window has passed, and "
    "offers that are still open count as neither, so the last days move. Intervals are of 95 %, by Wilson; offers to "
    "one customer are alike, so intervals of acceptance are somewhat too narrow. What is compared many times shows a "
    "difference by luck now and then: one of twenty intervals misses."
)

FOUR_FIFTHS_LIMITS = (
    "The ratio sets each cohort's rate beside the highest one's. Below four fifths (0.80) is the mark of a rule of "
    "thumb for selection in US hiring: a reason to look, no verdict. It says nothing of why, moves with how "
    "cohorts are cut, and is blind to differences inside one. More marketing is not better treatment, and customers in "
    "care are meant to get less of it; service is what they should not miss. Who visits more is offered more. "
    "Ratios of fewer than 30 are left out; marked are those whose whole interval is below 0.80."
)


def span_words(report: Report) -> str:
    """The days that are reported on."""
    first, last = report.span.first, report.span.last
    if first is None or last is None:
        return "nothing was decided"
    days = _day(first)
    return days if first.date() == last.date() else f"{days} to {_day(last)}"


def _day(day: datetime) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"
