"""The ledger as a fold: decisions, their record, and what a host may rely on."""

import copy

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_bank import ACTIONS, RULES, START, Customer, candidates, day, outcome, plan, signal, verdicts

from models.folds import Counted, advance, fold_events
from models.ledger import LedgerFold
from models.times import DAY, HOUR, NEVER, SECOND, moment
from schemas import Contribution, Decision, Feedback, MessageClass, OutcomeKind, Stage

ALL = [row[0] for row in ACTIONS]
POLICY = {
    "limits": [
        {"id": "weekly", "at_most": 2, "per": "7d", "each": "group"},
        {"id": "page", "at_most": 3, "per": "1d", "each": "channel", "same_decision": "exempt"},
    ],
    "suppressions": [
        {"id": "no", "outcomes": ["Rejected", "NoResponse"], "times": 2, "within": "2d", "pause": "2d"},
        {"id": "opt-out", "signal": "signal.type == 'opt_out'", "pause": "3d", "pauses": "group"},
    ],
}


def test_slots_are_filled_in_the_order_asked_with_the_best_candidate_left():
    customer = Customer(plan())
    decision = customer.decide(ALL, day(0), placements=["tile", "hero", "tile", "unknown", "any"])
    found = [
        (offer.rank, offer.placement, offer.slot, offer.action, offer.channel) for offer in decision.offers
    ]
    assert found == [
        (1, "tile", 1, "loan", "web"),
        (2, "tile", 2, "card", "web"),
        (3, "hero", 1, "saver", "web"),
        (4, "any", 1, "bond", "web"),
    ]
    assert verdicts(decision)["fraud-alert"] == ("Arbitration", None)


def test_a_placement_without_a_channel_is_in_that_of_the_request():
    offers = Customer(plan()).decide(["bond"], day(0), placements=["any"], channel="branch").offers
    assert [offer.channel for offer in offers] == ["branch"]


def test_every_action_is_in_the_record_with_the_reason():
    customer = Customer(plan())
    decision = customer.decide(
        ["loan", "saver", "bond"], day(0), name="s1", removed={"card": 1, "fraud-alert": 0}
    )
    assert verdicts(decision) == {
        "loan": ("Output", None),
        "saver": ("Arbitration", None),
        "bond": ("TreatmentPlacements", None),
    }
    assert [candidate.rank for candidate in decision.ranked] == [1, 2, 3]
    assert [(removal.stage, removal.rule, removal.actions) for removal in decision.removed] == [
        (Stage.ELIGIBILITY, "adult", ("fraud-alert",)),
        (Stage.SUITABILITY, "calm", ("card",)),
    ]
    assert (decision.decision_id, decision.signal_id, decision.decided_at) == ("d-s1", "s1", moment(START))
    assert (decision.plan_digest, decision.model_digest, decision.no_action) == ("digest", "model", None)


def test_an_offer_carries_the_factors_of_its_priority_and_its_reasons():
    spec = plan()
    said = (Contribution(feature="visits", contribution=0.5),)
    asked = []

    def reasons(request, action):
        asked.append((request.decision_id, action))
        return said

    customer = Customer(spec, LedgerFold.of(spec, "digest", rules=RULES, reasons=reasons))
    (offer,) = customer.decide(["card", "loan"], day(0), name="one").offers
    assert (offer.propensity, offer.context_weight, offer.value, offer.lever, offer.priority) == (
        0.1,
        1.0,
        10.0,
        1.0,
        1.0,
    )
    assert (offer.issue, offer.group, offer.message_class) == ("grow", "lending", MessageClass.MARKETING)
    assert offer.reasons == said
    assert asked == [("d-one", 1)]


