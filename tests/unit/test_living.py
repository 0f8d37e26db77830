"""Customers who live now, and their answers: steady, in order, and good in the eyes of a strict reader."""

from collections import Counter, defaultdict
from itertools import islice, pairwise
from pathlib import Path

import msgspec
import pytest

from models.decoding.decoder import Decoder
from models.decoding.rejection import Rejection
from models.folds import advance
from models.plan.compiled import Plan
from models.simulation.answering import UNHURRIED, Answering, hastened
from models.simulation.glimpse import Glimpses
from models.simulation.living import LivingConfig, sendings, signals
from models.times import HOUR, MINUTE, SECOND, micros
from schemas import Decision, Outcome, OutcomeKind, Signal

BEGINS = 1_795_279_615_000_000
QUIET = {"malformed": 0.0, "duplicates": 0.0, "disorder": 0.0}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.load(Path("models/catalogues/uk_bank"))


def first(plan, number, **config):
    return list(islice(sendings(LivingConfig(**config), plan.spec, BEGINS), number))


# The source


def test_the_same_arguments_give_the_same_messages(plan):
    assert first(plan, 500, seed=3) == first(plan, 500, seed=3)
    assert first(plan, 500, seed=3) != first(plan, 500, seed=4)


def test_another_run_is_another_time_of_the_same_customers(plan):
    one, two = ({s.signal_id for _, s in _signals(plan, 300, run=run)} for run in ("a", "b"))
    assert not one & two


@pytest.mark.parametrize(("arrivals", "spread"), [("paced", 0.001), ("poisson", 0.15)])
def test_signals_come_at_the_rate_asked_for(plan, arrivals, spread):
    sent = first(plan, 2_000, rate=200, arrivals=arrivals, **QUIET)
    assert (sent[-1].at - BEGINS) / SECOND == pytest.approx(10, rel=spread)
    gaps = Counter(b.at - a.at for a, b in pairwise(sent))
    assert (len(gaps) <= 2) == (arrivals == "paced")


def test_messages_come_by_the_time_they_are_due(plan):
    sent = first(plan, 3_000, disorder=0.2, duplicates=0.1, malformed=0.1, held_s=2)
    assert all(a.at <= b.at for a, b in pairwise(sent))
    marks = Counter(sending.mark for sending in sent)
    good = marks["good"] + marks["late"]
    assert marks["late"] / good == pytest.approx(0.2, abs=0.04)
    assert marks["duplicate"] / good == pytest.approx(0.1, abs=0.03)
    assert (len(sent) - good - marks["duplicate"]) / good == pytest.approx(0.1, abs=0.03)


def test_good_messages_are_good_and_the_others_are_refused_for_the_reason_said(plan):
    decoder = Decoder(Signal, plan.spec)
    for sending in first(plan, 3_000, malformed=0.2):
        decoded = decoder.decode(sending.payload)
        if isinstance(decoded, Rejection):
            assert decoded.reason == sending.mark
        else:
            assert sending.mark in {"good", "late", "duplicate"}


def test_an_event_is_of_the_time_at_which_it_is_sent_unless_it_is_held_back(plan):
    for sending in first(plan, 1_000, disorder=0.3, malformed=0, duplicates=0):
        at = micros(msgspec.json.decode(sending.payload, type=Signal).occurred_at)
        assert at == sending.at if sending.mark == "good" else at < sending.at


def _signals(plan, number, **config):
    return list(islice(signals(LivingConfig(**config), plan.spec, BEGINS), number))


def test_every_customer_is_introduced_before_anything_else(plan):
    seen: dict[str, list[Signal]] = defaultdict(list)
    for _, signal in _signals(plan, 4_000, customers=300):
        seen[signal.customer_id].append(signal)
    assert len(seen) > 200
    for told in seen.values():
        assert (told[0].type, "age" in (told[0].profile or {})) == ("profile", True)
        assert [s.signal_id[-6:] for s in told] == [f"{n:06d}" for n in range(1, len(told) + 1)]
        assert all(a.occurred_at < b.occurred_at for a, b in pairwise(told))


def test_the_whole_of_a_bank_happens(plan):
    kinds = Counter(signal.type for _, signal in _signals(plan, 8_000))
    assert {"page_view", "login", "card_payment", "call", "webchat", "search", "application_started"} <= set(
        kinds
    )
    asking = sum(bool(signal.placements) for _, signal in _signals(plan, 2_000))
    assert 400 < asking < 1_400


def test_one_customer_can_be_made_busier_than_all_others(plan):
    shares = Counter(signal.customer_id for _, signal in _signals(plan, 2_000, busiest=0.3))
    assert shares["c000000"] / 2_000 == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("customers", [1, 2, 3])
def test_a_bank_of_few_customers_lives_too(plan, customers):
    of = {signal.customer_id for _, signal in _signals(plan, 300, customers=customers)}
    assert len(of) == customers


