"""Attribution: which offer an outcome answers, its label, and what becomes of the contact."""

import msgspec
import pytest
from ledger_bank import START, Customer, candidates, day, outcome, plan

from models.folds import Counted
from models.times import DAY, HOUR
from schemas import ContactState, DeadLetter, Feedback, OutcomeKind, Reason

LATE = 2 * HOUR


@pytest.fixture
def customer():
    """Offers: d-one: loan in hero, card and saver in tile; d-two (a day later): loan by mail."""
    customer = Customer(plan())
    customer.decide(["loan", "card", "saver"], day(0), name="one", placements=["hero", "tile"])
    customer.decide(["loan"], day(0.5), name="two", placements=["mail"])
    return customer


@pytest.mark.parametrize(
    ("named", "attached"),
    [
        ({"decision_id": "d-one", "rank": 2}, ("d-one", 2, "card")),
        ({"decision_id": "d-one", "rank": 2, "action": "card"}, ("d-one", 2, "card")),
        ({"decision_id": "d-one", "action": "saver"}, ("d-one", 3, "saver")),
        ({"decision_id": "d-one", "rank": 9, "action": "saver"}, ("d-one", 3, "saver")),
        ({"decision_id": "d-two"}, ("d-two", 1, "loan")),
        ({"decision_id": "d-one", "action": "loan"}, ("d-one", 1, "loan")),
        ({"action": "loan"}, ("d-two", 1, "loan")),
        ({"action": "card"}, ("d-one", 2, "card")),
    ],
)
def test_an_outcome_attaches_to_the_offer_it_names(customer, named, attached):
    found = customer.report(OutcomeKind.CLICKED, day(0.6), **named)
    assert (found.decision_id, found.rank, found.action) == attached


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({}, "$: names neither a decision nor an action"),
        ({"rank": 1}, "$: names neither a decision nor an action"),
        ({"decision_id": "d-nine", "rank": 1}, "$.decision_id: no open offer of this decision"),
        ({"decision_id": "d-nine", "action": "loan"}, "$.decision_id: no open offer of this decision"),
        ({"decision_id": "d-one"}, "$.rank: the decision made several offers and none is named"),
        ({"decision_id": "d-one", "rank": 4}, "$.rank: not a rank of this decision"),
        ({"decision_id": "d-one", "rank": 0}, "$.rank: not a rank of this decision"),
        ({"decision_id": "d-one", "action": "bond"}, "$.action: not offered in this decision"),
        (
            {"decision_id": "d-one", "rank": 1, "action": "card"},
            "$.action: not the action at this rank of the decision",
        ),
        ({"action": "bond"}, "$.action: no open offer of this action"),
        ({"action": "gone-from-the-plan"}, "$.action: no open offer of this action"),
    ],
)
def test_an_outcome_that_names_no_open_offer_is_a_dead_letter(customer, named, why):
    event = outcome(OutcomeKind.CLICKED, day(0.6), trace="t1", **named)
    dead, counted = customer.apply(event)
    assert counted is Counted.DEAD
    assert isinstance(dead, DeadLetter)
    assert (dead.reason, dead.step, dead.detail) == (Reason.UNATTRIBUTED, "ApplyContactPolicy", why)
    assert msgspec.json.decode(dead.payload, type=type(event)) == event
    assert dead.payload_bytes == len(dead.payload)
    assert (dead.occurred_at, dead.customer_id) == (event.occurred_at, "c1")


@pytest.mark.parametrize(
    ("placement", "channel", "after", "attached"),
    [
        ("hero", "web", 0, True),
        ("hero", "web", DAY, True),
        ("hero", "web", DAY + 1, False),
        ("mail", "web", 3 * DAY, True),
        ("mail", "web", 3 * DAY + 1, False),
        ("any", "web", DAY + 1, False),
        # A channel without a response window: for as long as the longest limit remembers the contact.
        ("any", "branch", 10 * DAY, True),
        ("any", "branch", 10 * DAY + 1, False),
    ],
)
@pytest.mark.parametrize("by", ["decision_id", "action"])
def test_an_offer_can_be_answered_until_the_response_window_of_its_channel_ends(
    placement, channel, after, attached, by
):
    customer = Customer(plan(limits=[{"id": "cap", "at_most": 9, "per": "10d", "each": "customer"}]))
    action = "bond" if placement == "any" else "loan"
    customer.decide([action], START, name="one", placements=[placement], channel=channel)
    named = {"decision_id": "d-one"} if by == "decision_id" else {"action": action}
    found = customer.report(OutcomeKind.ACCEPTED, START + after, **named)
    assert isinstance(found, Feedback) == attached
    if not attached and by == "decision_id":
        assert found.detail == "$.occurred_at: after the response window"


