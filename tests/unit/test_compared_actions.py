"""Which rule is named as what explains that an action is offered more or less often."""

from collections import Counter

import pytest
from uk_bank import spec

from models.replaying.comparing import compare
from models.replaying.comparison import Side, Span
from models.replaying.tally import OfferKey, Sums, Tally
from schemas import Stage

CONSENT, CARE = (Stage.ELIGIBILITY, "marketing-consent"), (Stage.ELIGIBILITY, "care-vulnerable")
WEEK, LOST = (Stage.CONTACT_LIMITS, "email-per-week"), (Stage.ARBITRATION, "")
OFFER = OfferKey("car-loan", "loans", "acquire", "marketing", "email", "alderbrook", "email_main")


def side(label):
    return Side(label=label, path=label, name="x", version="1", digest=label, currency="GBP", decoded=1)


def tally(offers, removed):
    counted = {rule: Counter({OFFER.action: times}) for rule, times in removed.items()}
    return Tally(offers={OFFER: Sums(offers=offers)}, removed=counted)


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [
        pytest.param((5, {WEEK: 1}), (2, {WEEK: 4}), "email-per-week", id="what-takes-more"),
        pytest.param((5, {WEEK: 4}), (8, {WEEK: 1}), "email-per-week", id="what-takes-less"),
        pytest.param(
            (5, {CONSENT: 20, LOST: 9}),
            (3, {CONSENT: 3, CARE: 17, LOST: 11}),
            "",
            id="not-a-rule-that-takes-what-another-one-took-before",
        ),
        pytest.param(
            (5, {CONSENT: 20, LOST: 9}), (7, {CONSENT: 3, CARE: 17, LOST: 7}), "", id="nor-one-that-leaves-it"
        ),
        pytest.param(
            (9, {CONSENT: 20, LOST: 9}),
            (3, {CONSENT: 18, CARE: 10, LOST: 7}),
            "care-vulnerable",
            id="but-one-that-takes-more-than-was-left",
        ),
        pytest.param((5, {WEEK: 4}), (3, {WEEK: 4}), None, id="nothing-if-no-stage-does"),
        pytest.param((5, {}), (3, {}), None, id="nothing-if-nothing-is-removed"),
    ],
)
def test_what_explains_a_change_is_the_rule_that_does_most_in_the_stage_that_does_most(a, b, named):
    plans = spec(), spec()
    compared = compare(
        (side("A"), side("B")), plans, (tally(*a), tally(*b)), Span(files=(), lines=1, customers=1)
    )
    [row] = next(table.rows for table in compared.offers if table.dimension == "action")
    assert (row.why.rule if row.why else None) == named
