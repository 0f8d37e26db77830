"""The shipped bank: is it whole, and does it protect whom a bank must protect?"""

from datetime import UTC, datetime

import pytest
from uk_bank import COMFORTABLE, gates, let_through, offerable, policy, request, spec, verdicts

from models.engagement import ContextWeights
from models.plan.fields import feature_columns
from schemas import MessageClass


def test_the_plan_holds_what_it_promises():
    plan = spec()
    assert len(plan.brands) == 3
    assert {"web", "app", "email", "sms", "colleague"} <= set(plan.channels)
    assert len(plan.placements) == 10
    assert set(plan.issues) == {"acquire", "grow", "retain", "service", "resilience"}
    assert len(plan.groups) >= 12
    assert len(plan.actions) >= 60


@pytest.mark.parametrize("issue", ["acquire", "grow", "retain", "service", "resilience"])
def test_every_issue_has_actions_enough_to_choose_from(issue):
    plan = spec()
    assert sum(plan.groups[action.group].issue == issue for action in plan.actions) >= 10


def test_every_group_has_an_action_and_every_placement_something_to_show():
    plan = spec()
    used = [place for action in plan.actions for t in action.treatments for place in t.placements]
    assert {action.group for action in plan.actions} == set(plan.groups)
    assert {
        place for place in plan.placements if used.count(place) < plan.placements[place].slots + 1
    } == set()


def test_every_channel_that_can_show_something_has_a_placement():
    shown = {placement.channel for placement in spec().placements.values()}
    assert set(spec().channels) - shown == {"core"}


def test_every_treatment_says_something_and_texts_fit_a_message():
    for action in spec().actions:
        for treatment in action.treatments:
            assert treatment.text, treatment.id
            assert "sms_message" not in treatment.placements or len(treatment.text) <= 306, treatment.id


def test_a_price_of_borrowing_is_given_with_its_representative_rate():
    texts = [t.text for a in spec().actions if a.group in {"cards", "loans"} for t in a.treatments]
    assert [text for text in texts if "%" in text and "APR" not in text] == []


def test_every_rule_can_be_said_to_a_customer():
    plan = spec()
    reasons = [(rule.id, rule.why) for rule in policy().rules]
    reasons += [(rule.id, rule.why) for rule in (*plan.contact.limits, *plan.contact.suppressions)]
    reasons += [(name, why) for (_, name), why in zip(gates().rules, gates().whys, strict=True)]
    silent = [name for name, why in reasons if not why.endswith(".") or not why[0].isupper()]
    assert silent == []


def test_every_feature_has_a_description():
    assert [feature.name for feature in spec().features if not feature.description] == []


def test_no_marketing_is_mandatory_or_regulated():
    plan = spec()
    issues = {
        plan.groups[action.group].issue
        for action in plan.actions
        if action.message_class is MessageClass.MARKETING
    }
    mandatory = {action.message_class for action in plan.actions if action.mandatory}
    assert issues <= {"acquire", "grow", "retain"}
    assert MessageClass.MARKETING not in mandatory


def test_a_comfortable_customer_may_hear_of_many_things():
    asked = request(COMFORTABLE)
    assert len(let_through(asked, message_class="marketing")) >= 15
    assert let_through(asked, group="arrears_support") == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"consent_marketing": False}, "marketing-consent"),
        ({"consent_marketing": None}, "marketing-consent"),
        ({"breathing_space": True}, "marketing-breathing-space"),
        ({"complaint_open": True}, "care-complaint"),
        ({"bereaved": True}, "care-bereaved"),
        ({"financial_difficulty": True}, "care-financial-difficulty"),
        ({"scam_victim_recently": True}, "recent-scam"),
        ({"age": 15}, "marketing-adult"),
        ({"status": "closed"}, "relationship-open"),
    ],
)
def test_nobody_sells_to_a_customer_who(change, rule):
    asked = request({**COMFORTABLE, **change})
    assert let_through(asked, message_class="marketing") == set()
    assert rule in verdicts(asked).values()


