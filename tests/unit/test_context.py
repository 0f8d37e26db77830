"""The context fold: accounting, lateness, duplicates, profile, requests, state bytes."""

import msgspec
import pytest
from context_plans import START, feature, fold_of, outcome, plan, run, sessions_of, signal
from hypothesis import given, settings
from hypothesis import strategies as st

from models.context import ContextFold
from models.context.profile import MAX_FACT
from models.folds import Counted
from models.identity import decision_id, session_id
from models.times import DAY, HOUR, MINUTE, NEVER, micros
from schemas import DeadLetter, DecisionRequest, Direction, Outcome, Reason, SessionContext, Signal

TRIGGERS = [
    {"id": "big", "when": "signal.attributes.amount >= 100 and customer.age >= 18", "placements": ["body"]},
    {"id": "any-buy", "when": "signal.type == 'buy'", "placements": ["anywhere"]},
]
FOLD = fold_of(
    {"name": "age", "kind": "number", "of": "customer.age"},
    {"name": "views", "kind": "count", "window": "1d"},
    {"name": "clicks", "kind": "count", "where": "outcome.kind == 'Clicked'", "window": "1d"},
    session={"late": "2h"},
    triggers=TRIGGERS,
    contact={"suppressions": [{"id": "s", "signal": "signal.type == 'drop'", "pause": "1d"}]},
)


def counted(outputs):
    return [output for output in outputs if isinstance(output, Counted)]


def requests(outputs):
    return [output for output in outputs if isinstance(output, DecisionRequest)]


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        pytest.param(signal(0), [Counted.OBSERVED], id="a-signal-is-observed"),
        pytest.param(signal(0, placements=("hero",)), [DecisionRequest], id="one-with-placements-asks"),
        pytest.param(signal(0, kind="buy"), [DecisionRequest], id="one-that-meets-a-trigger-asks"),
        pytest.param(
            signal(0, kind="drop"), [Signal, Counted.OBSERVED], id="one-that-suppresses-is-passed-on"
        ),
        pytest.param(
            signal(0, kind="drop", placements=("hero",)), [Signal, DecisionRequest], id="and-may-ask-too"
        ),
        pytest.param(outcome(0, "o"), [Outcome], id="an-outcome-is-passed-on"),
        pytest.param(signal(0, kind="profile", profile={"age": 1}), [Counted.OBSERVED], id="profile-news"),
        pytest.param(
            signal(0, kind="profile", placements=("hero",)), [Counted.OBSERVED], id="which-never-asks"
        ),
    ],
)
def test_each_event_is_accounted_for(event, kinds):
    _, outputs = run(FOLD, [event])
    assert [o if isinstance(o, Counted) else type(o) for o in outputs] == kinds
    again = run(FOLD, [event, event])[1][len(outputs) :]
    assert again == [Counted.DUPLICATE]


def test_a_signal_and_an_outcome_may_have_the_same_id():
    assert counted(run(FOLD, [signal(0, "x"), outcome(0, "x"), signal(0, "x")])[1]) == [
        Counted.OBSERVED,
        Counted.DUPLICATE,
    ]


def test_the_latest_ids_are_remembered():
    fold = fold_of(dedupe={"keep": 2})
    events = [signal(0, "a"), signal(0, "b"), signal(0, "b"), signal(0, "c"), signal(0, "a")]
    assert counted(run(fold, events)[1])[2:] == [Counted.DUPLICATE, Counted.OBSERVED, Counted.OBSERVED]


def test_too_late_is_a_dead_letter_that_names_no_value_and_changes_nothing():
    late = signal(-2 * HOUR - 1, "late", attributes={"item": "secret"})
    state, _ = run(FOLD, [signal(0)])
    after, (letter, count) = FOLD.step(state, late)
    assert (after, count) == (state, Counted.DEAD)
    assert (letter.reason, letter.step) == (Reason.TOO_LATE, "BuildSessionContext")
    assert letter.detail.startswith("$.occurred_at: ")
    assert "secret" not in letter.detail
    assert msgspec.json.decode(letter.payload, type=Signal) == late
    assert (letter.customer_id, letter.occurred_at) == ("ana", late.occurred_at)


def test_a_fact_counts_from_when_it_is_told_on_though_its_event_is_too_late_to_be_decided():
    asks, late = signal(0, "asks", placements=("hero",), profile={"age": 30}), -2 * HOUR - 1
    told = signal(late, "told", placements=("hero",), profile={"bereaved": True, "age": 29})
    stale = signal(late - 1, "stale", "profile", profile={"bereaved": False})
    _, outputs = run(FOLD, [asks, told, stale, told, signal(1, "next", placements=("hero",))])
    assert [letter.reason for letter in outputs if isinstance(letter, DeadLetter)] == [Reason.TOO_LATE] * 3
    before, after = (request.context.customer for request in requests(outputs))
    assert before == {"age": 30}
    assert after == {"age": 30, "bereaved": True}


