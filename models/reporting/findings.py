"""What the reader of a report must not miss, in sentences."""

from collections.abc import Iterator, Sequence

from models.replaying.cohorts import CARE
from models.reporting.rates import FEW
from models.reporting.report import Breach, Calibration, Cohorts, Finding, Letters, Span

_LETTERS_SHARE = 0.01
_AGREEING = 7
"""Of ten intervals of 95 %, more than two miss by luck in about one case of ninety."""
MARKETING, SERVICE, ACCEPTED = "marketing", "service", "accepted"
_MEASURES = {
    MARKETING: "are offered marketing",
    SERVICE: "are told of service",
    ACCEPTED: "take up marketing",
}


def findings(
    span: Span,
    breaches: Sequence[Breach],
    limits: int,
    calibration: Sequence[Calibration],
    cohorts: Sequence[Cohorts],
    letters: Sequence[Letters],
) -> Iterator[Finding]:
    """Alarms first, then notes, then what was looked at and is well."""
    well = []
    if not span.balanced:
        yield Finding(level="alarm", text=f"the accounts do not balance: {span.accounts}")
    if breaches:
        contacts = sum(each.contacts for each in breaches)
        named = ", ".join(each.limit for each in breaches[:3])
        yield Finding(level="alarm", text=f"{contacts:,} contacts are beyond a contact limit: {named}")
    elif limits:
        well.append(f"no contact is beyond any of the {limits} contact limits")
    yield from _letters(span, letters)
    for each in calibration:
        if (said := _calibrated(each)) is None:
            well.append(f"propensities of {each.message_class} are as observed, within chance")
        elif said:
            yield Finding(level="note", text=said)
    yield from _treated(cohorts)
    yield from (Finding(level="good", text=text) for text in well)


def _letters(span: Span, letters: Sequence[Letters]) -> Iterator[Finding]:
    total = sum(each.letters for each in letters)
    if total > _LETTERS_SHARE * max(1, span.decisions + total):
        most = f"{letters[0].reason} of {letters[0].step}"
        text = f"{total:,} dead letters beside {span.decisions:,} decisions, most of them {most}"
        yield Finding(level="note", text=text)


def _calibrated(each: Calibration) -> str | None:
    """What to say; nothing of too few, None if all is well."""
    if each.answered < FEW * 10 or len(each.tenths) < 10:
        return ""
    if each.agreeing > _AGREEING:
        return None
    over = sum(t.predicted > (t.observed.value or 0.0) for t in each.tenths)
    way = "too high" if over > _AGREEING else "too low" if over < 10 - _AGREEING else "wrong both ways"
    return (
        f"propensities of {each.message_class} are {way}: only {each.agreeing} of 10 tenths hold what was predicted "
        f"(mean distance {each.error:.1%})"
    )


def _treated(cohorts: Sequence[Cohorts]) -> Iterator[Finding]:
    for dimension in cohorts:
        for measure, words in _MEASURES.items():
            if dimension.dimension == CARE and measure != SERVICE:
                continue  # that they get less marketing is what the duty of care is for
            low = [
                cohort
                for cohort in dimension.rows
                if (ratio := getattr(cohort, measure).ratio) and ratio.surely_below
            ]
            if low:
                named = ", ".join(
                    f"{each.name} ({getattr(each, measure).ratio.value:.2f})" for each in low[:4]
                )
                more = f" and {len(low) - 4} more" if len(low) > 4 else ""
                yield Finding(
                    level="note",
                    text=f"by {dimension.dimension}, fewer than four fifths as many {words} as in the highest cohort, "
                    f"even at the upper end of the interval: {named}{more}",
                )