@pytest.mark.parametrize(
    ("order", "placements", "no_action"),
    [
        ([], ["hero"], "all_removed_by_engagement_policy"),
        (["bond"], ["hero"], "no_treatment_for_placements"),
        (["loan"], ["unknown"], "no_treatment_for_placements"),
        (["card"], ["hero"], "contact_policy"),
        (["card", "bond"], ["hero"], "contact_policy"),
        (["loan"], ["hero"], None),
    ],
)
def test_no_action_says_why_nothing_is_offered(order, placements, no_action):
    customer = Customer(
        plan(
            limits=[
                {"id": "none", "at_most": 0, "per": "1d", "each": "action", "scope": {"actions": ["card"]}}
            ]
        )
    )
    assert customer.decide(order, day(0), placements=placements).no_action == no_action


def test_without_any_candidates_the_record_says_so():
    spec = plan()
    empty = msgspec.structs.replace(candidates(spec, [], day(0)), removed_by=(-1,) * len(ALL), order=())
    decision = Customer(spec).apply(empty)[0]
    assert decision.no_action == "no_candidates"


def test_a_candidate_that_fits_only_where_it_is_refused_carries_the_rule():
    limit = {"id": "web", "at_most": 0, "per": "1d", "each": "channel", "channels": ["web"]}
    decision = Customer(plan(limits=[limit])).decide(["bond", "loan"], day(0), placements=["tile", "mail"])
    assert verdicts(decision) == {"bond": ("ContactPoliciesChannelLimits", "web"), "loan": ("Output", None)}


def test_a_decision_is_made_once():
    customer = Customer(plan())
    customer.decide(["loan"], day(0), name="one")
    before = customer.state
    assert customer.apply(candidates(customer.spec, ["loan"], day(0), name="one")) == [Counted.DUPLICATE]
    assert customer.state == before


def test_each_change_has_the_next_number():
    customer = Customer(plan(**POLICY))
    assert customer.decide(["loan"], day(0), name="one").ledger_sequence == 1
    customer.report(OutcomeKind.CLICKED, day(0.1), decision_id="d-one")
    customer.apply(signal(day(0.2), action="saver"))
    customer.apply(signal(day(0.3), action="nobody"))
    assert customer.decide(["card"], day(0.4)).ledger_sequence == 4


def test_signals_come_before_their_candidates_and_outcomes_after():
    customer = Customer(plan(**POLICY))
    spec, at = customer.spec, day(0)
    events = [
        outcome(OutcomeKind.CLICKED, at, outcome_id="a"),
        candidates(spec, ["loan"], at, name="s2"),
        msgspec.structs.replace(signal(at), signal_id="s2"),
        candidates(spec, ["loan"], at, name="s10"),
        msgspec.structs.replace(signal(at), signal_id="s10"),
        signal(at - 1),
    ]
    assert sorted(events, key=customer.fold.order) == [events[i] for i in (5, 4, 3, 2, 1, 0)]


def test_events_survive_the_shuffle():
    fold = Customer(plan()).fold
    for event in (
        candidates(plan(), ["loan"], day(0)),
        outcome(OutcomeKind.CLICKED, day(0), decision_id="d"),
        signal(day(0), action="loan"),
    ):
        assert fold.decode_event(fold.encode_event(event)) == event


@pytest.mark.parametrize("data", [b"", b"\x00\x80", b"\x09\x80"])
def test_bytes_that_are_no_event_of_the_ledger_are_an_error(data):
    with pytest.raises(ValueError, match="not an event of the ledger"):
        Customer(plan()).fold.decode_event(data)


def test_what_the_ledger_says_is_valid_by_contract():
    customer = Customer(plan(**POLICY))
    events = [
        candidates(customer.spec, ALL, day(0), name="one", placements=["tile", "mail"], removed={"card": 1}),
        outcome(OutcomeKind.CLICKED, day(0.1), decision_id="d-one", rank=1),
        outcome(OutcomeKind.CLICKED, day(0.2), decision_id="d-none"),
    ]
    said = [output for output in fold_events(customer.fold, events) if not isinstance(output, Counted)]
    assert {type(output).__name__ for output in said} == {"Decision", "Feedback", "DeadLetter"}
    for output in said:
        assert msgspec.json.decode(msgspec.json.encode(output), type=type(output)) == output


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x03\x90", b"\x01", b"\x01\xc1", b"\x01\x91\x05", b"\x01\x9a", b"nonsense"]
)
def test_a_state_that_cannot_be_read_is_an_error(data):
    with pytest.raises(ValueError, match="ledger state"):
        Customer(plan()).fold.decode(data)