def test_a_redelivery_is_a_duplicate_even_if_it_comes_too_late():
    assert counted(run(FOLD, [signal(0), signal(DAY), signal(0)])[1])[-1] is Counted.DUPLICATE


def test_time_that_was_expired_counts_as_seen_but_the_end_of_input_does_not():
    state, _ = run(FOLD, [signal(0)])
    assert FOLD.expire(state, START + DAY)[0].clock == START + DAY
    assert FOLD.expire(state, NEVER)[0].clock == START


@pytest.mark.parametrize(
    ("news", "age"),
    [
        pytest.param([(0, 30), (10, 31)], 31, id="news-wins"),
        pytest.param([(10, 31), (0, 30)], 31, id="whatever-the-order-of-arrival"),
        pytest.param([(0, 30), (0, 31)], 31, id="the-later-arrival-of-equal-times"),
        pytest.param([(0, 30), (10, None)], None, id="null-takes-back"),
        pytest.param([(10, None), (0, 30)], None, id="and-older-news-do-not-bring-it-back"),
    ],
)
def test_profile_facts_merge_by_event_time(news, age):
    events = [signal(at, f"n{i}", "profile", profile={"age": value}) for i, (at, value) in enumerate(news)]
    _, outputs = run(FOLD, [*events, signal(20, "ask", placements=("hero",))])
    assert requests(outputs)[0].context.customer == ({} if age is None else {"age": age})


def test_facts_come_with_any_signal_and_only_those_the_plan_declares_are_kept():
    told = {"age": 30, "owned": ("loan", "card"), "unknown": "x", "consent": False}
    (request,) = requests(run(FOLD, [signal(0, profile=told, placements=("hero",))])[1])
    assert request.context.customer == {"age": 30, "owned": ("loan", "card"), "consent": False}
    assert request.context.features[0] == 30.0


@pytest.mark.parametrize("fact", ["x" * (MAX_FACT + 1), ("y" * 100,) * 41])
def test_a_fact_too_long_to_remember_is_a_dead_letter(fact):
    _, (letter, count) = run(FOLD, [signal(0, profile={"tier": fact})])
    assert (letter.reason, letter.detail) == (
        Reason.OUT_OF_RANGE,
        "$.profile.tier: longer than a fact may be",
    )
    assert count is Counted.DEAD


def test_a_request_carries_what_was_known():
    news = signal(0, "n", "profile", profile={"age": 40})
    ask = signal(
        MINUTE, "ask", placements=("hero", "anywhere"), page="home", attributes={"item": "i"}, trace="t"
    )
    (request,) = requests(run(FOLD, [news, outcome(1, "o"), signal(2), ask])[1])
    assert request.decision_id == decision_id("ask", "digest")
    assert (request.signal_id, request.customer_id, request.requested_at) == ("ask", "ana", ask.occurred_at)
    assert (request.brand, request.channel, request.page, request.trace) == ("north", "web", "home", "t")
    assert (request.placements, request.trigger) == (("hero", "anywhere"), None)
    assert (request.attributes, request.plan_digest) == ({"item": "i"}, "digest")
    assert request.direction is Direction.INBOUND
    context = request.context
    assert (context.sequence, context.features) == (4, (40.0, 2.0, 1.0))
    assert (context.session.number, context.session.events) == (1, 2)
    assert micros(context.session.started_at) == START + 2
    assert context.session.session_id == session_id("ana", "s2")


