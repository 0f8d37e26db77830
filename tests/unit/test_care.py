import random
from datetime import timedelta

import pytest
from bank_arrivals import PLAN, bank_arrivals, busy_days
from closed_bank import MARKETING, NOON, OTHERS, gates, plan, refused, refused_treatments, removed, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.context import ContextFold
from models.engagement import ContextWeights, EngagementPolicy
from models.folds import fold_events
from models.plan.compiled import Plan
from models.plan.facts import customer_facts
from models.plan.fields import Scope, fields_of
from models.plan.load import Loaded
from models.plan.spec import CareFactSpec, CareSpec
from schemas import Decision, DecisionRequest, MessageClass, Signal, Stage

FACTS = {
    "vulnerable": "care-vulnerable",
    "bereaved": "care-bereaved",
    "financial_difficulty": "care-financial-difficulty",
    "complaint_open": "care-complaint",
}
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("fact", FACTS)
def test_a_circumstance_stops_marketing_in_a_plan_that_says_nothing_of_it(fact):
    assert removed(plan(), request({fact: True})) == dict.fromkeys(MARKETING, FACTS[fact])


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (True, True),
        (False, False),
        (None, False),
        ("false", True),
        (0, True),
        (1, True),
        ((), True),
        ("", True),
    ],
)
def test_a_circumstance_that_is_neither_true_nor_false_holds(value, holds):
    assert bool(removed(plan(), request({"bereaved": value}))) is holds
    soft = plan(care={"bereaved": {"fact": "bereaved", "then": "soften"}})
    assert bool(ContextWeights.of(soft, ()).apply(request({"bereaved": value}))[0] < 1) is holds


def test_the_facts_can_have_other_names():
    spec = plan(care={"vulnerable": {"fact": "needs_support"}})
    assert removed(spec, request({"needs_support": True})) == dict.fromkeys(MARKETING, "care-vulnerable")
    assert removed(spec, request({"vulnerable": True})) == {}


def test_care_is_eligibility_and_comes_before_what_an_author_asks():
    spec = plan(actions={"loan": {"eligibility": [{"id": "adult", "when": "customer.age >= 18"}]}})
    policy = EngagementPolicy.of(spec, ())
    first = policy.rules[policy.apply(request({"bereaved": True}))[0]]
    assert (first.stage, first.id, first.text) == (
        Stage.ELIGIBILITY,
        "care-bereaved",
        "not customer.bereaved",
    )
    assert first.why == "We do not send you marketing at a time of bereavement."
    assert removed(spec, request({})) == {"loan": "adult"}


def test_a_plan_can_soften_instead():
    spec = plan(
        care={"complaint": {"fact": "complaint_open", "then": "soften"},
              "bereaved": {"fact": "bereaved", "then": "soften"}, "soften_percent": -60},
        arbitration={"context_weights": [{"when": "known(customer.age)", "percent": 20}]},
    )  # fmt: skip
    weights = ContextWeights.of(spec, ())
    assert weights.apply(request({})).tolist() == [1.0] * 5
    assert weights.apply(request({"complaint_open": True})).tolist() == pytest.approx([0.4] * 3 + [1.0] * 2)
    both = request({"complaint_open": True, "bereaved": True, "age": 40})
    assert weights.apply(both).tolist() == pytest.approx([0.6] * 3 + [1.2] * 2)
    assert weights.care(both).tolist() == pytest.approx([0.4] * 3 + [1.0] * 2)
    assert removed(spec, both) == {}
    assert removed(spec, request({"vulnerable": True})) == dict.fromkeys(MARKETING, "care-vulnerable")


@pytest.mark.parametrize(
    ("customer", "channel", "stopped"),
    [
        pytest.param({}, "mail", True, id="nothing-on-record-is-no-consent"),
        pytest.param({"consent_mail": False}, "mail", True, id="no-is-no-consent"),
        pytest.param({"consent_mail": None}, "mail", True, id="nor-is-null"),
        pytest.param({"consent_mail": "yes"}, "mail", True, id="nor-is-a-word"),
        pytest.param({"consent_mail": 1}, "mail", True, id="nor-is-a-number"),
        pytest.param({"consent_text": True}, "mail", True, id="nor-is-that-for-another-channel"),
        pytest.param({"consent_mail": True}, "mail", False, id="yes-is"),
        pytest.param({}, "web", False, id="an-inbound-channel-needs-none"),
    ],
)
def test_marketing_in_an_outbound_channel_needs_consent(customer, channel, stopped):
    expected = dict.fromkeys(MARKETING, "care-consent-mail") if stopped else {}
    assert refused(plan(), request(customer), channel) == expected


def test_consent_can_be_held_elsewhere_and_be_needed_for_inbound_channels():
    spec = plan(care={"consent": {"mail": "may_write", "web": "may_show"}})
    assert refused(spec, request({"consent_mail": True}), "mail") != {}
    assert refused(spec, request({"may_write": True}), "mail") == {}
    assert refused(spec, request({}), "web") == dict.fromkeys(MARKETING, "care-consent-web")
    assert refused(spec, request({"may_show": True}), "web") == {}