@pytest.mark.parametrize(
    ("field", "value"), [("rate", 0), ("rate", -1), ("customers", 0), ("malformed", 1.1), ("disorder", -0.1)]
)
def test_what_cannot_be_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"{field}={value} cannot be simulated"):
        LivingConfig(**{field: value})


# The answers


@pytest.fixture(scope="module")
def decided(plan) -> list[Decision]:
    """Decisions about customers who live, of one fold each."""
    fold, states, made = plan.decide_fold(), {}, []
    for _, signal in _signals(plan, 2_500, customers=150, **QUIET):
        state = states.get(signal.customer_id, fold.initial())
        states[signal.customer_id], outputs = advance(fold, state, signal)
        made += [output for output in outputs if isinstance(output, Decision)]
    return made


def test_an_answer_is_the_same_whenever_it_is_asked_for(plan, decided):
    one, two = Answering(plan.spec, 7), Answering(plan.spec, 7)
    assert [one.replies(d) for d in decided] == [two.replies(d) for d in reversed(decided)][::-1]
    assert any(Answering(plan.spec, 8).replies(d) != one.replies(d) for d in decided)


def test_a_decision_that_comes_as_a_message_has_the_same_answers(plan, decided):
    answering = Answering(plan.spec, 7)
    for decision in decided:
        read = msgspec.json.decode(msgspec.json.encode(decision), type=Decision)
        assert answering.replies(read) == answering.replies(decision)


def test_answers_come_in_order_after_the_decision_and_are_read_as_events(plan, decided):
    answering = Answering(plan.spec, 7)
    outcomes, follow = Decoder(Outcome, plan.spec), Decoder(Signal, plan.spec)
    kinds: Counter[str] = Counter()
    for decision in decided:
        replies = answering.replies(decision)
        times = [decision.decided_at, *(reply.occurred_at for reply in replies)]
        assert times == sorted(times)
        for reply in replies:
            decoder = outcomes if isinstance(reply, Outcome) else follow
            assert decoder.decode(msgspec.json.encode(reply)) == reply
            kinds[reply.kind if isinstance(reply, Outcome) else reply.type] += 1
        assert len({getattr(r, "outcome_id", None) or r.signal_id for r in replies}) == len(replies)
    assert kinds[OutcomeKind.IMPRESSION] > kinds[OutcomeKind.CLICKED] > 0
    assert kinds["page_view"] > 0


def test_seconds_pass_as_they_are_and_hours_as_minutes():
    assert hastened(3 * SECOND, 60) == 3 * SECOND
    assert hastened(UNHURRIED + HOUR, 60) == UNHURRIED + MINUTE
    assert hastened(5 * HOUR, 1) == 5 * HOUR
    assert all(hastened(a, 60) < hastened(a + SECOND, 60) for a in range(0, 60 * SECOND, SECOND))


def test_no_haste_below_the_pace_of_life(plan):
    with pytest.raises(ValueError, match=r"haste=0\.5 is no haste"):
        Answering(plan.spec, 7, haste=0.5)


def test_customers_of_another_bank_and_actions_of_another_plan_do_not_answer(plan, decided):
    answering = Answering(plan.spec, 7)
    offered = next(d for d in decided if d.offers)
    stranger = msgspec.structs.replace(offered, customer_id="somebody")
    offers = tuple(msgspec.structs.replace(offer, action="unheard-of") for offer in offered.offers)
    assert answering.replies(stranger) == ()
    assert list(answering.truths(stranger)) == []
    assert answering.replies(msgspec.structs.replace(offered, offers=offers)) == ()


def test_acceptance_follows_the_truth(plan, decided):
    """Of all offers, about as many are answered positively as the truth says."""
    answering, expected, said = Answering(plan.spec, 7), 0.0, 0
    for decision in decided:
        expected += sum(answer.positive for _, answer in answering.truths(decision))
        positive = {OutcomeKind.CLICKED, OutcomeKind.ACCEPTED}
        said += len(
            {r.rank for r in answering.replies(decision) if isinstance(r, Outcome) and r.kind in positive}
        )
    assert expected > 40
    assert abs(said - expected) < 4 * expected**0.5


def test_a_glimpse_shows_what_the_decision_was_made_by(plan, decided):
    decision = max(decided, key=lambda d: d.context.sequence)
    glimpse = Glimpses(plan.spec, 7).of(decision)
    assert glimpse is not None
    assert glimpse.facts["age"] == decision.context.customer["age"]
    named = dict(zip(plan.table.columns, decision.context.features, strict=True))
    assert glimpse.impressions(0) == named["impressions_7d"]
    assert glimpse.mood(0) == named["sentiment_30d"]
    cut = msgspec.structs.replace(
        decision, context=msgspec.structs.replace(decision.context, features=(1.0,))
    )
    assert Glimpses(plan.spec, 7).of(cut).features == {}
