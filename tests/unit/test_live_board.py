"""What the live page adds up: rates, ages, the funnel, places in limits, acceptance; all of it bounded."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import msgspec
import pytest
import uk_bank
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.live.hostile import hostile
from models.explain_customer import explain_to_customer
from models.folds import advance
from models.plan.compiled import Plan
from models.simulation.answering import Answering
from models.simulation.living import LivingConfig, signals
from models.times import micros
from pipelines.live import board as boards
from pipelines.live import contacts as books
from pipelines.live.acceptance import MESSAGE_S, SCREEN_S, Acceptance, wilson
from pipelines.live.board import Board, paragraphs
from pipelines.live.contacts import PATIENCE_S, LimitBook
from pipelines.live.rings import Ages, Latest, PerSecond, percentiles
from pipelines.live.wire import Received
from schemas import ContactState, DeadLetter, Decision, Feedback, Outcome, Reason, Signal
from schemas.routing import attributes

BEGINS = micros(datetime(2026, 11, 21, 12, tzinfo=UTC))
NOW = BEGINS / 1e6


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.load(uk_bank.FOLDER)


@pytest.fixture(scope="module")
def lived(plan):
    """What happened between a hundred live customers and the pipeline, in order: signals, decisions, feedback."""
    fold, states, happened = plan.decide_fold(), {}, []
    answering = Answering(plan.spec, 7)
    config = LivingConfig(rate=200, customers=100, malformed=0, duplicates=0, disorder=0)
    waiting = [signal for _, signal in islice(signals(config, plan.spec, BEGINS), 3_000)]
    waiting.sort(key=lambda event: event.occurred_at, reverse=True)
    while waiting:
        event = waiting.pop()
        state = states.get(event.customer_id, fold.initial())
        states[event.customer_id], outputs = advance(fold, state, event)
        happened += [event, *(each for each in outputs if isinstance(each, Decision | Feedback))]
        replies = [
            reply for each in outputs if isinstance(each, Decision) for reply in answering.replies(each)
        ]
        if replies:
            waiting = sorted([*waiting, *replies], key=lambda e: e.occurred_at, reverse=True)
    return happened


@pytest.fixture(scope="module")
def told(plan, lived):
    board = Board(plan, lambda _: None, 7)
    _read(board, lived)
    return board


def _read(board, happened, delay_s=0.05):
    for event in happened:
        at = micros(getattr(event, "occurred_at", None) or event.decided_at) / 1e6
        if isinstance(event, Signal):
            board.signal(_received(event, at))
        elif isinstance(event, Decision):
            board.decision(_received(event, at + delay_s), at + delay_s)
        elif isinstance(event, Feedback):
            board.feedback(_received(event, at + delay_s))


def _received(record, at):
    named = {} if isinstance(record, Signal | Outcome) else attributes(record)
    return Received("ack", msgspec.json.encode(record), named, at)


# Rings


def test_a_map_forgets_what_came_first():
    latest: Latest[int, str] = Latest(3)
    for number in range(5):
        latest.add(number, str(number))
    latest.add(4, "again")
    assert (len(latest), latest.get(1), latest.get(4)) == (3, None, "4")
    latest.touch(2)
    latest.add(5, "5")
    assert (latest.get(2), latest.get(3)) == ("2", None)


def test_seconds_are_counted_and_forgotten():
    events = PerSecond(10)
    for tenth in range(1_000):
        events.add(100 + tenth / 10)
    assert events.series(200.5, 3) == [10, 10, 10]
    assert events.rate(200.5) == 10
    assert events.total == 1_000
    assert len(events._counts) <= 20


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_percentiles_are_values_that_so_many_do_not_exceed(values):
    p50, p99 = percentiles(values)
    for share, value in ((0.5, p50), (0.99, p99)):
        assert value in values
        assert sum(each <= value for each in values) >= share * len(values) - 1e-9
        assert sum(each < value for each in values) < share * len(values)


def test_ages_are_of_the_last_minute_and_second_by_second():
    ages = Ages(10)
    for second in range(200):
        ages.add(1_000 + second, second / 1000)
    assert ages.percentiles(1_200) == (0.169, 0.199)
    assert ages.series(1_200, 2) == [(0.198, 0.198), (0.199, 0.199)]
    assert ages.percentiles(2_000) is None
    assert len(ages._done) <= 20


# The board


def test_everything_that_happened_is_counted(told, lived):
    decisions = [each for each in lived if isinstance(each, Decision)]
    totals = told.snapshot(NOW + 20)["totals"]
    assert totals["signals"] == sum(isinstance(each, Signal) for each in lived)
    assert totals["decisions"] == len(decisions) > 500
    assert totals["offers"] == sum(len(each.offers) for each in decisions)
    assert totals["feedback"] == sum(isinstance(each, Feedback) for each in lived)
    assert (totals["dead_letters"], totals["unreadable"]) == (0, 0)


def test_the_age_of_a_decision_is_from_its_signal_to_itself(told):
    state = told.snapshot(NOW + 10.5)
    assert state["age"] == pytest.approx([50, 50], abs=0.2)
    assert state["curves"]["ages"][-1] == pytest.approx([50, 50], abs=0.2)


def test_the_age_is_the_same_if_the_decision_is_read_first(plan, lived):
    board = Board(plan, lambda _: None, 7)
    decision = next(each for each in lived if isinstance(each, Decision))
    signal = next(each for each in lived if isinstance(each, Signal) and each.signal_id == decision.signal_id)
    board.decision(_received(decision, NOW + 0.2), NOW)
    assert board.snapshot(NOW + 1)["age"] is None
    board.signal(_received(signal, NOW))
    assert board.snapshot(NOW + 1)["age"] == pytest.approx([200, 200], abs=0.2)


def test_every_action_of_every_decision_is_somewhere_in_the_funnel(told, plan):
    funnel = told.snapshot(NOW)["funnel"]
    assert funnel[0]["came"] == len(plan.spec.actions)
    assert sum(step["left"] for step in funnel) + funnel[-1]["came"] == pytest.approx(len(plan.spec.actions))
    totals = told.snapshot(NOW)["totals"]
    assert funnel[-1]["came"] == pytest.approx(totals["offers"] / totals["decisions"])


def test_a_decision_that_comes_twice_counts_once(plan, lived):
    board = Board(plan, lambda _: None, 7)
    for _ in range(2):
        _read(board, lived[:400])
    once = Board(plan, lambda _: None, 7)
    _read(once, lived[:400])
    for part in ("limits", "funnel"):
        assert board.snapshot(NOW + 60)[part] == once.snapshot(NOW + 60)[part]
    assert board.snapshot(NOW)["totals"]["decisions"] == once.snapshot(NOW)["totals"]["decisions"]


def test_decisions_are_shown_with_what_could_be_read_to_the_customer(told, lived, plan):
    shown = told.snapshot(NOW)["decisions"]
    assert 10 < len(shown) <= boards.SHOWN
    made = {each.decision_id: each for each in lived if isinstance(each, Decision)}
    for each in shown:
        text = explain_to_customer(made[each["id"]], plan)
        assert " ".join(each["why"]).split() == text.split()
        assert each["age"] == pytest.approx(50, abs=0.2)
    times = [each["at"] for each in shown]
    assert all(later - earlier >= 400 for later, earlier in pairwise(times))


def test_an_explanation_is_told_in_paragraphs():
    text = (
        "On Monday we\nspoke.\n\n1. A saver, in this\n   place.\n   “Save\n   now.”\n"
        "   We thought so. It\n   was good.\n\nWhy?\n- That: no\n  way.\n"
    )
    assert paragraphs(text) == [
        "On Monday we spoke.", "1. A saver, in this place.", "“Save now.”", "We thought so. It was good.",
        "Why?", "- That: no way.",
    ]  # fmt: skip


def test_another_plan_is_fetched_when_it_decides(plan, lived):
    asked = []
    board = Board(plan, asked.append, 7)
    decision = next(each for each in lived if isinstance(each, Decision))
    for number in range(20):
        other = msgspec.structs.replace(decision, decision_id=f"d{number}", plan_digest=f"p{number % 10}")
        board.decision(_received(other, NOW + number), NOW + number)
    state = board.snapshot(NOW + 20)
    assert state["plan"] == "p9"
    assert len(state["plans"]) <= 8
    assert "p9, which this page does not have" in state["decisions"][0]["why"][0]
    assert set(asked) == {f"p{number}" for number in range(10)}


def test_what_cannot_be_read_is_counted_and_harms_nothing(plan):
    board = Board(plan, lambda _: None, 7)
    for data in (b"", b"\xff", b"[]", b'{"signal_id": 7}', b'{"decision_id": "x"}', b"{" * 5_000):
        received = Received("", data, {}, NOW)
        board.signal(received)
        board.decision(received, NOW)
        board.feedback(received)
        board.dead_letter(received)
    totals = board.snapshot(NOW)["totals"]
    assert (totals["unreadable"], totals["dead_letters"], totals["signals"]) == (12, 6, 6)


def test_hostile_messages_harm_nothing(plan):
    board = Board(plan, lambda _: plan, None)
    corpus = hostile(
        b'{"signal_id":"s","customer_id":"c","occurred_at":"2026-11-21T12:00:00Z","type":"login"}'
    )
    for _, (payload, attributes_) in corpus:
        for take in (board.signal, board.feedback, board.dead_letter, lambda it: board.decision(it, NOW)):
            take(Received("", payload, attributes_, NOW))
    assert board.snapshot(NOW)["totals"]["signals"] == len(corpus)
    assert board.snapshot(NOW)["totals"]["decisions"] == 0


def test_dead_letters_are_counted_by_reason_with_the_latest_detail(plan):
    board = Board(plan, lambda _: None, 7)
    for number in range(300):
        reason = Reason.BAD_TIME if number % 3 else Reason.TOO_DEEP
        letter = DeadLetter.of(
            b"x",
            reason=reason,
            step="DecodeSignals",
            detail=f"$.n{number}",
            occurred_at=None,
            customer_id=None,
        )
        board.dead_letter(_received(letter, NOW))
    rows = board.snapshot(NOW)["dead_letters"]
    assert [(row["reason"], row["letters"], row["detail"]) for row in rows] == [
        ("bad_time", 200, "DecodeSignals: $.n299"), ("too_deep", 100, "DecodeSignals: $.n297"),
    ]  # fmt: skip


def test_reasons_that_somebody_makes_up_do_not_fill_the_memory(plan):
    board = Board(plan, lambda _: None, 7)
    for number in range(5_000):
        board.dead_letter(Received("", b"{}", {"reason": f"r{number}" * 500}, NOW))
    assert len(board._letters) <= 101
    assert all(len(row["reason"]) <= 401 for row in board.snapshot(NOW)["dead_letters"])


def test_memory_is_bounded_whoever_comes(plan, lived, monkeypatch):
    monkeypatch.setattr(boards, "_MOST_WAITING", 100)
    monkeypatch.setattr(books, "MOST_KEYS", 200)
    board = Board(plan, lambda _: None, 7)
    decision = next(each for each in lived if isinstance(each, Decision) and each.offers)
    for number in range(1_000):
        other = msgspec.structs.replace(
            decision, decision_id=f"d{number}", customer_id=f"c{number:06d}", signal_id=f"s{number}"
        )
        board.decision(_received(other, NOW), NOW)
        board.signal(Received("", b'{"signal_id":"t%d"}' % number, {}, NOW))
    assert len(board._asked) == len(board._unasked) == len(board._counted) == 100
    assert len(board._limits._made) == 200


# Limits


def test_no_limit_is_exceeded_and_the_busy_ones_are_full(told):
    limits = {row["id"]: row for row in told.snapshot(NOW + 3_600)["limits"]}
    assert all(row["over"] == 0 for row in limits.values())
    assert all(row["fullest"] <= row["at_most"] for row in limits.values())
    assert limits["action-per-day"]["fullest"] == 2
    assert limits["action-per-day"]["held_back"] > 0
    assert limits["screens-per-day"]["contacts"] > 100


def _contact(plan, lived, number, at, sequence):
    """A decision of one marketing offer on a screen."""
    base, offer = next(
        (each, o) for each in lived if isinstance(each, Decision) for o in each.offers
        if o.message_class == "marketing" and o.channel == "app" and o.group == "savings"
    )  # fmt: skip
    return msgspec.structs.replace(
        base, decision_id=f"d{number}", offers=(msgspec.structs.replace(offer, rank=1),), ranked=(),
        decided_at=base.decided_at + timedelta(seconds=at), ledger_sequence=sequence,
    )  # fmt: skip


def _released(decision, sequence, lived):
    base = next(each for each in lived if isinstance(each, Feedback))
    return msgspec.structs.replace(
        base,
        decision_id=decision.decision_id,
        rank=1,
        contact=ContactState.RELEASED,
        ledger_sequence=sequence,
    )


def _over(book, limit="action-per-day", now=NOW + 60):
    return next(row["over"] for row in book.rows(now) if row["id"] == limit)


def test_a_contact_too_many_is_seen_wherever_in_the_window_it_is(plan, lived):
    for times in ((0, 10, 20), (20, 10, 0), (10, 0, 86_399)):
        book = LimitBook(plan.spec)
        for number, at in enumerate(times):
            book.decided(_contact(plan, lived, number, at, number), NOW)
        assert _over(book) == 1
    book = LimitBook(plan.spec)
    for number, at in enumerate((0, 10, 86_401)):
        book.decided(_contact(plan, lived, number, at, number), NOW)
    assert _over(book) == 0


def test_what_was_given_back_before_does_not_count_even_if_we_learn_of_it_later(plan, lived):
    first, second, third = (_contact(plan, lived, number, 10 * number, 2 * number) for number in range(3))
    for given_back_at, over in ((3, 0), (5, 1)):
        book = LimitBook(plan.spec)
        for decision in (first, second, third):
            book.decided(decision, NOW)
        assert _over(book, now=NOW + PATIENCE_S / 2) == 0  # not sure yet
        book.answered(_released(second, given_back_at, lived))
        assert _over(book) == over


def test_the_offers_of_one_page_shut_each_other_out_only_where_the_plan_says_so(plan, lived):
    book = LimitBook(plan.spec)
    one = _contact(plan, lived, 0, 0, 1)
    many = tuple(
        msgspec.structs.replace(one.offers[0], rank=rank, action=f"a{rank}", group=f"g{rank}")
        for rank in range(1, 15)
    )
    book.decided(msgspec.structs.replace(one, offers=many), NOW)
    assert _over(book, "screens-per-day") == 0
    book.decided(msgspec.structs.replace(_contact(plan, lived, 1, 5, 2), offers=many[:1]), NOW)
    assert _over(book, "screens-per-day") == 1


# Acceptance


@given(hits=st.integers(0, 50), more=st.integers(0, 500))
@settings(max_examples=50)
def test_the_interval_of_a_share_is_around_it_and_within_0_and_1(hits, more):
    low, high = wilson(hits, hits + more)
    if hits + more:
        assert 0 <= low <= hits / (hits + more) + 1e-12
        assert hits / (hits + more) - 1e-12 <= high <= 1
    else:
        assert (low, high) == (0, 1)


def test_acceptance_is_about_what_the_truth_says(told):
    rows = told.snapshot(NOW + 20 + MESSAGE_S)["acceptance"]
    whole = rows[0]
    assert whole["name"] == "All offers"
    assert whole["offers"] == told.snapshot(NOW)["totals"]["offers"]
    assert whole["low"] - 0.01 <= whole["truth"] <= whole["high"] + 0.01
    assert sum(row["offers"] for row in rows[1:]) <= whole["offers"]


def test_offers_count_when_there_was_time_to_answer(plan, lived):
    acceptance = Acceptance(plan.spec, Answering(plan.spec, 7))
    decisions = [each for each in lived if isinstance(each, Decision)]
    for decision in decisions:
        acceptance.decided(decision, NOW)
    channels = [offer.channel for each in decisions for offer in each.offers]
    sent = sum(channel in {"email", "sms"} for channel in channels)
    assert acceptance.rows(NOW + SCREEN_S - 1)[0]["offers"] == 0
    assert acceptance.rows(NOW + SCREEN_S)[0]["offers"] == len(channels) - sent
    assert acceptance.rows(NOW + MESSAGE_S)[0]["offers"] == len(channels)


def test_nobody_knows_the_truth_about_real_customers(plan, lived):
    board = Board(plan, lambda _: None, None)
    _read(board, lived[:200])
    assert board.snapshot(NOW)["acceptance"] is None