def test_a_state_whose_parts_do_not_fit_is_an_error():
    customer = Customer(plan(**POLICY))
    customer.decide(["loan"], day(0))
    for broken in ({"times": ()}, {"committed": ()}, {"spots": ()}, {"origins": ()}):
        data = customer.fold.encode(msgspec.structs.replace(customer.state, **broken))
        with pytest.raises(ValueError, match="ledger state"):
            customer.fold.decode(data)


def test_a_state_of_older_code_without_the_latest_fields_can_be_read():
    fold = Customer(plan()).fold
    assert fold.decode(b"\x01" + msgspec.msgpack.encode(["c1", 5, 1])).sequence == 1


def test_everything_is_forgotten_once_nothing_needs_it():
    customer = Customer(plan(**POLICY))
    customer.decide(["loan"], day(0), name="one")
    customer.report(OutcomeKind.CLICKED, day(0.1), decision_id="d-one")
    forgotten = day(7) + 2 * HOUR + 1
    assert customer.fold.deadline(customer.state) == forgotten
    customer.expire(forgotten - 1)
    assert customer.state != customer.fold.initial()
    customer.expire(forgotten)
    assert customer.state == customer.fold.initial()
    assert customer.fold.deadline(customer.state) is None


def test_a_shorter_window_in_a_new_plan_forgets_no_offer_unheard():
    customer = Customer(plan())
    customer.decide(["loan"], day(0), placements=["mail"])
    channels = {
        "web": {"direction": "inbound"},
        "mail": {"direction": "outbound", "response_window": "5d"},
        "branch": {"direction": "inbound"},
    }
    later = Customer(plan(channels=channels))
    later.state = customer.state
    assert later.expire(day(4)) == []
    assert [found.delay_s for found in later.expire(day(6))] == [5 * 86400.0]


def test_tables_of_spots_do_not_grow_for_ever():
    actions = [
        {
            "id": f"a{i}",
            "group": "lending",
            "value": 1,
            "treatments": [{"id": f"t{i}", "placements": ["hero"]}],
        }
        for i in range(200)
    ]
    limit = {"id": "cap", "at_most": 50, "per": "1d", "each": "customer"}
    customer = Customer(plan(limits=[limit], actions=actions))
    for number in range(200):
        assert customer.offered([f"a{number}"], day(number / 4)) == [f"a{number}"]
        assert len(customer.state.spots) <= 14
        assert len(customer.fold.encode(customer.state)) < 2500


# --- properties over any events ------------------------------------------------------------------------------

_kinds = st.sampled_from(list(OutcomeKind))
_steps = st.integers(0, 100)  # of 3 hours: windows of days are crossed
_asks = st.tuples(
    st.just("ask"),
    _steps,
    st.permutations(ALL),
    st.integers(0, 5),
    st.lists(st.sampled_from(["hero", "tile", "mail", "any"]), min_size=1, max_size=3),
    st.sampled_from(["web", "branch"]),
)
_answers = st.tuples(st.just("answer"), _steps, _kinds, st.integers(0, 12), st.integers(0, 3))
_opt_outs = st.tuples(st.just("signal"), _steps, st.sampled_from([*ALL, "nobody"]))
_histories = st.lists(_asks | _answers | _opt_outs, min_size=1, max_size=25)

SPEC = plan(**POLICY)
FOLD = LedgerFold.of(SPEC, "digest", rules=RULES)


