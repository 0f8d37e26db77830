"""Random events of a few customers as they might arrive: repeated, out of order, late."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from schemas import Outcome, OutcomeKind, Signal

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment so many seconds after the start of all stories."""
    return START + timedelta(seconds=seconds)


def signal(name: str, seconds: float, customer: str = "ana", placements: tuple[str, ...] = ()) -> Signal:
    """A page view."""
    return Signal(
        signal_id=name,
        customer_id=customer,
        occurred_at=at(seconds),
        type="page_view",
        channel="web",
        brand="harbour",
        page="loans",
        placements=placements,
    )


def outcome(name: str, seconds: float, decision_id: str, customer: str = "ana") -> Outcome:
    """A click on what was decided."""
    return Outcome(
        outcome_id=name,
        customer_id=customer,
        occurred_at=at(seconds),
        kind=OutcomeKind.CLICKED,
        decision_id=decision_id,
    )


@st.composite
def arrivals(draw: st.DrawFn) -> list[Signal | Outcome]:
    """Up to forty events of up to three customers within some minutes, some of them more than once."""
    events: list[Signal | Outcome] = []
    clock = 0.0
    for index in range(draw(st.integers(0, 32))):
        clock += draw(st.sampled_from([0, 0, 0.000001, 1, 7, 29.999999, 30, 51, 90]))
        when = max(0, clock - draw(st.sampled_from([0, 0, 0, 5, 20, 21])))
        customer = draw(st.sampled_from(["ana", "béla", "chen"]))
        if index and draw(st.integers(0, 4)) == 0:
            asked = draw(st.integers(0, index - 1))
            events.append(outcome(f"o{index}", when, f"s{asked}", customer))
        else:
            placements = draw(st.sampled_from([(), ("hero",)]))
            events.append(signal(f"s{index}", when, customer, placements))
    repeated = draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    return events + repeated
