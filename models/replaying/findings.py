"""What the reader of a comparison must not miss."""

from collections.abc import Iterator, Sequence

from models.plan.spec import PlanSpec
from models.replaying.comparison import CareRow, Finding, Side
from models.replaying.counterparts import ATTACHED, Link
from models.replaying.tally import Tally
from schemas import Reason


def findings(
    sides: tuple[Side, Side],
    specs: tuple[PlanSpec, PlanSpec],
    tallies: tuple[Tally, Tally],
    care: Sequence[CareRow],
    live: str | None,
) -> Iterator[Finding]:
    """Alarms first: what should stop a release. Then notes: what limits the comparison."""
    for row in care:
        if row.flagged:
            yield _alarm(_more_marketing(row))
    if specs[1].care.waived and not specs[0].care.waived:
        yield _alarm(f"B waives the duty of care: {specs[1].care.waived}")
    a, b = tallies
    if a.alike(b):
        yield _note("no difference: what both plans did is the same in all that is counted here")
    if a.decisions and not b.decisions:
        yield _alarm("B decides nothing at all")
    yield from _refusals(sides)
    yield from _outcomes(sides, tallies, live)
    if sides[0].digest != sides[1].digest and any(_draws(spec) for spec in specs):
        yield _note("chance has a part in these plans (exploration): small differences may be luck")
    if said := _values(specs):
        yield _note(said)
    if sides[0].currency != sides[1].currency:
        yield _note(f"values of A are in {sides[0].currency}, of B in {sides[1].currency}: not converted")


def _more_marketing(row: CareRow) -> str:
    most = ", ".join(f"{each.name} {each.pair.a:,.0f} -> {each.pair.b:,.0f}" for each in row.more[:3])
    mark = row.mark.replace("_", " ")
    return (
        f"customers marked {mark} get more marketing: {row.marketing.a:,.0f} -> {row.marketing.b:,.0f} offers,"
        f" {row.reached.a:,.0f} -> {row.reached.b:,.0f} of {row.customers:,} customers"
        + (f" ({most})" if most else "")
    )


def _refusals(sides: tuple[Side, Side]) -> Iterator[Finding]:
    a, b = (sum(side.refused.values()) for side in sides)
    if a != b:
        worse, more = ("B", b - a) if b > a else ("A", a - b)
        yield _note(f"{worse} refuses {more:,} more of the recorded lines than the other: compare with care")


UNATTRIBUTED = Reason.UNATTRIBUTED.value
_ODD = 0.02
"""A share of outcomes that answer nothing which is more than noise."""
_FEW_OUTCOMES = 10


def _outcomes(sides: tuple[Side, Side], tallies: tuple[Tally, Tally], live: str | None) -> Iterator[Finding]:
    for side, tally in zip(sides, tallies, strict=True):
        total = tally.links.total()
        if side.left_out:
            yield _note(
                f"{side.label}: {side.left_out:,} of {total:,} recorded outcomes ({side.left_out / total:.0%}) have no "
                f"counterpart: they answer offers that {side.label} did not make, and nobody knows what customers "
                "would have done instead"
            )
        if side.digest == live and tally.dead[UNATTRIBUTED] > max(total * _ODD, _FEW_OUTCOMES):
            yield _note(
                f"{side.label} was live, but {tally.dead[UNATTRIBUTED]:,} of {total:,} recorded outcomes "
                f"({tally.dead[UNATTRIBUTED] / total:.0%}) answer no offer that it makes here: events came in another "
                "order then, or other code decided"
            )
    links = [tally.links for tally in tallies]
    if any(each.total() for each in links) and not any(each[link] for each in links for link in ATTACHED):
        yield _note(
            "no recorded outcome answers a decision of either plan: was another plan live? name it with --live"
        )
    elif any(each[Link.UNNAMED] for each in links):
        yield _note("some outcomes name a rank but no action: only the live plan knows what it offered there")


_NAMED = 3


def _values(specs: tuple[PlanSpec, PlanSpec]) -> str:
    """A plan that says an action is worth more expects more, whatever customers do."""
    before, after = ({action.id: action.value for action in spec.actions} for spec in specs)
    differ = [name for name, value in before.items() if name in after and after[name] != value]
    if not differ:
        return ""
    named = ", ".join(f"{name} {before[name]:,g} -> {after[name]:,g}" for name in differ[:_NAMED])
    more = f" and {len(differ) - _NAMED} more" if len(differ) > _NAMED else ""
    return f"the same actions have other values under B ({named}{more}): expected values follow what each plan says"


def _draws(spec: PlanSpec) -> bool:
    arms = any(arm.kind in ("random_propensity", "random_action") for arm in spec.experiments.arms)
    return arms or spec.arbitration.exploration != "none"


def _alarm(text: str) -> Finding:
    return Finding(level="alarm", text=text)


def _note(text: str) -> Finding:
    return Finding(level="note", text=text)