def _events(history):
    events = []
    for number, (kind, step, *rest) in enumerate(history):
        at = START + step * 3 * HOUR + number
        if kind == "ask":
            order, length, placements, channel = rest
            events.append(
                candidates(
                    SPEC, order[:length], at, name=f"s{number}", placements=placements, channel=channel
                )
            )
        elif kind == "answer":
            what, index, rank = rest
            named = (
                {"decision_id": f"d-s{index}", "rank": rank} if rank else {"action": ALL[index % len(ALL)]}
            )
            events.append(outcome(what, at, outcome_id=f"o{number}", **named))
        else:
            events.append(msgspec.structs.replace(signal(at, action=rest[0]), signal_id=f"x{number}"))
    return events


@settings(max_examples=150, deadline=None)
@given(_histories, st.booleans())
def test_states_survive_bytes_are_never_changed_and_give_the_same_again(history, ordered):
    events = _events(history)
    events = sorted(events, key=FOLD.order) if ordered else events
    state = FOLD.initial()
    for event in events:
        before, frozen = copy.deepcopy(state), FOLD.encode(state)
        following, outputs = advance(FOLD, state, event)
        assert state == before
        assert FOLD.encode(state) == frozen
        assert FOLD.decode(frozen) == state
        again = advance(LedgerFold.of(SPEC, "digest", rules=RULES), FOLD.decode(frozen), event)
        assert again == (following, outputs)
        assert [msgspec.msgpack.encode(output) for output in again[1]] == [
            msgspec.msgpack.encode(output) for output in outputs
        ]
        state = following


@settings(max_examples=150, deadline=None)
@given(_histories)
def test_every_event_is_accounted_for_once(history):
    events = _events(history)
    outputs = list(fold_events(FOLD, sorted(events, key=FOLD.order)))
    counted = [output for output in outputs if isinstance(output, Counted)]
    assert len(counted) == sum(event_kind != "signal" for event_kind, *_ in history)
    assert counted.count(Counted.DECIDED) == sum(isinstance(output, Decision) for output in outputs)
    ids = [output.feedback_id for output in outputs if isinstance(output, Feedback)]
    assert len(ids) == len(set(ids))


@settings(max_examples=150, deadline=None)
@given(_histories, st.data())
def test_it_does_not_matter_when_a_host_calls_expire(history, data):
    events = sorted(_events(history), key=FOLD.order)
    expected = list(fold_events(FOLD, events))
    state, outputs = FOLD.initial(), []
    for event in events:
        gap = data.draw(st.integers(0, 3 * DAY // SECOND)) * SECOND
        state, due = FOLD.expire(state, FOLD.order(event)[0] - gap)
        outputs += due
        state, found = advance(FOLD, state, event)
        outputs += found
    state, due = FOLD.expire(state, NEVER)
    assert outputs + due == expected
    assert state == FOLD.initial()


@settings(max_examples=100, deadline=None)
@given(_histories)
def test_each_offer_that_was_never_answered_is_followed_by_its_silence(history):
    outputs = list(fold_events(FOLD, sorted(_events(history), key=FOLD.order)))
    offers = {
        (output.decision_id, offer.rank)
        for output in outputs
        if isinstance(output, Decision)
        for offer in output.offers
        if offer.channel != "branch"
    }
    told = [output for output in outputs if isinstance(output, Feedback)]
    settled = {
        (found.decision_id, found.rank)
        for found in told
        if found.label is not None or found.contact == "released"
    }
    assert offers <= settled
    silent = [found for found in told if found.feedback_id.endswith(":NoResponse")]
    assert {(found.decision_id, found.rank) for found in silent} <= offers
    assert all(found.occurred_at > found.decided_at for found in silent)


def test_a_plan_with_a_separator_in_a_name_is_refused():
    with pytest.raises(ValueError, match=r"U\+001F"):
        LedgerFold.of(
            plan(
                brands=["harbour"],
                groups={"a\x1f": {"issue": "grow"}},
                actions=[
                    {
                        "id": "a",
                        "group": "a\x1f",
                        "value": 1,
                        "treatments": [{"id": "t", "placements": ["hero"]}],
                    }
                ],
            ),
            "digest",
            rules=RULES,
        )
