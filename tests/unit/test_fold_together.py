"""Many keys folded together: each as if alone, and all in the order of time."""

from collections import defaultdict

from hosting import row
from hypothesis import given
from hypothesis import strategies as st
from visit_fold import VisitFold

from models.folds import Counted, fold_events, fold_together
from models.times import SECOND, micros, moment
from schemas import Outcome, OutcomeKind, SessionContext, Signal

START = 1_790_000_000_000_000


@st.composite
def arrivals(draw):
    """Signals and outcomes of three customers in the order of event time, some of them repeated."""
    events = []
    for number in range(draw(st.integers(0, 25))):
        at = moment(START + draw(st.integers(0, 40)) * 10 * SECOND)
        common = {"customer_id": draw(st.sampled_from(["a", "b", "c"])), "occurred_at": at}
        if draw(st.booleans()):
            asks = ("hero",) if draw(st.booleans()) else ()
            name = f"s{draw(st.integers(0, number))}"
            events.append(
                Signal(signal_id=name, type="view", channel="web", brand="b", placements=asks, **common)
            )
        else:
            events.append(
                Outcome(outcome_id=f"o{number}", kind=OutcomeKind.CLICKED, decision_id=f"s{number}", **common)
            )
    return sorted(events, key=VisitFold().order)


@given(events=arrivals())
def test_each_key_is_folded_as_if_it_were_alone(events):
    fold, alone = VisitFold(), defaultdict(list)
    for event in events:
        alone[event.customer_id].append(event)
    apart = [row(output) for own in alone.values() for output in fold_events(fold, own)]
    together = fold_together(fold, [(event.customer_id, event) for event in events])
    assert sorted(row(output) for output in together) == sorted(apart)


class Told(VisitFold):
    """A fold that tells when it was asked to do what."""

    def __init__(self):
        self.said = []

    def step(self, state, event):
        self.said.append((micros(event.occurred_at), 1))
        return super().step(state, event)

    def expire(self, state, now):
        self.said.append((now, 0))
        return super().expire(state, now)


@given(events=arrivals())
def test_what_is_due_is_done_before_later_events_of_any_key(events):
    fold = Told()
    outputs = list(fold_together(fold, [(event.customer_id, event) for event in events]))
    assert fold.said == sorted(fold.said)
    assert sum(isinstance(output, Counted) for output in outputs) == len(events)
    assert all(output.customer_id for output in outputs if isinstance(output, SessionContext))
