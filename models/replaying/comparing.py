"""From what two plans did to their comparison."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from models.plan.spec import PlanSpec
from models.replaying.changes import plan_changes
from models.replaying.cohorts import BRAND, CARE, Cell, Cohorts, place
from models.replaying.comparison import (
    CareRow,
    CohortRow,
    Comparison,
    Measure,
    NamedPair,
    OfferRow,
    Pair,
    PriceRow,
    RuleRow,
    Side,
    Span,
    StageRow,
    Table,
    Unit,
    Why,
)
from models.replaying.customers import aligned, distribution, moved
from models.replaying.findings import findings
from models.replaying.tally import (
    ALL,
    MARKETING,
    REGULATORY,
    SERVICE,
    CellSums,
    PriceSums,
    Sums,
    Tally,
    grouped,
)
from schemas import Stage

DIMENSIONS = ("action", "group", "issue", "message_class", "channel", "brand", "placement")

LIMITING = (
    Stage.ACTION_SUPPRESSIONS,
    Stage.TREATMENT_SUPPRESSIONS,
    Stage.CONTACT_LIMITS,
    Stage.CHANNEL_LIMITS,
    Stage.CHANNEL_AVAILABILITY,
    Stage.VOLUME_CONSTRAINTS,
)
"""Stages of the contact policy."""

_LISTED = 5


def compare(
    sides: tuple[Side, Side], specs: tuple[PlanSpec, PlanSpec], tallies: tuple[Tally, Tally], history: Span
) -> Comparison:
    """All that is to be said of plan A against plan B.

    Args:
      sides: The plans and how events fared under them, A first.
      specs: The plans as written.
      tallies: What they did over the same history.
      history: Which.
    """
    a, b = tallies
    customers = aligned(a, b)
    care = tuple(_care(a, b, Cohorts.of(specs)))
    return Comparison(
        sides=sides,
        history=history,
        findings=tuple(findings(sides, specs, tallies, care, history.live)),
        changes=plan_changes(*specs),
        measures=tuple(_measures(a, b)),
        no_action=_counts(a.no_action, b.no_action),
        offers=tuple(_table(name, a, b) for name in DIMENSIONS),
        funnel=tuple(_funnel(a, b)),
        limits=tuple(_limits(a, b)),
        distributions=(
            distribution("marketing contacts", customers["marketing"]),
            distribution("contacts", customers["contacts"]),
        ),
        moved=(
            moved("marketing contacts", customers["marketing"], "count"),
            moved("contacts", customers["contacts"], "count"),
            moved("expected value", customers["expected"], "value"),
        ),
        cohorts=tuple(_cohorts(a, b)),
        care=care,
        feedback=_counts(a.feedback, b.feedback),
        arms=_counts(a.arms, b.arms),
        prices=tuple(_prices(a, b)),
    )


def _measures(a: Tally, b: Tally) -> Iterator[Measure]:
    def measure(name: str, unit: Unit, of_a: float, of_b: float) -> Measure:
        return Measure(name=name, unit=unit, pair=Pair(of_a, of_b))

    totals = [_total(tally) for tally in (a, b)]
    silent = [sum(tally.no_action.values()) for tally in (a, b)]
    yield measure("decisions", "count", a.decisions, b.decisions)
    yield measure("decisions without an offer", "count", *silent)
    shares = [count / max(tally.decisions, 1) for count, tally in zip(silent, (a, b), strict=True)]
    yield measure("no-action rate", "share", *shares)
    yield measure("offers", "count", *(total.offers for total in totals))
    by_class = [grouped(tally.offers.items(), "message_class") for tally in (a, b)]
    for name in (MARKETING, SERVICE, REGULATORY):
        yield measure(
            f"{name} offers", "count", *(found.get(name.value, Sums()).offers for found in by_class)
        )
    yield measure("customers reached", "count", *(t.reached[Cell(ALL, ALL)] for t in (a, b)))
    for name in (MARKETING, SERVICE, REGULATORY):
        cell = Cell("message_class", name.value)
        yield measure(f"customers reached, {name}", "count", a.reached[cell], b.reached[cell])
    yield measure("positive responses", "count", *(total.positives for total in totals))
    yield measure("expected value", "value", *(total.expected for total in totals))
    yield measure("realised value", "value", *(total.realised for total in totals))


def _total(tally: Tally) -> Sums:
    total = Sums()
    for sums in tally.offers.values():
        total.add(sums)
    return total


def _counts(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[NamedPair, ...]:
    """Counts by name, largest first."""
    rows = [NamedPair(name=str(name), pair=Pair(a.get(name, 0), b.get(name, 0))) for name in {**a, **b}]
    return tuple(sorted(rows, key=lambda row: (-max(row.pair.a, row.pair.b), row.name)))


def _table(dimension: str, a: Tally, b: Tally) -> Table:
    of_a, of_b = (grouped(tally.offers.items(), dimension) for tally in (a, b))
    rows = [
        _offer_row(dimension, name, of_a.get(name, Sums()), of_b.get(name, Sums()), a, b)
        for name in sorted({**of_a, **of_b})
    ]
    return Table(
        dimension=dimension, rows=tuple(sorted(rows, key=lambda row: (-row.offers.change, row.name)))
    )


def _offer_row(dimension: str, name: str, of_a: Sums, of_b: Sums, a: Tally, b: Tally) -> OfferRow:
    offers = Pair(of_a.offers, of_b.offers)
    cell = Cell(dimension, name)
    return OfferRow(
        name=name,
        offers=offers,
        customers=Pair(a.reached[cell], b.reached[cell]),
        expected=Pair(of_a.expected, of_b.expected),
        realised=Pair(of_a.realised, of_b.realised),
        positives=Pair(of_a.positives, of_b.positives),
        few=offers.few,
        why=_why(name, offers, a, b) if dimension == "action" and offers.change else None,
    )


def _why(action: str, offers: Pair, a: Tally, b: Tally) -> Why | None:
    """The rule whose removals of the action changed most, in the way that explains what its offers did.

    It is sought in the stage that explains most as a whole: in a stage, what one rule takes is what another leaves.
    """
    sign = 1 if offers.change < 0 else -1
    stages: dict[Stage, list[Why]] = {}
    for stage, rule in _by_stage({**a.removed, **b.removed}):
        removed = Pair(_removed(a, stage, rule, action), _removed(b, stage, rule, action))
        stages.setdefault(stage, []).append(Why(stage=stage.value, rule=rule, removed=removed))
    changes = {stage: sign * sum(why.removed.change for why in whys) for stage, whys in stages.items()}
    most = max(changes, key=changes.__getitem__, default=None)
    if most is None or changes[most] <= 0:
        return None
    return max(stages[most], key=lambda why: sign * why.removed.change)


def _removed(tally: Tally, stage: Stage, rule: str, action: str) -> int:
    actions = tally.removed.get((stage, rule))
    return actions[action] if actions else 0


_ORDER = {stage: position for position, stage in enumerate(Stage)}


def _by_stage(rules: Iterable[tuple[Stage, str]]) -> list[tuple[Stage, str]]:
    return sorted(rules, key=lambda rule: (_ORDER[rule[0]], rule[1]))


def _funnel(a: Tally, b: Tally) -> Iterator[StageRow]:
    totals = [{rule: actions.total() for rule, actions in tally.removed.items()} for tally in (a, b)]
    rules = _by_stage({**totals[0], **totals[1]})
    left = [float(a.candidates), float(b.candidates)]
    for stage in dict.fromkeys(stage for stage, _ in rules):
        rows = [
            RuleRow(rule=rule, removed=Pair(*(total.get((where, rule), 0) for total in totals)))
            for where, rule in rules
            if where is stage
        ]
        removed = Pair(sum(row.removed.a for row in rows), sum(row.removed.b for row in rows))
        yield StageRow(
            stage=stage.value,
            entered=Pair(*left),
            removed=removed,
            rules=tuple(sorted(rows, key=lambda row: (-max(row.removed.a, row.removed.b), row.rule))),
        )
        left = [left[0] - removed.a, left[1] - removed.b]
    yield StageRow(stage=Stage.OUTPUT.value, entered=Pair(*left), removed=Pair(0, 0), rules=())


def _limits(a: Tally, b: Tally) -> Iterator[NamedPair]:
    """Candidates that each rule of the contact policy stopped, the largest change first."""
    rules = [rule for rule in _by_stage({**a.removed, **b.removed}) if rule[0] in LIMITING]
    rows = [
        NamedPair(name=rule, pair=Pair(*(_all_removed(tally, stage, rule) for tally in (a, b))))
        for stage, rule in rules
    ]
    yield from sorted(rows, key=lambda row: (-abs(row.pair.change), row.name))


def _all_removed(tally: Tally, stage: Stage, rule: str) -> int:
    actions = tally.removed.get((stage, rule))
    return actions.total() if actions else 0


def _cohorts(a: Tally, b: Tally) -> Iterator[CohortRow]:
    nothing = CellSums()
    dimensions = list(dict.fromkeys(cell.dimension for cell in (*a.cohorts, *b.cohorts)))
    dimensions.sort(key=lambda name: (name != CARE, name != BRAND))
    order = {name: position for position, name in enumerate(dimensions)}
    for cell in sorted({**a.cohorts, **b.cohorts}, key=lambda cell: (order[cell.dimension], place(cell))):
        of_a, of_b = a.cohorts.get(cell, nothing), b.cohorts.get(cell, nothing)
        marketing = Pair(of_a.marketing, of_b.marketing)
        yield CohortRow(
            dimension=cell.dimension,
            value=cell.value,
            customers=Pair(of_a.customers, of_b.customers),
            decisions=Pair(of_a.decisions, of_b.decisions),
            marketing=marketing,
            reached=Pair(of_a.reached, of_b.reached),
            rate=Pair(_rate(of_a), _rate(of_b)),
            expected=Pair(of_a.expected, of_b.expected),
            realised=Pair(of_a.realised, of_b.realised),
            few=marketing.few,
        )


def _rate(sums: CellSums) -> float:
    return sums.marketing / sums.customers if sums.customers else 0.0


def _care(a: Tally, b: Tally, cohorts: Cohorts) -> Iterator[CareRow]:
    nothing = CellSums()
    for mark in cohorts.marks:
        cell = Cell(CARE, mark.name)
        of_a, of_b = a.cohorts.get(cell, nothing), b.cohorts.get(cell, nothing)
        marketing = Pair(of_a.marketing, of_b.marketing)
        yield CareRow(
            mark=mark.name,
            customers=max(of_a.customers, of_b.customers),
            marketing=marketing,
            reached=Pair(of_a.reached, of_b.reached),
            more=tuple(_more(mark.name, a, b)),
            flagged=marketing.change > 0,
        )


def _more(mark: str, a: Tally, b: Tally) -> Sequence[NamedPair]:
    rows = [
        NamedPair(name=action, pair=Pair(a.marked[of, action], b.marked[of, action]))
        for of, action in {**a.marked, **b.marked}
        if of == mark and b.marked[of, action] > a.marked[of, action]
    ]
    return sorted(rows, key=lambda row: (-row.pair.change, row.name))[:_LISTED]


def _prices(a: Tally, b: Tally) -> Iterator[PriceRow]:
    nothing = PriceSums()
    for name in {**a.prices, **b.prices}:
        of_a, of_b = a.prices.get(name, nothing), b.prices.get(name, nothing)
        yield PriceRow(
            constraint=name,
            mean=Pair(*(sums.total / max(sums.decisions, 1) for sums in (of_a, of_b))),
            highest=Pair(of_a.highest, of_b.highest),
            exhausted=Pair(*(sums.exhausted / max(sums.decisions, 1) for sums in (of_a, of_b))),
        )
