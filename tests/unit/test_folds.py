"""What every fold promises its hosts, on a small fold that does all of it."""

import pytest
from arrivals import arrivals, at, outcome, signal
from hypothesis import given
from visit_fold import GAP, LATE, VisitFold

from models.folds import Counted, advance, fold_events
from models.times import NEVER, micros
from schemas import Outcome, SessionContext, Signal

FOLD = VisitFold()


def _folded(events):
    state = FOLD.initial()
    for event in events:
        state, _ = advance(FOLD, state, event)
    return state


def test_what_is_due_before_an_event_is_expired_first():
    state = _folded([signal("s1", 0)])
    state, outputs = advance(FOLD, state, signal("s2", 60))
    assert [type(output) for output in outputs] == [SessionContext, Counted]
    assert state.visit.started == micros(at(60))


def test_what_is_due_at_the_time_of_an_event_is_expired_first():
    due = FOLD.deadline(_folded([signal("s1", 0)]))
    assert due == micros(at(0)) + GAP + LATE + 1
    for late_us, ended in ((-1, False), (0, True)):
        event = signal("s2", (due + late_us - micros(at(0))) / 1e6)
        _, outputs = advance(FOLD, _folded([signal("s1", 0)]), event)
        assert (type(outputs[0]) is SessionContext) == ended


def test_an_event_that_nothing_is_due_before_is_only_stepped():
    _, outputs = advance(FOLD, _folded([signal("s1", 0)]), signal("s2", 1))
    assert outputs == [Counted.OBSERVED]


def test_the_end_of_input_expires_everything():
    outputs = list(fold_events(FOLD, [signal("s1", 0, placements=("hero",))]))
    assert [type(output) for output in outputs] == [Signal, Counted, SessionContext, Outcome]


def test_an_answer_in_time_is_no_silence():
    events = [signal("s1", 0, placements=("hero",)), outcome("o1", 40, "s1")]
    assert Outcome not in {type(output) for output in fold_events(FOLD, events)}


@given(events=arrivals())
def test_each_event_is_accounted_for_once(events):
    for customer in {event.customer_id for event in events}:
        own = [event for event in events if event.customer_id == customer]
        assert sum(isinstance(output, Counted) for output in fold_events(FOLD, own)) == len(own)


@given(events=arrivals())
def test_expiring_at_each_deadline_is_expiring_at_the_end(events):
    state = _folded(event for event in events if event.customer_id == "ana")
    _, at_once = FOLD.expire(state, NEVER)
    one_by_one = []
    while (due := FOLD.deadline(state)) is not None:
        state, outputs = FOLD.expire(state, due)
        one_by_one += outputs
        assert FOLD.deadline(state) is None or FOLD.deadline(state) > due
    assert one_by_one == at_once


@given(events=arrivals())
def test_a_state_survives_its_bytes(events):
    state = _folded(event for event in events if event.customer_id == "ana")
    assert FOLD.decode(FOLD.encode(state)) == state


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x02", b"\x92\x01\x05"])
def test_bytes_of_no_known_state_are_refused(data):
    with pytest.raises(ValueError):
        FOLD.decode(data)
