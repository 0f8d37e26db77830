"""A comparison as one HTML page."""

from collections.abc import Iterable

from models.replaying.comparison import Comparison, Measure
from pipelines.diffing_words import DIMENSIONS, METHOD, change_text, events, why
from pipelines.pages import render

_CARDS = (
    "offers",
    "marketing offers",
    "customers reached",
    "no-action rate",
    "expected value",
    "realised value",
)


def page(comparison: Comparison) -> str:
    """The whole comparison as HTML that needs nothing else."""
    actions = next(table.rows for table in comparison.offers if table.dimension == "action")
    rules = [(stage, rule) for stage in comparison.funnel for rule in stage.rules if rule.rule]
    return render(
        "diff.html",
        c=comparison,
        a=comparison.sides[0],
        b=comparison.sides[1],
        currency=comparison.sides[0].currency,
        cards=list(_cards(comparison.measures)),
        actions=[row for row in actions if row.offers.change or row.customers.change],
        steady=sum(1 for row in actions if not (row.offers.change or row.customers.change)),
        moved_rules=sorted(
            (pair for pair in rules if pair[1].removed.change), key=lambda pair: -abs(pair[1].removed.change)
        ),
        steady_rules=[(stage, rule) for stage, rule in rules if not rule.removed.change],
        others=[table for table in comparison.offers if table.dimension != "action"],
        words=DIMENSIONS,
        events=list(events(*comparison.sides)),
        method=METHOD,
        why=why,
        change_text=change_text,
    )


def _cards(measures: Iterable[Measure]) -> Iterable[Measure]:
    by_name = {measure.name: measure for measure in measures}
    return (by_name[name] for name in _CARDS)
