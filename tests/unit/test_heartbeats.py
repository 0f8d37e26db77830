"""Heartbeats in pure code: what is one, what answers, and what never hears of it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from bank_arrivals import PLAN

from models.decoding import Decoder, Rejection
from models.folds import Counted, advance
from models.observability.heartbeats import SCHEDULED_PAYLOAD, TYPE
from schemas import Heartbeat, Signal

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DECODER = Decoder(Signal, PLAN.load().plan.spec)


def beat(**fields):
    return msgspec.structs.replace(msgspec.json.decode(SCHEDULED_PAYLOAD, type=Signal), **fields)


@pytest.fixture(params=["decide", "context"])
def fold(request):
    return PLAN.load().fold(request.param)


def test_what_a_scheduler_publishes_is_a_heartbeat_under_every_plan():
    decoded = DECODER.decode(SCHEDULED_PAYLOAD)
    assert isinstance(decoded, Signal)
    assert decoded.type == TYPE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"customer_id": "ana"}, "$.customer_id: a heartbeat's sender begins with heartbeat:"),
        ({"placements": ("hero",)}, "$.placements: a heartbeat has none"),
        ({"attributes": {"item": "x"}}, "$.attributes: a heartbeat has none"),
        ({"profile": {"consent_marketing": True}}, "$.profile: a heartbeat has none"),
        ({"household_id": "h"}, "$.household_id: a heartbeat has none"),
    ],
)
def test_a_heartbeat_that_says_anything_is_none(fields, said):
    decoded = DECODER.decode(msgspec.json.encode(beat(**fields)))
    assert isinstance(decoded, Rejection)
    assert said in decoded.detail


def test_each_is_answered_whatever_came_before_and_counted_in_the_senders_state(fold):
    state, answers = fold.initial(), []
    for hours in (0, 1, -900, 1):
        state, outputs = advance(fold, state, beat(occurred_at=AT + timedelta(hours=hours)))
        assert outputs[1:] == [Counted.OBSERVED]
        answers += outputs[:1]
    assert [type(each) for each in answers] == [Heartbeat] * 4
    assert [each.sequence for each in answers] == [1, 2, 3, 4]
    assert {each.plan_digest for each in answers} == {PLAN.load().plan.digest}


def test_nothing_is_left_of_them_but_a_count(fold):
    state = fold.initial()
    sizes = set()
    for hours in range(100):
        state, _ = advance(fold, state, beat(occurred_at=AT + timedelta(hours=hours)))
        sizes.add(len(fold.encode(state)))
    assert max(sizes) - min(sizes) <= 2
    assert fold.deadline(state) is None
    assert fold.expire(state, 2**62)[1] == []


def test_a_state_that_heartbeats_made_is_read_again(fold):
    state, _ = advance(fold, fold.initial(), beat(occurred_at=AT))
    again = fold.decode(fold.encode(state))
    _, [answer, _] = advance(fold, again, beat(occurred_at=AT))
    assert answer.sequence == 2