@pytest.mark.parametrize(
    ("change", "scope"),
    [
        pytest.param({"vulnerable": True}, {"group": "cards"}, id="vulnerable-cards"),
        pytest.param({"vulnerable": True}, {"group": "loans"}, id="vulnerable-loans"),
        pytest.param({"vulnerable": True}, {"group": "investments"}, id="vulnerable-investments"),
        pytest.param({"vulnerable": None}, {"group": "loans"}, id="vulnerability-unknown"),
        pytest.param({"in_arrears": True}, {"issue": "acquire"}, id="arrears-acquire"),
        pytest.param({"in_arrears": True}, {"issue": "grow"}, id="arrears-grow"),
        pytest.param({"financial_difficulty": True}, {"issue": "acquire"}, id="difficulty"),
        pytest.param({"credit_appetite": "none"}, {"group": "loans"}, id="no-appetite"),
        pytest.param({"disposable_income": 100.0}, {"group": "cards"}, id="not-affordable"),
        pytest.param({"overdraft_days": 20}, {"group": "loans"}, id="always-overdrawn"),
        pytest.param({"age": 17}, {"group": "cards"}, id="too-young-to-borrow"),
        pytest.param({"age": 76}, {"group": "mortgages"}, id="too-old-for-a-mortgage"),
        pytest.param({"uk_resident": False}, {"group": "isas"}, id="isa-abroad"),
        pytest.param({"savings_balance": 500.0}, {"group": "investments"}, id="no-cushion"),
    ],
)
def test_circumstances_close_a_group_of_offers(change, scope):
    assert let_through(request({**COMFORTABLE, **change}, brand="alderbrook"), **scope) == set()


@pytest.mark.parametrize(
    ("brand", "sells", "does_not"),
    [
        ("alderbrook", {"cards", "loans", "mortgages", "isas", "investments"}, set()),
        ("kitewell", {"cards", "loans"}, {"mortgages", "insurance", "investments"}),
        ("stonemere", {"mortgages", "isas", "insurance"}, {"cards", "loans", "investments"}),
    ],
)
def test_a_brand_offers_only_what_it_sells(brand, sells, does_not):
    features = {"views_mortgages_7d": 3.0}
    asked = request(COMFORTABLE, features, brand=brand)
    assert {group for group in sells if let_through(asked, group=group)} == sells
    assert {group for group in does_not if let_through(asked, group=group)} == set()


@pytest.mark.parametrize(
    ("holding", "action"),
    [
        ("credit_card", "rewards-card"),
        ("personal_loan", "personal-loan"),
        ("easy_saver", "easy-saver"),
        ("cash_isa", "cash-isa"),
        ("home_insurance", "home-insurance"),
        ("current_account", "switch-to-us"),
    ],
)
def test_nobody_is_offered_what_they_have(holding, action):
    without = {**COMFORTABLE, "holdings": ()}
    assert action in let_through(request(without))
    assert action not in let_through(request({**without, "holdings": (holding,)}))


@pytest.mark.parametrize(("consent", "channel"), [("consent_email", "email"), ("consent_sms", "sms")])
@pytest.mark.parametrize("answer", [False, None])
def test_consent_is_asked_per_channel(consent, channel, answer):
    asked = request({**COMFORTABLE, consent: answer}, trigger="large-credit", channel="core")
    refused = {gates().rules[rule][1] for rule, _ in gates().refused(asked, channel)}
    assert refused == {f"care-consent-{channel}"}
    assert offerable(asked, channel, message_class="marketing") == set()
    assert offerable(asked, "web", message_class="marketing")


AT_NIGHT = {"requested_at": datetime(2026, 3, 2, 22, tzinfo=UTC), "channel": "core"}


def test_offers_wait_for_the_morning_of_the_customer_and_notices_do_not():
    owing = {**COMFORTABLE, "notice_owed": "rate_change"}
    asked = request(owing, trigger="large-credit", **AT_NIGHT)
    assert offerable(asked, "email", message_class="marketing") == set()
    assert "notice-rate-change" in offerable(request(owing, trigger="notice-due", **AT_NIGHT), "email")
    abroad = request({**owing, "time_zone": "America/New_York"}, trigger="large-credit", **AT_NIGHT)
    assert "easy-saver" in offerable(abroad, "email")


