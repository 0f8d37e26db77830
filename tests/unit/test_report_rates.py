"""Rates, their intervals and their ratios, and what a report finds in them."""

import pytest
from analysed_rows import answer, ask, decision, offer
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.reporting.findings import findings
from models.reporting.rates import Rate, Ratio, impact_ratios
from models.reporting.report import Breach, Calibration, Cohort, Cohorts, Compared, Letters, Span, Tenth


@given(st.integers(0, 400), st.integers(1, 400))
def test_intervals_are_those_of_wilson(hits, more):
    rate = Rate(hits, hits + more)
    expected = binomtest(rate.hits, rate.of).proportion_ci(method="wilson")
    assert rate.low == pytest.approx(expected.low, abs=1e-12)
    assert rate.high == pytest.approx(expected.high, abs=1e-12)


def test_intervals_are_those_of_the_analysts_views():
    records = [decision(f"d{number}", number, [offer()], customer_id=f"c{number}") for number in range(9)]
    records += [answer(f"d{number}", "Accepted" if number < 4 else "NoResponse") for number in range(9)]
    (arm,) = ask("arm_comparison", *records)
    rate = Rate(4, 9)
    assert (arm["positive"], arm["answered"]) == (4, 9)
    assert (arm["acceptance_low"], arm["acceptance_high"]) == pytest.approx((rate.low, rate.high))


def _clustered(customers):
    """The rate of customers with (hits, of) each."""
    sums = [
        sum(values) for values in zip(*((h, n, 1, h * h, h * n, n * n) for h, n in customers), strict=True)
    ]
    return Rate.clustered(*sums)


def test_customers_who_answer_once_are_as_good_as_independent():
    rate = _clustered([(1, 1)] * 30 + [(0, 1)] * 70)
    assert rate.effect == 1
    assert rate.low == pytest.approx(Rate(30, 100).low, abs=1e-3)


def test_customers_who_always_answer_alike_count_once():
    """Five answers of each of 100 tell as much as one."""
    rate = _clustered([(5, 5)] * 30 + [(0, 5)] * 70)
    assert (rate.hits, rate.of) == (150, 500)
    assert rate.effect == 5
    assert (rate.low, rate.high) == pytest.approx((Rate(30, 100).low, Rate(30, 100).high), abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda p: (min(p), p[1])), max_size=60))
def test_what_customers_have_in_common_never_narrows_an_interval(customers):
    rate = _clustered(customers or [(0, 1)])
    plain = Rate(rate.hits, rate.of)
    assert rate.low <= plain.low + 1e-12
    assert rate.high >= plain.high - 1e-12


def test_many_answers_of_few_customers_are_no_yardstick():
    few = _clustered([(9, 10)] * 21)
    assert few.few
    assert impact_ratios([few, Rate(10, 40), Rate(40, 80)])[0] is None


def test_nothing_of_nothing_says_nothing():
    assert (Rate(0, 0).value, Rate(0, 0).low, Rate(0, 0).high) == (None, 0.0, 1.0)
    assert Rate(0, 0).few


def test_a_ratio_is_of_the_highest_rate_with_an_interval_worked_by_hand():
    half, all_of_them, few = impact_ratios([Rate(20, 40), Rate(40, 40), Rate(29, 29)])
    # ln 0.5 ± 1.96 x sqrt(1/20 - 1/40)
    assert half == Ratio(0.5, pytest.approx(0.3668, abs=1e-4), pytest.approx(0.6816, abs=1e-4))
    assert half.surely_below
    assert all_of_them == Ratio(1.0, 1.0, 1.0, best=True)
    assert few is None


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param([], id="nobody"),
        pytest.param([Rate(10, 40)], id="one alone"),
        pytest.param([Rate(10, 40), Rate(2, 29)], id="one among few"),
        pytest.param([Rate(0, 40), Rate(0, 50)], id="no hits at all"),
    ],
)
def test_without_two_rates_to_compare_there_is_no_ratio(rates):
    assert impact_ratios(rates) == [None] * len(rates)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda p: Rate(p[0], sum(p))), max_size=8)
)
def test_ratios_are_between_nothing_and_one_and_inside_their_intervals(rates):
    ratios = impact_ratios(rates)
    assert [ratio is None for ratio in ratios].count(False) in (0, sum(not rate.few for rate in rates))
    for ratio in filter(None, ratios):
        assert 0 <= ratio.value <= 1
        assert ratio.value <= ratio.high
        assert ratio.low <= ratio.value or not ratio.value
        assert ratio.below or not ratio.surely_below