def test_an_outcome_before_its_decision_answers_nothing(customer):
    found = customer.report(OutcomeKind.CLICKED, day(0) - 1, decision_id="d-one", rank=1)
    assert found.detail == "$.occurred_at: before the decision"
    assert isinstance(customer.report(OutcomeKind.CLICKED, day(0) - 1, action="loan"), DeadLetter)


def test_an_action_alone_is_the_latest_offer_that_was_not_given_back(customer):
    customer.report(OutcomeKind.BOUNCED, day(0.6), decision_id="d-two")
    assert customer.report(OutcomeKind.CLICKED, day(0.7), action="loan").decision_id == "d-one"
    customer.report(OutcomeKind.BOUNCED, day(0.8), action="saver")
    assert customer.report(OutcomeKind.EXPIRED, day(0.8), action="saver").contact is ContactState.RELEASED


def test_an_action_alone_is_the_latest_offer_that_was_made_by_then(customer):
    assert customer.report(OutcomeKind.CLICKED, day(0.5) - 1, action="loan").decision_id == "d-one"
    assert customer.report(OutcomeKind.CLICKED, day(0.5), action="loan").decision_id == "d-two"


@pytest.mark.parametrize(
    ("kind", "label", "contact"),
    [
        (OutcomeKind.PENDING, None, ContactState.RESERVED),
        (OutcomeKind.DELIVERED, None, ContactState.COMMITTED),
        (OutcomeKind.IMPRESSION, None, ContactState.COMMITTED),
        (OutcomeKind.CLICKED, True, ContactState.COMMITTED),
        (OutcomeKind.ACCEPTED, True, ContactState.COMMITTED),
        (OutcomeKind.CONVERSION, True, ContactState.COMMITTED),
        (OutcomeKind.REJECTED, False, ContactState.COMMITTED),
        (OutcomeKind.NO_RESPONSE, False, ContactState.COMMITTED),
        (OutcomeKind.BOUNCED, None, ContactState.RELEASED),
        (OutcomeKind.EXPIRED, None, ContactState.RELEASED),
    ],
)
def test_each_outcome_has_its_label_and_moves_the_contact(customer, kind, label, contact):
    found = customer.report(kind, day(0.25), decision_id="d-one", rank=1)
    assert (found.outcome, found.label, found.contact) == (kind, label, contact)


@pytest.mark.parametrize(
    ("kinds", "contact"),
    [
        (("DELIVERED", "BOUNCED"), ContactState.COMMITTED),
        (("CLICKED", "EXPIRED"), ContactState.COMMITTED),
        (("BOUNCED", "CLICKED"), ContactState.COMMITTED),
        (("BOUNCED", "PENDING"), ContactState.RELEASED),
        (("PENDING", "DELIVERED", "PENDING"), ContactState.COMMITTED),
    ],
)
def test_what_reached_the_customer_counts_whatever_else_is_reported(customer, kinds, contact):
    found = None
    for kind in kinds:
        found = customer.report(OutcomeKind[kind], day(0.25), decision_id="d-one", rank=1, outcome_id=kind)
    assert found.contact is contact


def test_a_feedback_record_says_all_about_offer_and_outcome(customer):
    event = outcome(
        OutcomeKind.CONVERSION, day(0.75), decision_id="d-two", value=99.5, trace="t1", outcome_id="o1"
    )
    found, counted = customer.apply(event)
    assert counted is Counted.OBSERVED
    assert msgspec.to_builtins(found) == {
        "feedback_id": "o1",
        "decision_id": "d-two",
        "customer_id": "c1",
        "rank": 1,
        "action": "loan",
        "treatment": "loan-said",
        "issue": "grow",
        "group": "lending",
        "channel": "mail",
        "brand": "harbour",
        "placement": "mail",
        "message_class": "marketing",
        "outcome": "Conversion",
        "occurred_at": "2023-11-15T16:13:20Z",
        "decided_at": "2023-11-15T10:13:20Z",
        "delay_s": 21600.0,
        "label": True,
        "contact": "committed",
        "propensity": 0.1,
        "value": 99.5,
        "plan_digest": "digest",
        "model_digest": "model",
        "trace": "t1",
        "ledger_sequence": 3,
        "ledger_since": "2023-11-14T22:13:20Z",
        "arm": "nba",
        "notes": (),
        "seal": "",
    }


def test_silence_is_feedback_when_window_and_horizon_have_passed(customer):
    due = day(0) + DAY + LATE + 1
    assert customer.fold.deadline(customer.state) == due
    assert customer.expire(due - 1) == []
    silent = customer.expire(due)
    assert [(found.feedback_id, found.action) for found in silent] == [
        ("d-one:1:NoResponse", "loan"),
        ("d-one:2:NoResponse", "card"),
        ("d-one:3:NoResponse", "saver"),
    ]
    first = silent[0]
    assert (first.outcome, first.label, first.contact) == (
        OutcomeKind.NO_RESPONSE,
        False,
        ContactState.COMMITTED,
    )
    assert (first.delay_s, first.trace, first.value) == (86400.0, None, None)
    assert customer.expire(due) == []
    assert [found.decision_id for found in customer.expire(day(10))] == ["d-two"]


