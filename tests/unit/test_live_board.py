"""What the live page adds up: rates, ages, the funnel, places in limits, acceptance; all of it bounded."""

import shutil
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import msgspec
import pytest
import uk_bank
from hypothesis import given
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
from pipelines.live.acceptance import MESSAGE_S, SCREEN_S, UNDER_WAY_S, Acceptance
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
def other(tmp_path_factory) -> Plan:
    """The same with a limit called otherwise."""
    folder = tmp_path_factory.mktemp("plans") / "bank"
    shutil.copytree(uk_bank.FOLDER, folder)
    contact = folder / "contact.yaml"
    contact.write_text(contact.read_text("utf-8").replace("action-per-day", "once-more-per-day"), "utf-8")
    return Plan.load(folder)


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


def test_a_second_has_all_of_its_values_however_late_they_come():
    ages, hundred = Ages(10), [0.1] * 99 + [0.9]
    for age in hundred[:-1]:
        ages.add(1_000.5, age)
    for second in (1_001, 1_002):
        assert ages.series(second, 1)[0] == ((0.1, 0.1) if second == 1_001 else None)
    ages.add(1_002.0, 0.2)
    ages.add(1_000.9, 0.9)
    assert ages.series(1_003, 3) == [percentiles(hundred), None, (0.2, 0.2)]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 9)), min_size=1, max_size=60), st.data())
def test_the_order_in_which_we_are_told_of_ages_does_not_matter(values, data):
    whole, asked = Ages(10), Ages(10)
    for second, age in values:
        whole.add(1_000 + second, age)
    for second, age in data.draw(st.permutations(values)):
        asked.add(1_000 + second, age)
        asked.series(1_000 + second + 1, 4)
    assert asked.series(1_004, 4) == whole.series(1_004, 4)


def test_values_of_long_ago_do_not_change_the_curve_and_memory_is_bounded():
    ages = Ages(10)
    for second in range(1_000, 1_100):
        ages.add(second, 0.1)
    ages.add(1_010, 5.0)
    ages.add(1_091, 5.0)
    assert ages.series(1_100, 10) == [(0.1, 0.1)] * 10
    assert len(ages._open) <= 5


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


def _by(decision, digest, number):
    return msgspec.structs.replace(decision, decision_id=f"d{number}", plan_digest=digest)


def test_a_plan_that_comes_back_is_shown_with_its_own_limits_names_and_answers(plan, other, lived):
    files = {plan.digest: plan, other.digest: other}
    board = Board(plan, files.get, 7)
    made = [each for each in lived if isinstance(each, Decision) and each.offers][:6]
    shown = []
    for number, digest in enumerate((plan.digest, plan.digest, other.digest, plan.digest)):
        board.decision(_received(_by(made[number], digest, number), NOW + number), NOW + number)
        state = board.snapshot(NOW + number)
        assert state["plan"] == state["shown"] == digest
        shown.append([row["id"] for row in state["limits"]])
        ids = [limit.id for limit in files[digest].spec.contact.limits]
        assert shown[-1] == ids
    assert shown[0] == shown[3] != shown[2]
    contacts = sum(row["contacts"] for row in board.snapshot(NOW + 9)["limits"])
    alone = Board(plan, files.get, 7)
    for number in (0, 1, 3):
        alone.decision(_received(_by(made[number], plan.digest, number), NOW + number), NOW + number)
    assert contacts == sum(row["contacts"] for row in alone.snapshot(NOW + 9)["limits"]) > 0
    assert (
        board.snapshot(NOW + 9)["decisions"][0]["offers"] == alone.snapshot(NOW + 9)["decisions"][0]["offers"]
    )


def test_a_decision_of_the_plan_before_that_comes_late_changes_nothing_but_its_own_counts(plan, other, lived):
    board = Board(plan, {plan.digest: plan, other.digest: other}.get, 7)
    made = [each for each in lived if isinstance(each, Decision)][:2]
    board.decision(_received(_by(made[0], other.digest, 0), NOW + 5), NOW + 5)
    board.decision(_received(_by(made[1], plan.digest, 1), NOW + 4), NOW + 5.1)
    assert board.snapshot(NOW + 6)["plan"] == board.snapshot(NOW + 6)["shown"] == other.digest