@pytest.mark.parametrize(
    ("event", "trigger", "placements", "direction"),
    [
        pytest.param(
            signal(0, kind="buy", attributes={"amount": 100}, profile={"age": 18}),
            "big", ("body",), Direction.OUTBOUND, id="the-first-that-is-met-with-news-of-the-same-signal",
        ),
        pytest.param(
            signal(0, kind="buy", attributes={"amount": 100}),
            "any-buy", ("anywhere",), Direction.INBOUND, id="unknown-is-not-met",
        ),
        pytest.param(
            signal(0, kind="buy", placements=("hero",)),
            None, ("hero",), Direction.INBOUND, id="placements-come-first",
        ),
        pytest.param(
            signal(0, kind="buy", channel="email", placements=("anywhere",)),
            None, ("anywhere",), Direction.OUTBOUND, id="a-placement-without-a-channel-has-that-of-the-signal",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for(event, trigger, placements, direction):
    (request,) = requests(run(FOLD, [event])[1])
    assert (request.trigger, request.placements, request.direction) == (trigger, placements, direction)


def test_a_session_record_has_its_session_features_at_its_end():
    fold = fold_of(
        {"name": "views", "kind": "count", "window": "session"},
        {
            "name": "seen",
            "kind": "recency",
            "window": "session",
            "where": "signal.type == 'buy'",
            "half_life": "1m",
        },
        {
            "name": "known",
            "kind": "last_in",
            "of": "signal.attributes.item",
            "member_of": "customer.owned",
            "window": "session",
        },
        {"name": "rolling", "kind": "count", "window": "1d"},
    )
    events = [
        signal(0, kind="buy", profile={"owned": ("i",)}),
        signal(MINUTE, attributes={"item": "i"}),
    ]
    (session,) = sessions_of(run(fold, events, end=True)[1])
    assert {each.name: each.value for each in session.features} == {"views": 2.0, "seen": 0.5, "known": 1.0}
    assert (session.customer_id, session.plan_digest) == ("ana", "digest")


def test_what_no_window_reaches_is_forgotten_by_a_timer():
    fold = fold_of(
        {"name": "views", "kind": "count", "window": "1d"},
        {"name": "ever", "kind": "last", "of": "signal.attributes.amount"},
        session={"late": "2h"},
    )
    state, _ = run(fold, [signal(0, attributes={"amount": 3})])
    size = len(fold.encode(state))
    state, outputs = fold.expire(state, fold.deadline(state))
    assert [type(o) for o in outputs] == [SessionContext]
    assert fold.deadline(state) == START + DAY + 2 * HOUR + 1
    state, outputs = fold.expire(state, START + DAY + 2 * HOUR + 1)
    assert (outputs, fold.deadline(state)) == ([], None)
    assert fold.features_at(state, START + 9 * DAY) == (0.0, 3.0)
    assert len(fold.encode(state)) < size / 2


def test_forgetting_changes_no_answer_that_can_still_be_asked_for():
    fold = fold_of({"name": "views", "kind": "count", "window": "1d"}, session={"late": "2h"})
    just_inside = signal(DAY - 1, "b", placements=("hero",))
    state, _ = run(fold, [signal(0, "a")])
    state, _ = fold.expire(state, START + DAY + 2 * HOUR - 1)
    _, outputs = fold.step(state, just_inside)
    assert requests(outputs)[0].context.features == (2.0,)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="another-version"),
        pytest.param(b"\x01", id="cut-off"),
        pytest.param(b"\x01\xc0", id="not-a-state"),
    ],
)
def test_unreadable_state_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"context state"):
        FOLD.decode(data)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["view", "buy", "drop"])), max_size=12))
def test_state_comes_back_from_its_bytes(arriving):
    events = [
        signal(minute * MINUTE, f"e{i}", kind, profile={"age": i})
        for i, (minute, kind) in enumerate(arriving)
    ]
    state, _ = run(FOLD, events)
    assert FOLD.decode(FOLD.encode(state)) == state


@pytest.mark.parametrize(
    "event",
    [
        signal(
            1,
            attributes={"amount": 0.1, "item": "é", "flag": None},
            profile={"owned": ("a",)},
            placements=("x",),
        ),
        outcome(1, "o", value=2.5, rank=1, attributes={"n": 1}),
    ],
)
def test_events_come_back_from_their_bytes(event):
    assert FOLD.decode_event(FOLD.encode_event(event)) == event


def test_order_is_time_then_signals_then_id():
    events = [outcome(5, "a"), signal(5, "c"), signal(5, "b"), signal(4, "z")]
    assert [FOLD.order(e)[2] for e in sorted(events, key=FOLD.order)] == ["z", "b", "c", "a"]


def test_a_changed_plan_keeps_the_windows_it_shares():
    shared = {"name": "a", "kind": "count", "window": "1d"}
    state, _ = run(
        fold_of({"name": "x", "kind": "sum", "of": "signal.attributes.amount", "window": "1d"}, shared),
        [signal(0)],
    )
    new = fold_of({**shared, "name": "renamed"})
    assert feature(new, new.decode(fold_of(shared).encode(state)), 1) == 1.0


def test_a_customer_state_is_small():
    events = [signal(i * MINUTE, kind="view", profile={"age": 30, "tier": "gold"}) for i in range(10)]
    state, _ = run(FOLD, events)
    assert len(FOLD.encode(state)) < 500


def test_a_plan_with_bad_features_is_refused():
    with pytest.raises(ValueError, match=r"feature 'x'.*needs a window"):
        ContextFold.of(plan([{"name": "x", "kind": "count"}]), "d")


def test_dead_letters_are_cut_but_say_how_long_they_were():
    huge = signal(0, profile={"tier": "x" * 100_000})
    letter = next(o for o in run(FOLD, [huge])[1] if isinstance(o, DeadLetter))
    assert (len(letter.payload), letter.payload_bytes > 100_000) == (65_536, True)