def test_consent_says_so_to_the_customer():
    built = gates(plan())
    assert built.rules == ((Stage.ELIGIBILITY, "care-consent-mail"), (Stage.ELIGIBILITY, "care-consent-text"))
    assert built.whys[0] == "You have not agreed to marketing by mail."


def test_a_waiver_in_words_switches_all_of_it_off():
    spec = plan(care={"waived": "the customers are test data"})
    everything = dict.fromkeys(FACTS, True)
    assert removed(spec, request(everything)) == {}
    assert refused(spec, request(everything), "mail") == {}
    assert not gates(spec).any


@pytest.mark.parametrize("waived", ["", " ", "-", "1"])
def test_a_waiver_without_words_switches_nothing_off(waived):
    assert removed(plan(care={"waived": waived}), request({"bereaved": True})) != {}


def test_a_channel_that_holds_nothing_needs_no_consent():
    channels = {"web": {"direction": "inbound"}, "mail": {"direction": "outbound"}, "text": {"direction": "outbound"},
                "core": {"direction": "outbound"}}  # fmt: skip
    assert "consent_core" not in customer_facts(plan(channels=channels))
    anywhere = {"hero": {"channel": "web"}, "letter": {"channel": "mail"}, "message": {}}
    assert "consent_core" in customer_facts(plan(channels=channels, placements=anywhere))


def test_the_facts_are_known_without_a_declaration():
    spec = plan(contact={"quiet_hours": [{"id": "night", "begins": "21:00", "ends": "08:00"}]})
    known = {"consent_mail", "consent_text", "time_zone", "age", *FACTS}
    assert set(customer_facts(spec)) == known
    named = set(fields_of(spec, Scope.DECISION)) & {f"customer.{name}" for name in known}
    assert len(named) == len(known)
    rule = {"id": "calm", "when": "not customer.bereaved and customer.time_zone == 'Asia/Kathmandu'"}
    ruled = plan(actions={"loan": {"suitability": [rule]}})
    with pytest.raises(
        ValueError, match="time_zone"
    ):  # nobody asked for quiet hours: nobody knows time zones
        EngagementPolicy.of(ruled, ())


def seen(fold, *profiles):
    """The requests of a customer whose events tell these facts, one event a minute."""
    state, found = fold.initial(), []
    for number, profile in enumerate(profiles):
        event = Signal(
            signal_id=f"s{number}", customer_id="c", occurred_at=NOON + number * timedelta(minutes=1),
            type="page_view", channel="web", brand="harbour", placements=("hero",), profile=profile,
        )  # fmt: skip
        state, outputs = fold.step(state, event)
        found += [each for each in outputs if isinstance(each, DecisionRequest)]
    return found


def test_care_begins_with_the_event_that_tells_and_ends_with_the_one_that_takes_it_back():
    spec = plan()
    asked = seen(
        ContextFold.of(spec, "p"), None, {"vulnerable": True}, {}, {"vulnerable": None}, {"bereaved": False}
    )
    stopped = [bool(removed(spec, each)) for each in asked]
    assert stopped == [False, True, True, False, False]


def test_a_fact_that_no_plan_knows_is_not_kept():
    asked = seen(ContextFold.of(plan(), "p"), {"bereaved": False, "shoe_size": 42})
    assert asked[0].context.customer == {"bereaved": False}


RULES = [{"id": "grown", "when": "customer.age >= 18"}], [{"id": "calm", "when": "not customer.bereaved"}]


@pytest.mark.parametrize(
    ("customer", "arm", "expected"),
    [
        ({"age": 17}, "nba", {"loan-out": "grown", "fraud-alert-out": "grown"}),
        ({"age": 18}, "nba", {"loan-out": "calm", "fraud-alert-out": "calm"}),
        ({"age": 18, "bereaved": False}, "nba", {}),
        ({"age": 17}, "bare", {"loan-out": "grown", "fraud-alert-out": "grown"}),
        ({"age": 18}, "bare", {"fraud-alert-out": "calm"}),
    ],
)
def test_a_treatment_has_rules_of_its_own_tried_tier_by_tier(customer, arm, expected):
    said = {"treatment": {"eligibility": RULES[0], "suitability": RULES[1]}}
    arms = {"arms": [{"id": "bare", "kind": "eligibility_only", "share": 0.1}]}
    spec = plan(actions={"loan": said, "fraud-alert": said}, experiments=arms)
    asked = request(customer, arm=arm)
    assert refused_treatments(spec, asked, "mail") == expected
    assert {stage for stage, name in gates(spec).rules if name in {"grown", "calm"}} == {
        Stage.TREATMENT_ELIGIBILITY
    }
    assert removed(spec, asked) == {}


SMALL = PLAN.load().plan
MARKED = ("vulnerable", "bereaved", "financial_difficulty", "complaint_open")


def small(care):
    """The small bank with this duty of care alone, under the same digest, so that answers find their offers."""
    policies = tuple(policy for policy in SMALL.spec.policies if policy.id != "not-vulnerable")
    spec = replace(SMALL.spec, policies=policies, care=replace(care, consent=SMALL.spec.care.consent))
    return Plan.compile(Loaded(spec, SMALL.digest, SMALL.canonical, None)).decide_fold()