@pytest.mark.parametrize(
    ("kind", "silent"),
    [
        (OutcomeKind.DELIVERED, True),
        (OutcomeKind.IMPRESSION, True),
        (OutcomeKind.PENDING, True),
        (OutcomeKind.CLICKED, False),
        (OutcomeKind.REJECTED, False),
        (OutcomeKind.NO_RESPONSE, False),
        (OutcomeKind.BOUNCED, False),
    ],
)
def test_there_is_no_silence_after_an_answer_nor_on_what_never_arrived(kind, silent):
    customer = Customer(plan())
    customer.decide(["loan"], day(0), name="one")
    customer.report(kind, day(0.5), decision_id="d-one")
    assert bool(customer.expire(day(9))) == silent


def test_silence_says_nothing_in_a_channel_without_a_response_window():
    customer = Customer(plan())
    assert customer.offered(["bond"], day(0), placements=["any"], channel="branch") == ["bond"]
    assert customer.expire(day(99)) == []
    assert customer.state == customer.fold.initial()


def test_several_outcomes_may_follow_one_offer(customer):
    kinds = (OutcomeKind.IMPRESSION, OutcomeKind.CLICKED, OutcomeKind.ACCEPTED, OutcomeKind.CONVERSION)
    found = [customer.report(kind, day(0.6), decision_id="d-one", rank=1) for kind in kinds]
    assert [feedback.label for feedback in found] == [None, True, True, True]


def test_a_late_outcome_within_the_horizon_is_still_attributed():
    customer = Customer(plan())
    customer.decide(["loan"], START, name="one")
    customer.decide(["card"], START + DAY + LATE, name="two")
    assert isinstance(customer.report(OutcomeKind.CLICKED, START + DAY, decision_id="d-one"), Feedback)


def test_of_too_many_open_offers_the_oldest_are_closed():
    customer = Customer(plan(contact={"keep": 16}))
    for number in range(17):
        customer.decide(["loan"], day(number / 100), name=f"n{number}")
    assert isinstance(customer.report(OutcomeKind.CLICKED, day(0.5), decision_id="d-n0"), DeadLetter)
    assert isinstance(customer.report(OutcomeKind.CLICKED, day(0.5), decision_id="d-n1"), Feedback)


def test_an_offer_of_an_action_no_longer_in_the_plan_is_still_answered():
    old = plan()
    customer = Customer(old)
    customer.decide(["loan"], day(0), name="one")
    new = msgspec.structs.replace(old, actions=old.actions[1:])
    later = Customer(new)
    later.state = customer.state
    found = later.report(OutcomeKind.CLICKED, day(0.5), decision_id="d-one")
    assert (found.action, found.group, found.plan_digest) == ("loan", "lending", "digest")


def test_candidates_after_the_window_expire_what_was_due_before_them(customer):
    outputs = customer.apply(candidates(customer.spec, ["loan"], day(5)))
    assert [output.decision_id for output in outputs if isinstance(output, Feedback)] == ["d-one"] * 3 + [
        "d-two"
    ]


@pytest.mark.parametrize(
    ("confirmed", "contact", "label", "again"),
    [
        (None, ContactState.RELEASED, None, ["loan"]),
        (OutcomeKind.PENDING, ContactState.RELEASED, None, ["loan"]),
        (OutcomeKind.DELIVERED, ContactState.COMMITTED, False, []),
        (OutcomeKind.IMPRESSION, ContactState.COMMITTED, False, []),
    ],
)
def test_where_delivery_is_confirmed_silence_gives_back_only_what_was_not(confirmed, contact, label, again):
    channels = {"mail": {"direction": "outbound", "response_window": "1d", "unconfirmed": "release"}}
    limit = {"id": "cap", "at_most": 1, "per": "30d", "each": "customer"}
    spec = plan(limits=[limit], channels={**_CHANNELS, **channels})
    customer = Customer(spec)
    customer.decide(["loan"], day(0), name="one", placements=["mail"])
    if confirmed:
        customer.report(confirmed, day(0.1), decision_id="d-one")
    (silence,) = customer.expire(day(2))
    assert (silence.outcome, silence.contact, silence.label) == (OutcomeKind.NO_RESPONSE, contact, label)
    assert customer.offered(["loan"], day(2.5), placements=["mail"]) == again


_CHANNELS = {"web": {"direction": "inbound"}, "branch": {"direction": "inbound"}}