def test_a_plan_whose_files_are_not_there_yet_is_looked_for_again_ever_more_seldom(plan, other, lived):
    asked, there = [], []
    board = Board(plan, lambda digest: asked.append(digest) or (there[0] if there else None), 7)
    decision = next(each for each in lived if isinstance(each, Decision))

    def decided(number, at):
        board.decision(_received(_by(decision, other.digest, number), NOW + at), NOW + at)
        return board.snapshot(NOW + at)

    for tenth in range(600):
        state = decided(tenth, tenth / 10)
    assert 3 <= len(asked) <= 8
    assert (state["plan"], state["shown"]) == (other.digest, plan.digest)
    assert sum(row["contacts"] for row in state["limits"]) == 0  # they are not its own
    there.append(other)
    state = decided(1_000, 100)
    assert state["shown"] == other.digest


def test_a_decision_that_only_says_it_is_of_the_plan_ends_nothing(plan, lived):
    board = Board(plan, lambda _: None, 7)
    made = next(each for each in lived if isinstance(each, Decision) and each.offers)
    for number, changed in enumerate(({"placement": "nowhere"}, {"action": "none"}, {"channel": "fax"})):
        forged = msgspec.structs.replace(made.offers[0], **changed)
        decision = msgspec.structs.replace(made, decision_id=f"d{number}", offers=(forged,))
        board.decision(_received(decision, NOW + number), NOW + number)
        assert "cannot say why" in board.snapshot(NOW + number)["decisions"][0]["why"][0]
    assert board.snapshot(NOW + 3)["totals"]["decisions"] == 3


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
    assert len(board._plans.shown.limits._made) == 200


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


def test_acceptance_is_about_what_the_truth_says(told):
    rows = told.snapshot(NOW + 20 + MESSAGE_S)["acceptance"]
    whole = rows[0]
    assert whole["name"] == "All offers"
    assert whole["offers"] == told.snapshot(NOW)["totals"]["offers"]
    assert whole["low"] - 0.01 <= whole["truth"] <= whole["high"] + 0.01
    assert sum(row["offers"] for row in rows[1:]) <= whole["offers"]


def test_offers_count_when_there_was_time_to_answer(plan, lived):
    acceptance = Acceptance(plan.spec, Answering(plan.spec, 7), 60.0)
    screen_s, message_s = acceptance.waits
    decisions = [each for each in lived if isinstance(each, Decision)]
    for decision in decisions:
        acceptance.decided(decision, NOW)
    channels = [offer.channel for each in decisions for offer in each.offers]
    sent = sum(channel in {"email", "sms"} for channel in channels)
    assert acceptance.rows(NOW + screen_s - 1)[0]["offers"] == 0
    assert acceptance.rows(NOW + screen_s)[0]["offers"] == len(channels) - sent
    assert acceptance.rows(NOW + message_s)[0]["offers"] == len(channels)


def _yes_after(answering, decisions):
    """How long it took customers to say yes, of offers on screens."""
    for decision in decisions:
        screens = {offer.rank for offer in decision.offers if offer.channel in {"web", "app", "colleague"}}
        yes: dict[int, float] = {}
        for reply in answering.replies(decision):
            if isinstance(reply, Outcome) and reply.kind in ("Clicked", "Accepted") and reply.rank in screens:
                yes.setdefault(reply.rank, (reply.occurred_at - decision.decided_at).total_seconds())
        yield from yes.values()


@pytest.mark.parametrize("haste", [1, 60])
def test_so_many_answers_are_waited_for_that_the_rate_is_not_too_low_at_any_haste(plan, lived, haste):
    decisions = [each for each in lived if isinstance(each, Decision)]
    delays = list(_yes_after(Answering(plan.spec, 7, haste=haste), decisions))
    assert len(delays) > 30
    screen_s, message_s = Acceptance(plan.spec, Answering(plan.spec, 7, haste=haste), haste).waits
    assert max(delays) < screen_s - UNDER_WAY_S
    assert screen_s < message_s
    assert screen_s == pytest.approx(10 + (SCREEN_S - 10) / haste + UNDER_WAY_S)


def test_nobody_knows_the_truth_about_real_customers(plan, lived):
    board = Board(plan, lambda _: None, None)
    _read(board, lived[:200])
    assert board.snapshot(NOW)["acceptance"] is None
