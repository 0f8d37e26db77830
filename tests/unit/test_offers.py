"""Who gets a slot, and what the record says of it: bids, prices, bundles, fallbacks, influences, and no action."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_bank import ACTIONS, RULES, Customer, candidates, day, plan, verdicts

from models.ledger import LedgerFold
from models.ledger.state import decode_state, encode_state
from models.times import DAY, moment
from models.volumes.quotes import RecordedQuotes
from schemas import Decision, OutcomeKind, Stage
from schemas.decision import Price

IDS = [row[0] for row in ACTIONS]
PLACES = {
    "hero": {"channel": "web"},
    "tile": {"channel": "web", "slots": 2},
    "mail": {"channel": "mail", "slots": 3},
    "any": {},
}


def decide(spec, order, *, at=0.0, prices=(), left=None, gates=None, **fields):
    """The decision on these candidates, and who took capacity."""
    volumes = None
    if prices or left:
        asked = dict(prices)
        volumes = Ledger.of(spec)
        volumes.give(
            [
                Price(constraint=v.id, price=asked.get(v.id, 0.0), left=(left or {}).get(v.id))
                for v in spec.contact.volumes
            ]
        )
    fold = LedgerFold.of(spec, "digest", rules=RULES, gates=gates, volumes=volumes)
    decision = Customer(spec, fold).decide(order, day(at), **fields)
    return decision, volumes.taken if volumes else []


class Ledger(RecordedQuotes):
    """Recorded quotes that remember who took capacity."""

    def __init__(self, coverage):
        super().__init__(coverage)
        self.taken = []
        self.released = []
        self.demand = []

    def seen(self, at, channel, brand, bids):
        self.demand.append((channel, [IDS[action] for action, _ in bids]))

    def take(self, at, spot):
        self.taken.append(spot.action)

    def release(self, at, spot):
        self.released.append(spot.action)


def offered(decision):
    return [(offer.placement, offer.action) for offer in decision.offers]


def volume(name, **scope):
    return {"id": name, "at_most": 100, "per": "1d", **scope}


# --- bids


def test_a_price_reorders_and_is_recorded():
    spec = plan(contact={"volumes": [volume("lending", scope={"groups": ["lending"]})]})
    decision, taken = decide(spec, ["loan", "saver"], prices={"lending": 0.6})
    (offer,) = decision.offers
    assert (offer.action, offer.priority, offer.price, offer.bid) == ("saver", 0.5, 0.0, 0.5)
    assert decision.prices == (Price(constraint="lending", price=0.6),)
    assert [(c.action, c.price) for c in decision.ranked] == [("loan", 0.6), ("saver", 0.0)]
    assert taken == ["saver"]


def test_whom_the_price_leaves_nothing_is_not_offered_and_the_dearest_constraint_says_so():
    volumes = [volume("all"), volume("lending", scope={"groups": ["lending"]})]
    spec = plan(contact={"volumes": volumes})
    decision, taken = decide(spec, ["loan", "card"], prices={"all": 0.4, "lending": 0.6}, placements=["tile"])
    assert offered(decision) == []
    assert verdicts(decision) == {
        "loan": ("VolumeConstraints", "lending"),
        "card": ("VolumeConstraints", "lending"),
    }
    assert (decision.no_action, taken) == ("volume_constraints", [])


def test_what_is_exhausted_refuses_even_what_is_mandatory_but_no_service_message():
    actions = [msgspec.to_builtins(action) for action in plan().actions]
    actions[0]["mandatory"] = True
    spec = plan(contact={"volumes": [volume("web")]}, actions=actions)
    decision, _ = decide(spec, ["loan", "fraud-alert"], left={"web": 0})
    assert offered(decision) == [("hero", "fraud-alert")]
    assert verdicts(decision)["loan"] == ("VolumeConstraints", "web")
    priced, _ = decide(spec, ["loan", "fraud-alert"], prices={"web": 5.0})
    assert [(offer.action, offer.price) for offer in priced.offers] == [("loan", 5.0)]


def test_one_decision_does_not_spend_more_than_is_left():
    spec = plan(contact={"volumes": [volume("web")]})
    decision, taken = decide(spec, ["loan", "card", "saver"], left={"web": 1}, placements=["tile", "hero"])
    assert (offered(decision), taken) == ([("tile", "loan")], ["loan"])
    assert verdicts(decision)["card"] == ("VolumeConstraints", "web")


def test_capacity_is_told_who_wanted_it_whatever_it_costs():
    spec = plan(contact={"volumes": [volume("web")]})
    volumes = Ledger.of(spec)
    volumes.give([Price(constraint="web", price=0.0, left=0)])
    customer = Customer(spec, LedgerFold.of(spec, "digest", rules=RULES, volumes=volumes))
    assert customer.decide(["loan", "card", "fraud-alert"], day(0)).offers[0].action == "fraud-alert"
    assert volumes.demand == [("web", ["loan", "card", "fraud-alert"])]


def test_a_contact_given_back_gives_its_capacity_back():
    spec = plan(contact={"volumes": [volume("web")]})
    volumes = Ledger.of(spec)
    customer = Customer(spec, LedgerFold.of(spec, "digest", rules=RULES, volumes=volumes))
    customer.decide(["loan"], day(0), name="one")
    customer.report(OutcomeKind.BOUNCED, day(0.1), decision_id="d-one")
    assert (volumes.taken, volumes.released) == (["loan"], ["loan"])
    customer.report(OutcomeKind.IMPRESSION, day(0.2), decision_id="d-one")
    assert (volumes.taken, volumes.released) == (["loan", "loan"], ["loan"])


def test_a_price_of_another_channel_is_said_for_each_contender():
    spec = plan(contact={"volumes": [volume("mail", channels=["mail"])]})
    found = candidates(spec, ["loan", "card"], day(0), placements=["hero", "mail"])
    found = msgspec.structs.replace(found, evidence=(5.0,) * len(IDS))
    volumes = Ledger.of(spec)
    volumes.give([Price(constraint="mail", price=0.01)])
    decision = Customer(spec, LedgerFold.of(spec, "digest", rules=RULES, volumes=volumes)).apply(found)[0]
    hero, mail = decision.offers
    assert (hero.contenders, hero.contender_prices, hero.price) == ((1, 2), (), 0.0)
    assert (len(mail.contenders), mail.contender_prices, mail.price) == (1, (0.01,), 0.01)


# --- chance


def drawn(spec, names, evidence, *, name, **fields) -> Decision:
    found = candidates(spec, names, day(0), name=name, **fields)
    found = msgspec.structs.replace(found, evidence=tuple(evidence.get(action, 0.0) for action in IDS))
    return Customer(spec).apply(found)[0]


def test_chance_is_recorded_where_it_has_a_say():
    decision = drawn(
        plan(), ["loan", "card", "bond"], {"loan": 5.0, "card": 5.0}, name="a", placements=["tile"]
    )
    first = decision.offers[0]
    assert first.contenders == (1, 2, 3)
    assert first.bid == pytest.approx(first.priority * (first.sampled / first.propensity))
    assert [c.evidence for c in decision.ranked] == [5.0, 5.0, None]


def test_only_optional_marketing_is_drawn():
    actions = [msgspec.to_builtins(action) for action in plan().actions]
    actions[0]["mandatory"] = True
    spec = plan(actions=actions)
    decision = drawn(
        spec, ["loan", "fraud-alert", "card"], dict.fromkeys(IDS, 5.0), name="a", placements=["tile"]
    )
    loan, second = decision.offers
    assert (loan.action, loan.sampled, loan.contenders) == ("loan", None, ())
    assert second.contenders == (2, 3)
    assert [c.evidence for c in decision.ranked] == [None, None, 5.0]


def test_each_slot_draws_anew_and_a_repetition_draws_the_same():
    spec = plan()
    first = [drawn(spec, ["loan", "card"], {"loan": 3.0, "card": 3.0}, name=f"n{i}") for i in range(200)]
    again = [drawn(spec, ["loan", "card"], {"loan": 3.0, "card": 3.0}, name=f"n{i}") for i in range(200)]
    assert first == again
    won = Counter(decision.offers[0].action for decision in first)
    assert set(won) == {"loan", "card"}
    two = drawn(spec, ["loan", "card"], {"loan": 3.0, "card": 3.0}, name="n0", placements=["hero", "mail"])
    by_slot = {offer.action: offer.sampled for offer in two.offers}
    assert two.offers[0].sampled == first[0].offers[0].sampled
    other = drawn(spec, [two.offers[1].action], dict.fromkeys(IDS, 3.0), name="n0", placements=["hero"])
    assert other.offers[0].sampled != by_slot[two.offers[1].action]


# --- bundles

PAIR = {"id": "pair", "parent": "loan", "members": ["saver", "card"]}


@pytest.mark.parametrize(
    ("bundle", "order", "placements", "expected"),
    [
        pytest.param({}, ["loan", "bond", "card"], ["mail"], ["loan", "card"], id="a-member-follows"),
        pytest.param({}, ["bond", "loan", "card"], ["tile"], ["bond"], id="no-room-for-a-member-after-it"),
        pytest.param(
            {}, ["loan", "card", "saver"], ["mail"], ["loan", "card", "saver"], id="by-their-own-rank"
        ),
        pytest.param({}, ["loan", "fraud-alert"], ["mail"], ["fraud-alert"], id="no-member-left"),
        pytest.param({"needs": "all"}, ["loan", "card"], ["mail"], [], id="all-but-one-is-gone"),
        pytest.param({"needs": "all"}, ["loan", "card", "saver"], ["tile"], [], id="all-but-too-few-slots"),
        pytest.param(
            {"needs": "all"}, ["loan", "card", "saver"], ["mail"], ["loan", "card", "saver"], id="all"
        ),
        pytest.param({"needs": "none"}, ["loan"], ["hero"], ["loan"], id="none-needed"),
        pytest.param({}, ["card", "saver"], ["mail"], [], id="members-wait-for-the-parent"),
        pytest.param({"alone": True}, ["card", "loan"], ["mail"], ["card", "loan"], id="beside-it-before-it"),
        pytest.param({"alone": True}, ["card", "saver"], ["tile"], ["card", "saver"], id="alone"),
    ],
)
def test_bundles(bundle, order, placements, expected):
    spec = plan(bundles=[PAIR | bundle], placements=PLACES)
    decision, _ = decide(spec, order, placements=placements)
    assert [offer.action for offer in decision.offers] == expected


def test_who_goes_together_says_so():
    spec = plan(bundles=[PAIR], placements=PLACES)
    decision, _ = decide(spec, ["loan", "saver", "bond"], placements=["mail"])
    assert [(o.action, o.bundle, o.slot) for o in decision.offers] == [
        ("loan", "pair", 1),
        ("saver", "pair", 2),
    ]
    alone, _ = decide(spec, ["card", "saver"], placements=["mail"])
    assert verdicts(alone) == {"card": ("BundlingValidity", "pair"), "saver": ("BundlingValidity", "pair")}
    assert alone.no_action == "incomplete_bundle"


def test_members_obey_every_rule():
    spec = plan(
        bundles=[PAIR | {"needs": "all", "members": ["card"]}],
        placements=PLACES,
        limits=[{"id": "one", "at_most": 1, "per": "1d", "each": "group"}],
    )
    decision, _ = decide(spec, ["loan", "card", "saver"], placements=["mail"])
    assert offered(decision) == [("mail", "saver")]
    assert verdicts(decision)["loan"] == ("BundlingValidity", "pair")


def test_a_bundle_is_one_contact_as_capacity_goes_but_each_offer_counts_for_limits():
    spec = plan(
        bundles=[PAIR],
        placements=PLACES,
        contact={"volumes": [volume("mail")]},
        limits=[{"id": "two", "at_most": 2, "per": "1d", "each": "channel"}],
    )
    decision, taken = decide(spec, ["loan", "saver", "card"], left={"mail": 1}, placements=["mail"])
    assert offered(decision) == [("mail", "loan"), ("mail", "saver")]
    assert taken == ["loan"]
    assert verdicts(decision)["card"] == ("ContactPoliciesChannelLimits", "two")


def test_a_member_that_bounces_gives_no_capacity_back():
    spec = plan(bundles=[PAIR], placements=PLACES, contact={"volumes": [volume("mail")]})
    volumes = Ledger.of(spec)
    customer = Customer(spec, LedgerFold.of(spec, "digest", rules=RULES, volumes=volumes))
    customer.decide(["loan", "saver"], day(0), name="one", placements=["mail"])
    customer.report(OutcomeKind.BOUNCED, day(0.1), decision_id="d-one", action="saver")
    assert volumes.released == []
    customer.report(OutcomeKind.BOUNCED, day(0.1), decision_id="d-one", action="loan", outcome_id="o2")
    assert volumes.released == ["loan"]


# --- fallbacks


def with_fallback(**changes):
    places = {**PLACES, "hero": {"channel": "web", "fallback": "saver"}}
    return plan(placements=places, **changes)


@pytest.mark.parametrize(
    ("order", "placements", "expected"),
    [
        (["saver", "loan"], ["hero"], [("hero", "loan", False)]),
        (["bond", "saver"], ["hero"], [("hero", "saver", True)]),
        (["saver"], ["tile"], []),
        (["bond"], ["hero"], []),
        (["saver", "loan"], ["tile", "hero"], [("tile", "loan", False), ("hero", "saver", True)]),
    ],
)
def test_a_fallback_waits_until_nothing_else_is_offered(order, placements, expected):
    decision, _ = decide(with_fallback(), order, placements=placements)
    assert [(o.placement, o.action, o.fallback) for o in decision.offers] == expected


def test_a_fallback_that_was_not_needed_was_outranked_and_elsewhere_it_has_no_place():
    decision, _ = decide(with_fallback(), ["saver", "loan"])
    assert verdicts(decision)["saver"] == ("Arbitration", None)
    decision, _ = decide(with_fallback(), ["saver", "loan"], placements=["tile"])
    assert verdicts(decision)["saver"] == ("TreatmentPlacements", None)


def test_a_fallback_obeys_every_rule():
    limit = {"id": "none", "at_most": 0, "per": "1d", "each": "group", "scope": {"groups": ["deposits"]}}
    decision, _ = decide(with_fallback(limits=[limit]), ["saver"])
    assert (offered(decision), decision.no_action) == ([], "contact_policy")
    spec = with_fallback(contact={"volumes": [volume("web")]})
    decision, _ = decide(spec, ["saver"], prices={"web": 2.0})
    assert (offered(decision), decision.no_action) == ([], "volume_constraints")
    decision, taken = decide(spec, ["saver"], prices={"web": 0.5})
    assert ([(o.price, o.bid) for o in decision.offers], taken) == ([(0.5, None)], ["saver"])


def test_a_fallback_after_chance_says_who_might_have_been_there_instead():
    spec = with_fallback(contact={"volumes": [volume("web", scope={"groups": ["lending"]})]})
    found = candidates(spec, ["loan", "saver"], day(0))
    found = msgspec.structs.replace(found, evidence=(2.0,) * len(IDS))
    volumes = Ledger.of(spec)
    volumes.give([Price(constraint="web", price=9.9)])
    (offer,) = (
        Customer(spec, LedgerFold.of(spec, "digest", rules=RULES, volumes=volumes)).apply(found)[0].offers
    )
    assert (offer.action, offer.fallback, offer.contenders) == ("saver", True, (1,))


# --- influences

MAYBE = {"id": "maybe", "outcomes": ["Clicked"], "of": "group", "percent": 200, "half_life": "1d"}


def test_an_outcome_lifts_what_comes_next_and_wears_off():
    customer = Customer(plan(arbitration={"influences": [MAYBE]}))
    order = ["loan", "saver", "bond"]
    customer.decide(["saver"], day(0), name="one")
    assert customer.offered(order, day(0.5)) == ["loan"]
    customer.report(OutcomeKind.CLICKED, day(0.5), decision_id="d-one")
    decision = customer.decide(order, day(0.5) + 1)
    (offer,) = decision.offers
    assert (offer.action, offer.boost, offer.bid) == ("saver", pytest.approx(3.0), pytest.approx(1.5))
    assert [c.boost for c in decision.ranked] == [1.0, offer.boost, offer.boost]
    assert customer.offered(order, day(3.5)) == ["loan"]


def test_silence_is_an_outcome_too():
    no = {"id": "quiet", "outcomes": ["NoResponse"], "of": "action", "percent": -90}
    customer = Customer(plan(arbitration={"influences": [no]}))
    customer.decide(["loan"], day(0))
    assert customer.offered(["loan", "card"], day(1.5)) == ["card"]
    assert customer.decide(["loan"], day(1.6)).offers[0].boost == pytest.approx(0.1)


def test_marks_are_in_the_state_and_go_with_it():
    customer = Customer(plan(arbitration={"influences": [MAYBE | {"lasts": "10d"}]}))
    customer.decide(["saver"], day(0), name="one")
    customer.report(OutcomeKind.CLICKED, day(0), decision_id="d-one")
    assert decode_state(encode_state(customer.state)).marks == customer.state.marks != ()
    assert customer.state.due > day(10)
    customer.expire(customer.state.due)
    assert customer.state == customer.fold.initial()


OUTCOMES = [OutcomeKind.CLICKED, OutcomeKind.REJECTED, OutcomeKind.BOUNCED]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(OUTCOMES)),
        min_size=1,
        max_size=6,
        unique_by=lambda o: o[0],
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_outcomes_arrive_within_the_horizon_does_not_matter(told, random):
    influences = [MAYBE, {"id": "no", "label": "negative", "percent": -40, "of": "action"}]
    spec = plan(
        arbitration={"influences": influences},
        channels={"web": {"direction": "inbound"}, "mail": {"direction": "outbound"}},
        placements={**PLACES, "hero": {"channel": "web", "slots": 4}},
    )
    mixed = list(told)
    random.shuffle(mixed)

    def decided(sequence):
        customer = Customer(spec)
        customer.decide(["loan", "card", "saver"], day(0), name="one")
        for minutes, kind in sequence:
            at = day(0) + (minutes + 1) * 10 * 60_000_000
            action = ["loan", "card", "saver"][minutes % 3]
            customer.report(kind, at, decision_id="d-one", action=action)
        decision = customer.decide(["card", "loan", "bond", "saver"], day(0) + DAY // 12, name="two")
        return [(c.action, c.boost) for c in decision.ranked], offered(decision)

    assert decided(told) == decided(mixed)


# --- the record


def test_decision_and_feedback_know_arm_household_and_place_in_the_ledger():
    spec = plan()
    found = candidates(spec, ["loan"], day(0), name="one")
    request = msgspec.structs.replace(found.request, arm="no_levers", household_id="h1")
    own = tuple(0.3 if p else 0.0 for p in found.propensities)
    customer = Customer(spec)
    decision = customer.apply(msgspec.structs.replace(found, request=request, model_propensities=own))[0]
    assert (decision.arm, decision.household_id, decision.ledger_since) == ("no_levers", "h1", moment(day(0)))
    assert (
        [c.model_propensity for c in decision.ranked]
        == [o.model_propensity for o in decision.offers]
        == [0.3]
    )
    said = customer.report(OutcomeKind.CLICKED, day(0.1), decision_id="d-one")
    assert (said.arm, said.ledger_sequence, said.ledger_since) == ("no_levers", 2, moment(day(0)))


def test_where_nothing_else_has_a_say_the_record_says_nothing_of_it():
    (offer,) = Customer(plan()).decide(["loan"], day(0)).offers
    assert (offer.bid, offer.boost, offer.price, offer.contenders, offer.sampled) == (
        None,
        1.0,
        0.0,
        (),
        None,
    )


class Shut:
    """A gate that is shut for some actions, in every channel."""

    rules = ((Stage.CHANNEL_AVAILABILITY, "quiet-hours"),)
    any = True

    def __init__(self, *names):
        self._bits = sum(1 << IDS.index(name) for name in names)

    def refused(self, _request, _channel):
        return [(0, self._bits)]

    def refused_treatments(self, _request, _channel):
        return {}


def rule(stage):
    """What the engagement rules of a plan are, of which the first removes whatever is no candidate."""
    return ((stage, "rule"),)


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        (Stage.ELIGIBILITY, "all_removed_by_engagement_policy"),
        (Stage.UNIVERSAL_HOLDOUT, "universal_holdout"),
        (Stage.ACTION_MATURITY, "all_below_thresholds"),
        (Stage.PROPENSITY_THRESHOLDS, "all_below_thresholds"),
        (Stage.PRIORITY_THRESHOLDS, "all_below_thresholds"),
    ],
)
def test_no_candidate_left_says_which_part_of_the_funnel_took_the_last(stage, why):
    spec = plan()
    customer = Customer(spec, LedgerFold.of(spec, "digest", rules=rule(stage)))
    assert customer.decide([], day(0)).no_action == why


def test_no_action_is_what_became_of_the_best_candidate_that_fits():
    spec = plan(
        limits=[{"id": "none", "at_most": 0, "per": "1d", "each": "group", "scope": {"groups": ["deposits"]}}]
    )
    decision, _ = decide(spec, ["bond", "loan", "saver"], gates=Shut("loan"))
    assert (decision.no_action, verdicts(decision)["loan"]) == (
        "not_permitted_here",
        ("OutboundChannelAvailability", "quiet-hours"),
    )
    decision, _ = decide(spec, ["bond", "saver", "loan"], gates=Shut("loan"))
    assert decision.no_action == "contact_policy"


@pytest.mark.parametrize(
    ("shut", "hushed", "said"),
    [
        ((), (), "long"),
        ((), ("long",), "short"),
        ((), ("long", "short"), None),
        (("loan",), (), None),
    ],
)
def test_the_first_treatment_that_nothing_refuses_is_used(shut, hushed, said):
    actions = [msgspec.to_builtins(action) for action in plan().actions]
    actions[0]["treatments"] = [{"id": name, "placements": ["hero"]} for name in ("long", "short")]
    gates = Shut(*shut)
    gates.refused_treatments = lambda _request, _channel: {0: dict.fromkeys(hushed, 0)} if hushed else {}
    decision, _ = decide(plan(actions=actions), ["loan"], gates=gates)
    assert [offer.treatment for offer in decision.offers] == ([said] if said else [])