def test_no_hits_of_many_are_below_for_sure_and_of_few_are_not():
    none_of_many, _ = impact_ratios([Rate(0, 200), Rate(100, 200)])
    none_of_some, _ = impact_ratios([Rate(0, 30), Rate(2, 30)])
    assert none_of_many.surely_below
    assert not none_of_some.surely_below


def span(**fields):
    plain = {
        "plan": "p", "plan_digest": "d", "models": (), "currency": "GBP", "first": None, "last": None, "customers": 9,
        "decisions": 1000, "offers": 9, "value": 0.0, "accounts": "1 inputs = 1 decided", "balanced": True,
    }  # fmt: skip
    return Span(**(plain | fields))


def calibration(*, misses, predicted=0.2, observed=40):
    tenths = [
        Tenth(
            number=number,
            predicted_least=0.1,
            predicted=predicted,
            predicted_most=0.3,
            observed=Rate(observed, 100),
            as_predicted=number > misses,
        )
        for number in range(1, 11)
    ]
    return Calibration(model="m", message_class="marketing", tenths=tuple(tenths))


def cohorts(dimension, *, low, measure="marketing"):
    same = Compared(rate=Rate(90, 100), ratio=Ratio(1.0, 1.0, 1.0, best=True))
    less = Compared(rate=Rate(40, 100), ratio=Ratio(0.44, 0.34, low))
    plain = {"customers": 100, "decisions": 100, "offers": 1, "value": 0.0}
    fellows = {"marketing": same, "service": same, "accepted": same}
    one = Cohort(name="young", **plain, **(fellows | {measure: less}))
    return Cohorts(dimension=dimension, rows=(one, Cohort(name="old", **plain, **fellows)))


def found(*, about=None, breaches=(), limits=3, calibrations=(), treated=(), letters=()):
    return [
        f"{each.level}: {each.text}"
        for each in findings(about or span(), breaches, limits, calibrations, treated, letters)
    ]


BREACH = Breach(limit="daily", contacts=2, customers=1, example="d1")


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        pytest.param({}, ["good: no contact is beyond any of the 3 contact limits"], id="all is well"),
        pytest.param({"limits": 0}, [], id="no limits, no praise"),
        pytest.param(
            {"breaches": [BREACH]},
            ["alarm: 2 contacts are beyond a contact limit: daily"],
            id="a limit is broken",
        ),
        pytest.param(
            {"about": span(balanced=False), "limits": 0},
            ["alarm: the accounts do not balance: 1 inputs = 1 decided"],
            id="something is lost",
        ),
        pytest.param(
            {"letters": [Letters(reason="bad_time", step="s", letters=11)], "limits": 0},
            ["note: 11 dead letters beside 1,000 decisions, most of them bad_time of s"],
            id="more than one in a hundred is refused",
        ),
        pytest.param(
            {"letters": [Letters(reason="r", step="s", letters=10)], "limits": 0}, [], id="a few letters"
        ),
        pytest.param(
            {"calibrations": [calibration(misses=3)], "limits": 0},
            [
                (
                    "note: propensities of marketing are too low: only 7 of 10 tenths hold what was predicted "
                    "(mean distance 20.0%)"
                )
            ],
            id="three tenths off",
        ),
        pytest.param(
            {"calibrations": [calibration(misses=2)], "limits": 0},
            ["good: propensities of marketing are as observed, within chance"],
            id="two off is luck",
        ),
        pytest.param(
            {"treated": [cohorts("age", low=0.79)], "limits": 0},
            [
                (
                    "note: by age, fewer than four fifths as many are offered marketing as in the highest cohort, "
                    "even at the upper end of the interval: young (0.44)"
                )
            ],
            id="one cohort is offered less",
        ),
        pytest.param({"treated": [cohorts("age", low=0.81)], "limits": 0}, [], id="it may be chance"),
        pytest.param(
            {"treated": [cohorts("care", low=0.5)], "limits": 0}, [], id="care means less marketing"
        ),
        pytest.param(
            {"treated": [cohorts("care", low=0.5, measure="service")], "limits": 0},
            [
                (
                    "note: by care, fewer than four fifths as many are told of service as in the highest cohort, "
                    "even at the upper end of the interval: young (0.44)"
                )
            ],
            id="but not less service",
        ),
    ],
)
def test_what_must_not_be_missed_is_said_and_nothing_else(given_, said):
    assert found(**given_) == said