STOPPING = small(CareSpec())
WAIVED = small(CareSpec(waived="to compare with"))


def decided(fold, events):
    """Per customer, in their order: what was decided."""
    found = {}
    for customer in dict.fromkeys(event.customer_id for event in events):
        outputs = fold_events(fold, [event for event in events if event.customer_id == customer])
        found[customer] = [each for each in outputs if isinstance(each, Decision)]
    return found


def offered(decision, *, marketing):
    return {
        offer.action
        for offer in decision.offers
        if (offer.message_class is MessageClass.MARKETING) is marketing
    }


def marked(events, customer, fact):
    """The same events, told at the beginning that the fact holds; what later events say of it is left out."""
    first = next(event for event in events if event.customer_id == customer)
    mark = Signal(
        signal_id="mark", customer_id=customer, occurred_at=first.occurred_at, type="profile", channel="web",
        brand="harbour", profile={fact: True},
    )  # fmt: skip
    return [mark, *(unmarked(event, fact) for event in events)]


def unmarked(event, *facts):
    if not isinstance(event, Signal) or not event.profile:
        return event
    return replace(event, profile={key: value for key, value in event.profile.items() if key not in facts})


def willing(events):
    """The same customers, grown up, agreeing to marketing all along, and in no circumstances."""
    first = {event.customer_id: event for event in reversed(events)}
    return [
        event if event is first[event.customer_id] else unmarked(event, "age", "consent_marketing", *MARKED)
        for event in events
    ]


HISTORIES = bank_arrivals(60).map(willing)


@SLOW
@given(HISTORIES, st.sampled_from(MARKED))
def test_a_marker_stops_marketing_for_a_whole_history_and_only_adds_service(events, fact):
    before, after = decided(STOPPING, events), decided(STOPPING, marked(events, "ana", fact))
    assert [one.signal_id for one in before["ana"]] == [one.signal_id for one in after["ana"]]
    assert {name: before[name] for name in before if name != "ana"} == {
        name: after[name] for name in after if name != "ana"
    }
    for without, with_marker in zip(before["ana"], after["ana"], strict=True):
        assert offered(with_marker, marketing=True) == set()
        assert offered(without, marketing=False) <= offered(with_marker, marketing=False)


@SLOW
@given(HISTORIES, st.sampled_from(MARKED))
def test_duty_of_care_never_changes_what_is_not_marketing_but_to_add_to_it(events, fact):
    told = marked(events, "ana", fact)
    for without, care in zip(decided(WAIVED, told)["ana"], decided(STOPPING, told)["ana"], strict=True):
        assert offered(without, marketing=False) <= offered(care, marketing=False)
        assert offered(care, marketing=True) <= offered(without, marketing=True)


@SLOW
@given(HISTORIES, st.sampled_from(MARKED), st.sampled_from([-10.0, -50.0, -100.0]))
def test_softening_never_adds_marketing_to_a_decision_from_the_same_state(events, fact, percent):
    soft = CareFactSpec(fact=fact, then="soften")
    name = "complaint" if fact == "complaint_open" else fact
    fold = small(CareSpec(soften_percent=percent, **{name: soft}))
    state, events = fold.initial(), [unmarked(event, fact) for event in events if event.customer_id == "ana"]
    for event in events:
        if isinstance(event, Signal) and len(event.placements) == 1:
            plainly = [each for each in fold.step(state, event)[1] if isinstance(each, Decision)]
            marked_event = replace(event, profile={**(event.profile or {}), fact: True})
            softly = [each for each in fold.step(state, marked_event)[1] if isinstance(each, Decision)]
            for without, care in zip(plainly, softly, strict=True):
                assert offered(care, marketing=True) <= offered(without, marketing=True)
                assert offered(without, marketing=False) <= offered(care, marketing=False)
        state, _ = fold.step(state, event)


def test_from_the_event_that_tells_on_whatever_the_order_of_times_nobody_sells():
    rng = random.Random(3)
    spec = plan()
    fold = ContextFold.of(spec, "p")
    state = fold.initial()
    for number in range(50):
        at = NOON + timedelta(seconds=rng.randrange(3600))
        event = Signal(
            signal_id=f"s{number}", customer_id="c", occurred_at=at, type="page_view", channel="web", brand="harbour",
            placements=("hero",), profile={"bereaved": True} if number == 20 else None,
        )  # fmt: skip
        state, outputs = fold.step(state, event)
        for each in outputs:
            if isinstance(each, DecisionRequest):
                assert set(removed(spec, each)) == (set(MARKETING) if number >= 20 else set())
    assert set(OTHERS).isdisjoint(removed(spec, request({"bereaved": True})))


def test_the_histories_compared_have_something_to_lose():
    before = decided(STOPPING, willing(busy_days(1000)))
    assert sum(bool(offered(one, marketing=True)) for each in before.values() for one in each) >= 50
    assert sum(bool(offered(one, marketing=False)) for each in before.values() for one in each) >= 20
