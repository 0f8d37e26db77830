"""Contact limits: at most N in any rolling window, by whatever they count, in whatever order events arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_bank import ACTIONS, START, Customer, day, plan, verdicts

from models.ledger.book import Book
from models.ledger.spots import in_scope, plan_spots
from models.ledger.state import LedgerState
from models.times import DAY, HOUR, MINUTE, duration
from schemas import OutcomeKind

LIMIT = {"id": "cap", "at_most": 1, "per": "7d", "each": "customer"}
ALL = ["loan", "card", "saver", "bond", "fraud-alert"]


def test_two_contacts_exactly_a_window_apart_do_not_share_one():
    customer = Customer(plan(limits=[LIMIT]))
    assert customer.offered(["loan"], START) == ["loan"]
    assert customer.offered(["loan"], START + 7 * DAY - 1) == []
    assert customer.offered(["loan"], START + 7 * DAY) == ["loan"]


def test_a_contact_counts_against_one_that_is_decided_later_but_was_earlier():
    customer = Customer(plan(limits=[LIMIT]))
    assert customer.offered(["loan"], START + HOUR) == ["loan"]
    assert customer.offered(["loan"], START) == []


def test_a_window_in_the_middle_counts_too_not_only_the_trailing_one():
    # Contacts at 0 and 40 min; one at 20 min fills neither the window before it nor the one after it alone.
    customer = Customer(plan(limits=[{**LIMIT, "at_most": 2, "per": "1h"}]))
    assert customer.offered(["loan"], START) == ["loan"]
    assert customer.offered(["card"], START + 40 * MINUTE) == ["card"]
    assert customer.offered(["saver"], START + 20 * MINUTE) == []
    spread = Customer(plan(limits=[{**LIMIT, "at_most": 2, "per": "30m"}]))
    assert spread.offered(["loan"], START) == ["loan"]
    assert spread.offered(["card"], START + 40 * MINUTE) == ["card"]
    assert spread.offered(["saver"], START + 20 * MINUTE) == ["saver"]


@pytest.mark.parametrize(
    ("each", "refused"),
    [
        ("customer", {"loan", "card", "saver", "bond"}),
        ("channel", {"loan", "card", "saver", "bond"}),
        ("issue", {"loan", "card", "saver", "bond"}),
        ("group", {"loan", "card"}),
        ("action", {"loan"}),
        ("treatment", {"loan"}),
    ],
)
def test_a_limit_counts_by_what_it_says(each, refused):
    limit = {**LIMIT, "each": each, "same_decision": "exempt"}
    customer = Customer(plan(limits=[limit], placements=_tiles(5)))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    decision = customer.decide(ALL, day(1), placements=["tile"])
    assert {candidate.action for candidate in decision.ranked if candidate.rule == "cap"} == refused
    assert {offer.action for offer in decision.offers} == set(ALL) - refused


def _tiles(slots: int) -> dict[str, Any]:
    return {
        "hero": {"channel": "web"},
        "tile": {"channel": "web", "slots": slots},
        "mail": {"channel": "mail"},
        "any": {},
    }


def test_a_channel_limit_leaves_the_other_channels_alone():
    customer = Customer(plan(limits=[{**LIMIT, "each": "channel"}]))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    decision = customer.decide(["loan", "card"], day(1), placements=["hero", "mail"])
    assert [(offer.placement, offer.action) for offer in decision.offers] == [("mail", "loan")]
    decision = customer.decide(["card"], day(1.1))
    assert verdicts(decision) == {"card": ("ContactPoliciesChannelLimits", "cap")}


@pytest.mark.parametrize(
    ("known", "unknown", "offered"), [(0, 1, 2), (1, 1, 1), (1, 2, 0), (0, 2, 1), (0, 0, 3)]
)
def test_offers_of_one_decision_add_to_contacts_whose_direction_is_not_known(known, unknown, offered):
    # What older code wrote of a channel that the plan has no more: it counts for both directions.
    limit = {**LIMIT, "at_most": 3, "each": "direction"}
    customer = Customer(plan(limits=[limit], placements=_tiles(5)))
    customer.state = _contacts(["web"] * known + ["fax"] * unknown, day(0))
    governed = ALL[:4]
    decision = customer.decide(governed, day(1), placements=["tile"])
    assert [offer.action for offer in decision.offers] == governed[:offered]
    refused = [candidate.action for candidate in decision.ranked if candidate.rule == "cap"]
    assert refused == governed[offered:]


def _contacts(channels: Sequence[str], at: int) -> LedgerState:
    """A ledger with one contact in each of these channels, as code wrote them that knew no brand and direction."""
    book = Book(LedgerState(customer_id="c1", clock=at, sequence=1, since=at))
    for channel in channels:
        key = "\x1f".join(("gone", "gone-said", channel, "hero", "lending", "grow", "marketing"))
        book.add_contact(at, book.spot(key), committed=True)
    return book.close(at + 30 * DAY)


def test_a_group_with_the_name_of_the_channel_is_not_taken_for_it():
    groups = {"web": {"issue": "grow"}, "deposits": {"issue": "grow"}}
    actions = [
        {"id": name, "group": group, "value": 1, "treatments": [{"id": name, "placements": ["hero"]}]}
        for name, group in (("loan", "web"), ("saver", "deposits"))
    ]
    customer = Customer(plan(limits=[{**LIMIT, "each": "group"}], groups=groups, actions=actions))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    assert customer.offered(["saver"], day(1)) == ["saver"]


@pytest.mark.parametrize(
    ("scope", "second"),
    [
        ({"actions": ["loan"]}, ["card"]),
        ({"groups": ["lending"]}, ["saver"]),
        ({"issues": ["grow"]}, []),
        ({"issues": ["grow"], "groups": ["deposits"]}, ["loan"]),
        ({"classes": ["marketing"]}, []),
        ({"actions": ["bond"]}, ["loan"]),
    ],
)
def test_a_limit_is_about_the_actions_in_its_scope(scope, second):
    customer = Customer(plan(limits=[{**LIMIT, "scope": scope}]))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    assert customer.offered(["loan", "card", "saver"], day(1)) == second


def test_contacts_in_other_channels_do_not_count_for_a_limit_of_some_channels():
    customer = Customer(plan(limits=[{**LIMIT, "channels": ["mail"]}]))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    assert customer.offered(["loan"], day(0.1)) == ["loan"]
    assert customer.offered(["loan"], day(0.2), placements=["mail"]) == ["loan"]
    assert customer.offered(["card"], day(0.3), placements=["mail"]) == []
    assert customer.offered(["card"], day(0.4)) == ["card"]


@pytest.mark.parametrize(
    ("same_decision", "offered", "third"),
    [
        ("counted", ["loan"], ("ContactPoliciesActionLimits", "cap")),
        ("exempt", ["loan", "card", "saver"], ("Output", None)),
    ],
)
def test_offers_of_one_decision_count_against_each_other_unless_exempt(same_decision, offered, third):
    customer = Customer(plan(limits=[{**LIMIT, "same_decision": same_decision}]))
    decision = customer.decide(["loan", "card", "saver"], day(0), placements=["hero", "tile"])
    assert [offer.action for offer in decision.offers] == offered
    assert verdicts(decision)["saver"] == third
    assert customer.offered(["loan", "card"], day(1)) == []


def test_a_limit_of_zero_lets_nothing_through():
    customer = Customer(plan(limits=[{**LIMIT, "at_most": 0, "scope": {"groups": ["lending"]}}]))
    decision = customer.decide(["loan", "saver"], day(0))
    assert verdicts(decision) == {"loan": ("ContactPoliciesActionLimits", "cap"), "saver": ("Output", None)}


def test_the_first_rule_in_the_order_written_is_named():
    first = {"id": "first", "at_most": 1, "per": "1d", "each": "group"}
    customer = Customer(plan(limits=[first, LIMIT]))
    assert customer.offered(["loan"], day(0)) == ["loan"]
    decision = customer.decide(["loan", "card", "saver"], day(0.5))
    assert {action: rule for action, (_, rule) in verdicts(decision).items()} == {
        "loan": "first",
        "card": "first",
        "saver": "cap",
    }


def test_an_exempt_class_neither_consumes_nor_is_limited():
    customer = Customer(plan(limits=[{**LIMIT, "at_most": 1, "scope": {}}]))
    for number in range(5):
        assert customer.offered(["fraud-alert"], day(number / 10)) == ["fraud-alert"]
    assert customer.offered(["loan"], day(0.6)) == ["loan"]
    assert customer.offered(["loan", "fraud-alert"], day(0.7)) == ["fraud-alert"]


def test_another_treatment_is_said_when_the_first_had_its_share():
    treatments = [{"id": name, "placements": ["hero"]} for name in ("warm", "plain")]
    actions = [{"id": "loan", "group": "lending", "value": 1, "treatments": treatments}]
    customer = Customer(plan(limits=[{**LIMIT, "each": "treatment"}], actions=actions))
    said = [customer.decide(["loan"], day(number)).offers for number in (0, 1, 2)]
    assert [[offer.treatment for offer in offers] for offers in said] == [["warm"], ["plain"], []]


def test_a_refused_treatment_refuses_only_where_no_other_fits():
    treatments = [{"id": "warm", "placements": ["hero", "mail"]}, {"id": "plain", "placements": ["mail"]}]
    actions = [{"id": "loan", "group": "lending", "value": 1, "treatments": treatments}]
    customer = Customer(plan(limits=[{**LIMIT, "each": "treatment"}], actions=actions))
    customer.decide(["loan"], day(0))
    decision = customer.decide(["loan"], day(1))
    assert verdicts(decision) == {"loan": ("ContactPoliciesActionLimits", "cap")}
    decision = customer.decide(["loan"], day(2), placements=["hero", "mail"])
    assert [(offer.placement, offer.treatment) for offer in decision.offers] == [("mail", "plain")]


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        (OutcomeKind.BOUNCED, ["loan"]),
        (OutcomeKind.EXPIRED, ["loan"]),
        (OutcomeKind.PENDING, []),
        (OutcomeKind.DELIVERED, []),
        (OutcomeKind.REJECTED, []),
    ],
)
def test_a_slot_is_given_back_when_the_offer_never_arrived(kind, again):
    customer = Customer(plan(limits=[LIMIT]))
    customer.decide(["loan"], day(0), name="first")
    customer.report(kind, day(0.1), decision_id="d-first", rank=1)
    assert customer.offered(["loan"], day(1)) == again


def test_of_two_contacts_at_one_moment_the_one_that_bounced_is_given_back():
    customer = Customer(plan(limits=[{**LIMIT, "counts": "committed"}]))
    for name in ("first", "second"):
        assert customer.offered(["loan"], day(0), name=name) == ["loan"]
    customer.report(OutcomeKind.DELIVERED, day(0.1), decision_id="d-first")
    customer.report(OutcomeKind.BOUNCED, day(0.2), decision_id="d-second")
    assert customer.offered(["loan"], day(1)) == []


def test_a_full_memory_stops_marketing_and_nothing_else():
    limit = {**LIMIT, "at_most": 100, "per": "30d", "scope": {"groups": ["lending"]}}
    customer = Customer(plan(limits=[limit], contact={"keep": 16}))
    for number in range(16):
        assert customer.offered(["loan"], day(number)) == ["loan"]
    decision = customer.decide(["loan", "card"], day(16))
    assert decision.no_action == "contact_policy"
    assert set(verdicts(decision).values()) == {("ContactPoliciesActionLimits", "memory-full")}
    # What no limit is about needs no memory.
    assert customer.offered(["loan", "saver"], day(16.1)) == ["saver"]
    assert customer.offered(["loan", "fraud-alert"], day(16.2)) == ["fraud-alert"]
    # The first contact is forgotten when no limit can need it.
    assert customer.offered(["loan"], day(30) + 2 * HOUR - 1) == []
    assert customer.offered(["loan"], day(30) + 2 * HOUR) == ["loan"]
    assert customer.offered(["loan"], day(30) + 2 * HOUR + 1) == []


def test_a_full_memory_keeps_what_the_longest_limit_needs():
    often = {**LIMIT, "id": "often", "at_most": 100, "per": "1d"}
    seldom = {**LIMIT, "id": "seldom", "at_most": 16, "per": "30d"}
    customer = Customer(plan(limits=[often, seldom], contact={"keep": 16}))
    for number in range(16):
        assert customer.offered(["loan"], day(number)) == ["loan"]
    assert customer.offered(["loan"], day(16)) == []


def test_a_full_memory_is_full_until_the_longest_limit_can_do_without():
    often = {**LIMIT, "id": "often", "at_most": 100, "per": "1d"}
    seldom = {**LIMIT, "id": "seldom", "at_most": 100, "per": "30d"}
    customer = Customer(plan(limits=[often, seldom], contact={"keep": 16}))
    for number in range(16):
        customer.offered(["loan"], day(number))
    for at in (
        day(16),
        day(30) + 2 * HOUR - 1,
    ):  # had one been forgotten, "seldom" would refuse what it cannot know
        assert verdicts(customer.decide(["loan"], at))["loan"] == (
            "ContactPoliciesActionLimits",
            "memory-full",
        )
    assert customer.offered(["loan"], day(30) + 2 * HOUR) == ["loan"]


def test_one_decision_cannot_overfill_the_memory():
    customer = Customer(plan(limits=[{**LIMIT, "at_most": 100}], placements=_tiles(20), contact={"keep": 16}))
    for number in range(15):
        customer.decide(["loan"], day(number / 100))
    decision = customer.decide(["loan", "card", "fraud-alert"], day(1), placements=["tile"])
    assert [offer.action for offer in decision.offers] == ["loan", "fraud-alert"]
    assert verdicts(decision)["card"] == ("ContactPoliciesActionLimits", "memory-full")


def test_a_ledger_that_was_lost_offers_nothing_that_contact_policy_governs():
    customer = Customer(plan(limits=[LIMIT]))
    customer.state = customer.fold.lost(day(0))
    decision = customer.decide(["loan", "saver", "fraud-alert"], day(1), placements=["tile"])
    assert [offer.action for offer in decision.offers] == ["fraud-alert"]
    assert verdicts(decision)["loan"] == ("ContactPoliciesActionLimits", "memory-lost")
    assert customer.offered(["loan"], day(7) + 2 * HOUR) == ["loan"]


# --- against an oracle that tries every window ---------------------------------------------------------------

STEP = (
    1_000_000  # all times and windows are whole steps, so trying every window start at a step is exhaustive
)

scopes = st.fixed_dictionaries(
    {},
    optional={
        "groups": st.just(["lending"]) | st.just(["deposits", "care"]),
        "actions": st.just(["loan", "bond"]),
        "classes": st.just(["marketing"]),
    },
)
limits = st.fixed_dictionaries(
    {
        "at_most": st.integers(0, 4),
        "per": st.sampled_from(["1s", "3s", "8s", "20s"]),
        "each": st.sampled_from(["customer", "channel", "group", "issue", "action", "treatment"]),
        "same_decision": st.sampled_from(["counted", "exempt"]),
        "channels": st.sampled_from([[], ["web"], ["mail", "branch"]]),
        "scope": scopes,
    }
)


def _prefixes(order: Sequence[str]) -> st.SearchStrategy[Sequence[str]]:
    return st.integers(1, len(order)).map(lambda length: order[:length])


asked = st.lists(st.sampled_from(["hero", "tile", "mail", "any"]), min_size=1, max_size=3, unique=True)
decisions = st.tuples(
    st.just("decide"),
    st.integers(0, 30),
    st.permutations(ALL).flatmap(_prefixes),
    asked,
    st.sampled_from(["web", "branch"]),
)
reports = st.tuples(
    st.just("report"),
    st.integers(0, 30),
    st.integers(0, 20),
    st.integers(1, 3),
    st.sampled_from([OutcomeKind.BOUNCED, OutcomeKind.EXPIRED, OutcomeKind.DELIVERED, OutcomeKind.CLICKED]),
)


@dataclass
class _Made:
    """A contact as the oracle sees it."""

    at: int
    spot: Any
    released: bool = False
    committed: bool = False
    now: bool = False


def _same(each: str, one: Any, other: Any) -> bool:
    return {
        "customer": True,
        "channel": one.channel == other.channel,
        "group": one.group == other.group,
        "issue": one.issue == other.issue,
        "action": one.action == other.action,
        "treatment": (one.action, one.treatment) == (other.action, other.treatment),
    }[each]


def _exceeds(limit: Any, known: Sequence[_Made], spot: Any, at: int) -> bool:
    """Whether one more contact would make more than `at_most` in some window: every window is tried."""

    def covered(other: Any) -> bool:
        return in_scope(limit.scope, other) and (not limit.channels or other.channel in limit.channels)

    if not covered(spot):
        return False
    window = duration(limit.per)
    counted = [
        made.at
        for made in known
        if not made.released
        and made.spot.message_class == "marketing"
        and covered(made.spot)
        and _same(limit.each, made.spot, spot)
        and not (made.now and limit.same_decision == "exempt")
    ]
    starts = range(at - window + STEP, at + STEP, STEP)
    return any(
        sum(start <= moment < start + window for moment in counted) + 1 > limit.at_most for start in starts
    )


def _first_exceeded(
    spec: Any, known: Sequence[_Made], spot: Any, at: int, *, treated: bool = True
) -> str | None:
    """The first limit exceeded; those on treatments say nothing where none fits, unless they allow none at all."""
    if spot.message_class != "marketing":
        return None
    asked = [
        limit for limit in spec.contact.limits if treated or limit.each != "treatment" or not limit.at_most
    ]
    return next((limit.id for limit in asked if _exceeds(limit, known, spot, at)), None)


def _spot(spec: Any, action: str, placement: str, channel: str) -> Any:
    spot = next(spot for spot in plan_spots(spec) if spot.action == action)
    return spot._replace(placement=placement, channel=spec.placements[placement].channel or channel)


FITS = {action: placements for action, _, _, placements in ACTIONS}


def _expected(spec, known, at, order, placements, channel):
    """Offers as (placement, action), and the rule or stage of the others, decided the slow way."""
    made: list[_Made] = []
    offers: list[tuple[str, str]] = []
    stopped: dict[str, str] = {}
    for placement in placements:
        for _ in range(spec.placements[placement].slots):
            for action in order:
                if placement not in FITS[action] or any(action == offer for _, offer in offers):
                    continue
                spot = _spot(spec, action, placement, channel)
                if _first_exceeded(spec, known, spot, at):
                    continue
                rule = _first_exceeded(spec, [*known, *made], spot, at)
                if rule:
                    stopped.setdefault(action, rule)
                    continue
                made.append(_Made(at, spot, now=True))
                offers.append((placement, action))
                break
    fates = {action: _fate(spec, known, at, action, placements, channel, stopped) for action in order}
    return made, offers, {**fates, **dict.fromkeys((action for _, action in offers), "Output")}


def _fate(spec, known, at, action, placements, channel, stopped):
    fitting = [name for name in placements if name in FITS[action]]
    rules = [
        _first_exceeded(spec, known, _spot(spec, action, name, channel), at, treated=bool(fitting))
        for name in fitting or placements
    ]
    if all(rules):
        return rules[0]
    if not fitting:
        return "TreatmentPlacements"
    return stopped.get(action, "Arbitration")


@settings(max_examples=400, deadline=None)
@given(st.lists(limits, min_size=1, max_size=4), st.lists(decisions | reports, min_size=4, max_size=40))
def test_offers_are_refused_exactly_when_some_window_would_overflow(policy, events):
    spec = plan(limits=[{"id": f"l{index}", **limit} for index, limit in enumerate(policy)])
    customer, known = Customer(spec), []
    by_decision: list[list[_Made]] = []
    for event in events:
        if event[0] == "decide":
            _, step, order, placements, channel = event
            at = START + step * STEP
            made, offers, fates = _expected(spec, known, at, order, placements, channel)
            name = f"n{len(by_decision)}"
            decision = customer.decide(order, at, name=name, placements=placements, channel=channel)
            assert [(offer.placement, offer.action) for offer in decision.offers] == offers
            found = {action: rule or stage for action, (stage, rule) in verdicts(decision).items()}
            assert found == fates
            for contact in made:
                contact.now = False
            known += made
            by_decision.append(made)
        else:
            _, step, number, rank, kind = event
            if number < len(by_decision) and rank <= len(by_decision[number]):
                contact = by_decision[number][rank - 1]
                at = max(START + step * STEP, contact.at)
                customer.report(kind, at, decision_id=f"d-n{number}", rank=rank, outcome_id=f"o{len(events)}")
                if kind in (OutcomeKind.BOUNCED, OutcomeKind.EXPIRED):
                    contact.released = contact.released or not contact.committed
                else:
                    contact.committed, contact.released = True, False


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 3),
    st.sampled_from([2, 5, 9]),
    st.integers(0, 12),
    st.lists(st.tuples(st.integers(-12, 4), st.sampled_from(ALL[:3])), max_size=60),
)
def test_what_the_ledger_forgets_no_event_within_the_horizon_can_miss(at_most, window, late, requests):
    """Time moves on for many windows, requests arrive up to `late` behind; no window ever holds too many."""
    limit = {"id": "cap", "at_most": at_most, "per": f"{window}s", "each": "customer"}
    customer = Customer(plan(limits=[limit], session={"late": f"{late}s"}))
    made: list[int] = []
    clock = 0
    for number, (ahead, action) in enumerate(requests):
        step = clock + max(ahead, -late)
        clock = max(clock, step)
        offered = customer.offered([action], START + step * STEP, name=f"n{number}")
        starts = range(step - window + 1, step + 1)
        full = any(sum(start <= other < start + window for other in made) >= at_most for start in starts)
        assert bool(offered) is not full
        made += [step] * len(offered)
    starts = range(min(made, default=0) - window, max(made, default=0) + 1)
    assert all(sum(start <= step < start + window for step in made) <= at_most for start in starts)