def test_a_message_about_an_application_goes_to_those_who_started_one():
    started = request(COMFORTABLE, trigger="application-abandoned", channel="core")
    paid = request(COMFORTABLE, trigger="large-credit", channel="core")
    about = {"personal-loan", "balance-transfer-card", "cash-isa"}
    assert about <= offerable(started, "email")
    assert about & offerable(paid, "email") == set()


def test_vulnerable_customers_hear_of_fewer_things():
    plan = spec()
    weights = ContextWeights.of(plan, feature_columns(plan)).apply(
        request({**COMFORTABLE, "vulnerable": True})
    )
    halved = [
        weights[index] for index, action in enumerate(plan.actions) if action.message_class == "marketing"
    ]
    others = [
        weights[index] for index, action in enumerate(plan.actions) if action.message_class != "marketing"
    ]
    assert set(halved) == {0.5}
    assert set(others) == {1.0}


def test_investments_are_switched_off_where_their_prices_are_late_and_nowhere_else():
    wealthy = {**COMFORTABLE, "savings_balance": 60_000.0}
    now, before = request(wealthy), request(wealthy, requested_at=datetime(2026, 2, 27, 16, 29, tzinfo=UTC))
    assert offerable(now, "app", group="investments") == set()
    assert offerable(now, "web", group="investments")
    assert offerable(before, "app", group="investments")


def test_held_out_customers_hear_of_what_they_need_and_of_no_offers():
    assert let_through(request(COMFORTABLE, arm="holdout"), message_class="marketing") == set()
    serviced = let_through(request(COMFORTABLE), message_class="service")
    assert let_through(request(COMFORTABLE, arm="holdout"), message_class="service") == serviced != set()


def test_the_web_is_never_empty():
    unknown = request({"status": "active", "age": 40}, page="home")
    assert "good-to-know" in offerable(unknown, "web")
    fallbacks = {place.fallback for place in spec().placements.values() if place.channel == "web"}
    assert fallbacks == {"good-to-know"}


def test_a_message_about_something_urgent_carries_no_offer():
    asked = request(COMFORTABLE, trigger="payment-failed", placements=("sms_message", "email_main"))
    assert let_through(asked, message_class="marketing") == set()
    assert "payment-failed-notice" in let_through(asked)


def test_a_large_credit_may_be_answered_with_an_offer():
    asked = request(COMFORTABLE, trigger="large-credit", placements=("email_main",), channel="core")
    assert "easy-saver" in let_through(asked)


def test_help_reaches_those_to_whom_nothing_may_be_sold():
    worst = {
        **COMFORTABLE, "consent_marketing": False, "vulnerable": True, "in_arrears": True, "bereaved": True,
        "financial_difficulty": True, "complaint_open": True, "disposable_income": -50.0,
    }  # fmt: skip
    helped = let_through(request(worst, page="money_worries"))
    assert {"call-about-arrears", "breathing-space-explained", "bereavement-support"} <= helped
    assert let_through(request(worst), message_class="marketing") == set()


def test_nobody_chases_a_debt_in_breathing_space():
    resting = {**COMFORTABLE, "in_arrears": True, "breathing_space": True}
    asked = request(resting, trigger="arrears-noted", placements=("email_main",))
    chasing = {"missed-payment-contact", "call-about-arrears", "payment-plan", "income-expenditure-form"}
    assert chasing & let_through(asked) == set()


@pytest.mark.parametrize(
    ("trigger", "action"),
    [
        ("payment-held", "confirm-payment"),
        ("overseas-login", "unusual-login"),
        ("balance-low", "low-balance-alert"),
        ("arrears-noted", "missed-payment-contact"),
    ],
)
def test_an_urgent_event_has_its_message_even_without_any_consent(trigger, action):
    quiet = {
        **COMFORTABLE, "consent_marketing": False, "consent_email": False, "consent_sms": False,
        "in_arrears": True,
    }  # fmt: skip
    placements = next(t.placements for t in spec().triggers if t.id == trigger)
    asked = request(quiet, trigger=trigger, placements=placements, channel="core")
    assert action in let_through(asked)
