"""Erasing a customer: everything known goes, what happened before revives nothing, limits that look back hold back."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from bank_arrivals import PLAN as SMALL
from context_plans import fold_of
from context_plans import signal as told
from ledger_bank import Customer, candidates, day, outcome, plan, verdicts
from metamorphic_bank import START, answer, bank, compiled, offered, outputs, request, signal
from metamorphic_bank import known as agreed

from models.context.state import ContextState
from models.decoding import Decoder
from models.erasure import CLOSED, ERASE, MEMORY_ERASED, mark_kept
from models.folds import Counted, Noticed, _Keys, advance
from models.ledger import LedgerState
from models.plan.findings import PlanError
from models.plan.load import load_plan
from models.times import DAY, HOUR, NEVER, duration, micros, moment
from schemas import DeadLetter, Decision, Feedback, OutcomeKind, Reason, SessionContext, Signal

LIMITS = [
    {"id": "daily", "at_most": 2, "per": "1d", "each": "customer"},
    {"id": "weekly", "at_most": 5, "per": "7d", "each": "group"},
]
PAUSES = [{"id": "no", "outcomes": ["Rejected"], "pause": "9d"}]
PLAN = compiled(bank(contact={"limits": LIMITS, "suppressions": PAUSES}))
FOLD = PLAN.decide_fold()
CANARY = {"age": 99, "consent_mail": True, "consent_text": True}


def erase(number, hours, **fields):
    return signal(f"erase-{number}", hours, type=ERASE, channel="desk", brand="any", **fields)


def lived(events, state=None):
    """State, through its bytes, and outputs after events in this order."""
    state, found = state or FOLD.initial(), []
    for event in events:
        state, said = advance(FOLD, state, event)
        state, found = FOLD.decode(FOLD.encode(state)), found + said
    return state, found


def rested(state):
    """What is left once everything was due, and what was said."""
    found = []
    while (due := FOLD.deadline(state)) is not None:
        state, said = FOLD.expire(state, due)
        found += said
    return state, found


def records(found):
    return [each for each in found if not isinstance(each, Counted | Noticed)]


def a_life(number=6):
    """Facts, sessions, offers, an answer that pauses, an opt-out."""
    events = [agreed(**CANARY, vip=True), signal("opt", 0.1, type="opt_out", attributes={"action": "loan"})]
    events += [request(n, n + 0.5, "tile", device_id="canary-device") for n in range(number)]
    (first, *_) = [each for each in outputs(PLAN, events) if isinstance(each, Decision)]
    return [*events, answer("no", number, first, 1, OutcomeKind.REJECTED)]


def test_the_runbook_says_how_much_is_left():
    left, _ = lived([*a_life(), erase(1, 8.0)])
    runbook = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    assert f"when the erasure was: {len(FOLD.encode(left))} bytes" in runbook


def test_nothing_is_left_but_the_time():
    state, _ = lived(a_life())
    assert all((state.context.sessions, state.context.series, state.ledger.open, state.ledger.times))
    after, found = lived([erase(1, 9)], state)
    at = micros(START + timedelta(hours=9))
    assert after.context == ContextState(clock=at, erased=at)
    assert after.ledger == msgspec.structs.replace(
        LedgerState(clock=at, sequence=1, since=at + 1, forgotten=at, erased=at, notes=after.ledger.notes),
        due=at + duration("7d") + duration("2h") + 1,
    )
    assert [(note.rule, note.at) for note in after.ledger.notes] == [(MEMORY_ERASED, at)]
    written = FOLD.encode(after)
    assert len(written) < 170
    for word in (b"ana", b"consent", b"vip", b"loan", b"harbour", b"s1", b"\x63\xc3"):
        assert word not in written, word
    assert found[-2:] == [Counted.OBSERVED, Noticed.ERASED]


def test_no_session_is_told_and_no_silence_and_offers_are_closed_without_an_answer():
    now = micros(START + timedelta(hours=6.6))
    state, _ = FOLD.expire(lived(a_life())[0], now)
    assert len(state.context.sessions) == 2
    after, found = lived([erase(1, 6.6)], state)
    closed = [each for each in found if isinstance(each, Feedback)]
    assert len(closed) == sum(len(made.offers) for made in state.ledger.open) - 1
    assert {(each.outcome, each.label, each.contact) for each in closed} == {("Expired", None, "reserved")}
    assert all(each.feedback_id == f"{each.decision_id}:{each.rank}:{CLOSED}" for each in closed)
    assert records(found) == closed
    left, said = rested(after)
    assert left == FOLD.initial()
    assert said == []


LATE = [
    pytest.param(lambda: request("late", 8.9, "tile"), id="a-request"),
    pytest.param(lambda: signal("late", 8.9, type="profile", profile=CANARY), id="facts"),
    pytest.param(lambda: signal("late", 9, type="profile", profile=CANARY), id="at-the-same-time"),
    pytest.param(lambda: signal("late", 1, type="profile", profile=CANARY), id="facts-told-too-late"),
    pytest.param(
        lambda: signal("late", 1, type="opt_out", attributes={"action": "loan"}),
        id="an-opt-out-told-too-late",
    ),
    pytest.param(lambda: a_life()[-1], id="an-outcome"),
    pytest.param(lambda: a_life()[0], id="again-what-came-before"),
]


@pytest.mark.parametrize("late", LATE)
def test_what_happened_before_is_observed_and_revives_nothing(late):
    erased, _ = lived([*a_life(), erase(1, 9)])
    state, found = lived([late()], erased)
    assert state == erased
    assert found == [Counted.OBSERVED]


@pytest.mark.parametrize("named", ["decision", "action"])
def test_an_outcome_after_it_of_a_decision_before_it_is_observed(named):
    life = a_life()
    made = next(each for each in outputs(PLAN, life) if isinstance(each, Decision))
    late = answer("late", 10, made, 1, OutcomeKind.CLICKED)
    if named == "action":
        late = msgspec.structs.replace(late, decision_id=None, rank=None, action=offered(made)[0])
    erased, _ = lived([*life, erase(1, 9)])
    told, found = lived([late, late], erased)
    assert found == [Counted.OBSERVED, Counted.DUPLICATE]
    assert FOLD.deadline(told) == FOLD.deadline(erased)
    assert msgspec.structs.replace(told.context, recent=b"") == erased.context
    assert rested(told) == (FOLD.initial(), [])
    back, _ = lived([signal("back", 9.5)], erased)
    state, found = lived([late], back)
    assert found == [Counted.OBSERVED]
    assert (state.context.sequence, state.ledger) == (2, back.ledger)


def test_what_answers_nothing_is_a_dead_letter_again_once_no_answer_can_be_from_before():
    customer = Customer(plan(limits=[{"id": "one", "at_most": 1, "per": "9d", "each": "customer"}]))
    customer.decide(["loan"], day(0))
    customer.apply(erasure(day(1)))
    assert customer.apply(outcome(OutcomeKind.CLICKED, day(2), decision_id="d-x")) == [Counted.OBSERVED]
    customer.decide(["loan"], day(10))
    assert customer.state.erased == day(1)
    customer.decide(["loan"], day(10.2))
    letter, counted = customer.apply(outcome(OutcomeKind.CLICKED, day(10.3), decision_id="d-x"))
    assert (letter.reason, counted) == (Reason.UNATTRIBUTED, Counted.DEAD)


def test_a_second_erasure_of_what_is_gone_is_a_duplicate_and_one_of_what_came_since_is_not():
    erased, _ = lived([*a_life(), erase(1, 9)])
    for again in (erase(1, 9), erase(2, 9), erase(3, 7)):
        assert lived([again], erased) == (erased, [Counted.DUPLICATE])
    back, _ = lived([agreed(), request("back", 10, "tile"), erase(1, 9)], erased)
    assert back.context.sequence == 1
    gone, found = lived([erase(4, 11)], back)
    assert gone.context == ContextState(clock=micros(START + timedelta(hours=11)), erased=gone.context.clock)
    assert Noticed.ERASED in found


@pytest.mark.parametrize("hours", [8, 1, -5], ids=["in-time", "too-late", "before-everything"])
def test_an_erasure_that_comes_late_erases_what_is_known_when_it_comes(hours):
    state, _ = lived(a_life(8))
    after, found = lived([erase(1, hours)], state)
    assert after.context == ContextState(clock=state.context.clock, erased=state.context.clock)
    assert after.ledger.erased == after.ledger.forgotten == state.context.clock
    assert not [each for each in found if isinstance(each, DeadLetter)]


def test_limits_hold_back_as_long_as_they_look_back_and_consent_is_gone():
    life = [*a_life(), erase(1, 9)]
    asks = [request(f"back-{hours}", hours, "hero") for hours in (10, 9 + 24, 9 + 24 * 7)]
    bare = [each for each in outputs(PLAN, [*life, *asks]) if isinstance(each, Decision)][-3:]
    first, second, third = ({c.rule for c in each.ranked if c.rule} for each in bare)
    assert "daily" in first
    assert first | second | third <= {"daily", "weekly", None}
    assert second == {"weekly"}
    assert offered(bare[0]) == offered(bare[1]) == []
    assert offered(bare[2]) == ["loan"]
    assert [len(offered(each, marketing=False)) for each in bare[:2]] == [1, 1]
    mail = [request("mail", 9 + 24 * 7 + 1, "letter")]
    decision = [each for each in outputs(PLAN, [*life, *mail]) if isinstance(each, Decision)][-1]
    assert offered(decision) == []
    assert {c.rule for c in decision.ranked if c.action == "saver"} == {"care-consent-mail"}


def test_what_is_decided_afterwards_knows_nothing_of_before():
    life = [*a_life(), erase(1, 9), request("back", 10, "tile", profile={"age": 31})]
    decision = [each for each in outputs(PLAN, life) if isinstance(each, Decision)][-1]
    assert decision.context.customer == {"age": 31}
    assert (decision.context.sequence, decision.context.session.number) == (1, 1)
    assert decision.context.session.events == 1
    erased = START + timedelta(hours=9)
    assert (decision.ledger_sequence, decision.ledger_since) == (2, erased + timedelta(microseconds=1))
    assert [(note.sequence, note.rule, note.noted_at) for note in decision.notes] == [
        (1, MEMORY_ERASED, erased)
    ]


def test_the_state_is_as_never_used_once_nothing_can_look_back():
    erased, _ = lived([*a_life(), erase(1, 9)])
    due = micros(START + timedelta(hours=9)) + mark_kept(PLAN.spec) + duration("2h") + 1
    assert FOLD.deadline(erased) == due
    assert FOLD.expire(erased, due - 1)[0].ledger == erased.ledger
    assert FOLD.expire(erased, due) == (FOLD.initial(), [])
    assert FOLD.expire(erased, NEVER) == (FOLD.initial(), [])


def test_a_customer_who_is_not_known_can_be_erased():
    state, found = lived([erase(1, 9)])
    assert found == [Counted.OBSERVED, Noticed.ERASED]
    assert rested(state)[0] == FOLD.initial()


def test_whoever_folds_all_customers_together_keeps_nothing_of_who_is_gone():
    keys = _Keys(FOLD)
    for event in (agreed(), request(1, 0, "tile"), signal("other", 1, customer="béla"), erase(1, 1)):
        keys.step(event.customer_id, event)
    assert [type(each) for each in keys.expire(NEVER)] == [SessionContext]
    assert list(keys._states) == ["béla"]


# --- the ledger by itself, as a step of the chained composition ---


def erasure(at, **fields):
    fields = {"signal_id": f"x{at}", "customer_id": "c1", "channel": "web", "brand": "harbour", **fields}
    return Signal(occurred_at=moment(at), type=ERASE, **fields)


def test_what_was_on_its_way_to_the_ledger_decides_nothing():
    customer = Customer(plan(limits=[{"id": "one", "at_most": 1, "per": "1d", "each": "customer"}]))
    customer.decide(["loan"], day(0))
    customer.apply(erasure(day(1)))
    erased = customer.state
    assert customer.apply(candidates(customer.spec, ["loan"], day(0.9))) == [Counted.OBSERVED]
    assert customer.apply(outcome(OutcomeKind.CLICKED, day(0.9), action="loan")) == [Counted.OBSERVED]
    assert customer.apply(erasure(day(0.8))) == []
    assert customer.state == erased


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"contact": {"remember": "9d"}}, 9 * DAY),
        ({"limits": [{"id": "one", "at_most": 1, "per": "8d", "each": "customer"}]}, 8 * DAY),
        ({}, 3 * DAY),
    ],
    ids=["remembered", "limited", "answered"],
)
def test_the_mark_is_kept_as_long_as_anything_can_look_back_though_the_customer_came_back(changes, kept):
    customer = Customer(plan(**changes))
    customer.decide(["loan"], day(0))
    customer.apply(erasure(day(1)))
    assert mark_kept(customer.spec) == kept
    customer.decide([], day(1.1))
    last = day(1) + kept + 2 * HOUR
    for at in (day(1.2), last):
        customer.expire(at)
        assert customer.apply(outcome(OutcomeKind.CLICKED, at, decision_id="d-x")) == [Counted.OBSERVED]
    customer.expire(last + 1)
    assert customer.state == LedgerState()


def test_a_lost_memory_stays_lost_until_the_limits_have_passed():
    customer = Customer(plan(limits=[{"id": "one", "at_most": 1, "per": "7d", "each": "customer"}]))
    customer.state = customer.fold.lost(day(0))
    customer.apply(erasure(day(0)))
    assert verdicts(customer.decide(["loan"], day(7)))["loan"][1] == "one"
    assert customer.offered(["loan"], day(7) + 2 * HOUR) == ["loan"]


# --- the signal ---


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"channel": "privacy-office", "brand": "whole-group"}, True),
        ({"placements": ["nowhere"], "page": "none"}, True),
        ({"occurred_at": "1999-01-01T00:00:00Z"}, False),
        ({"customer_id": ""}, False),
    ],
    ids=str,
)
def test_the_signal_needs_what_every_signal_has_and_no_name_of_the_plan(changes, taken):
    said = {
        "signal_id": "e1", "customer_id": "ana", "occurred_at": "2026-05-04T09:00:00Z", "type": "erase",
        "channel": "web", "brand": "harbour", **changes,
    }  # fmt: skip
    found = Decoder(Signal, PLAN.spec).decode(msgspec.json.encode(said))
    assert isinstance(found, Signal) is taken


def test_whatever_else_it_says_is_not_heard():
    said = erase(1, 9, placements=("tile",), profile=CANARY, attributes={"action": "loan"}, device_id="d")
    state, found = lived([*a_life(), said])
    assert state == lived([*a_life(), erase(1, 9)])[0]
    assert not [each for each in found[-4:] if isinstance(each, Decision)]
    context, (bare, *_) = PLAN.context_fold().step(ContextState(), said)
    assert context.facts == b""
    assert (bare.profile, bare.attributes, bare.placements, bare.device_id) == (None, {}, (), None)


def test_no_plan_can_declare_it(tmp_path):
    text = Path(SMALL.path).read_text("utf-8").replace("[page_view, click,", "[page_view, erase, click,")
    (tmp_path / "plan.yaml").write_text(text, "utf-8")
    with pytest.raises(PlanError, match="'erase' erases the customer, in every plan"):
        load_plan(tmp_path / "plan.yaml")


# --- session.forget ---


def forgetful(forget="10d", **more):
    features = [
        {"name": "views", "kind": "count", "window": "5d"},
        {"name": "since", "kind": "recency", "half_life": "1d"},
    ]
    return fold_of(*features, session={"late": "2h", "forget": forget}, **more)


def test_a_customer_of_whom_nothing_was_heard_is_forgotten_whole():
    fold = forgetful()
    state, _ = advance(fold, fold.initial(), told(0, "a", profile={"age": 40, "tier": "x"}))
    found, dues = [], []
    while (due := fold.deadline(state)) is not None:
        state, said = fold.expire(state, due)
        found, dues = found + said, [*dues, due]
    assert state == fold.initial()
    assert [type(each) for each in found] == [SessionContext]
    assert dues[-1] - dues[0] == 10 * DAY - 30 * 60 * 1_000_000
    assert fold.encode(state) == fold.encode(fold.initial())


@pytest.mark.parametrize(("days", "kept"), [(9.9, True), (10, True), (10.1, False), (12, False)])
def test_whether_a_timer_came_by_does_not_matter(days, kept):
    fold = forgetful()
    first, ask = told(0, "a", profile={"age": 40}), told(round(days * DAY), "b", placements=("hero",))
    state, _ = advance(fold, fold.initial(), first)
    _, said = advance(fold, state, ask)
    while (due := fold.deadline(state)) is not None and due <= fold.order(ask)[0]:
        state, _ = fold.expire(state, due)
    again, (request_,) = advance(fold, state, ask)
    assert said[-1] == request_
    assert (request_.context.customer == {"age": 40}) is kept
    assert again.sequence == 1 + kept


@pytest.mark.parametrize("forget", ["2d", "30d"], ids=["before-its-contacts", "after-them"])
def test_nothing_stays_whichever_part_is_forgotten_first(forget):
    fold = compiled(bank(session={"late": "2h", "forget": forget}, contact={"limits": LIMITS})).decide_fold()
    state = fold.initial()
    for event in (agreed(), request(1, 0, "tile")):
        state, _ = advance(fold, state, event)
    assert state.ledger.times
    while (due := fold.deadline(state)) is not None:
        state, _ = fold.expire(state, due)
    assert state == fold.initial()


def test_every_event_counts_and_no_timer_does():
    fold = forgetful()
    state = fold.initial()
    for number in range(4):
        state, _ = advance(
            fold, state, told(number * 9 * DAY, f"n{number}", "profile", profile={"age": number})
        )
    assert state.sequence == 4
    last = fold.order(told(27 * DAY))[0]
    assert fold.deadline(fold.expire(state, last + 6 * DAY)[0]) == last + 10 * DAY + 2 * HOUR + 1


def test_states_that_older_code_wrote_are_forgotten_by_their_clock():
    old, new = fold_of(session={"late": "2h"}), forgetful()
    state, _ = advance(old, old.initial(), told(0, "a", "profile", profile={"age": 40}))
    written = bytes([1]) + msgspec.msgpack.encode(msgspec.msgpack.decode(old.encode(state)[1:])[:9])
    read = new.decode(written)
    assert read == state
    assert old.deadline(read) is None
    assert new.deadline(read) == state.clock + 10 * DAY + 2 * HOUR + 1
    assert new.expire(read, new.deadline(read)) == (new.initial(), [])


def test_a_plan_that_forgets_nobody_notes_nothing_for_it():
    fold = fold_of()
    state, _ = advance(fold, fold.initial(), told(0, "a", "profile", profile={"age": 40}))
    assert (state.seen, state.erased) == (None, None)
    assert fold.deadline(state) is None
    assert fold.encode(state).endswith(b"\xc0\xc0")


def test_an_erased_customer_who_came_back_is_forgotten_like_all_others():
    fold = forgetful()
    events = [told(0, "a"), told(1, "e", ERASE), told(2, "b", "profile", profile={"age": 40})]
    state = fold.initial()
    for event in events:
        state, _ = advance(fold, state, event)
    assert (state.erased, state.sequence) == (state.clock - 1, 1)
    assert fold.expire(state, NEVER) == (fold.initial(), [])
