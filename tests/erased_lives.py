"""Lives of the small bank in which customers are erased, alone and in households."""

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from bank_arrivals import PLAN, busy_days

from models.erasure import ERASE
from models.identity import decision_id
from models.plan.compiled import Plan
from schemas import Outcome, Signal

Event = Signal | Outcome

_HOME = "    - {id: home, at_most: 2, per: 1d, each: customer, whose: household}\n"


def write_homes(folder: Path) -> Path:
    """The plan of the small bank, with a limit for households."""
    text = Path(PLAN.path).read_text("utf-8")
    assert text.count("\n  limits:\n") == 1
    path = folder / "plan.yaml"
    path.write_text(text.replace("\n  limits:\n", f"\n  limits:\n{_HOME}"), "utf-8")
    return path


def lives(plan: Plan, seed: int, *, erased: float, customers: int = 9) -> list[Event]:
    """Lives in which customers are erased, after a share of events; three are a household, every seventh is alone."""
    events = busy_days(300, customers=customers, seed=seed)
    before = {
        decision_id(each.signal_id, PLAN.load().plan.digest): each.signal_id
        for each in events
        if isinstance(each, Signal)
    }
    chance, found = random.Random(seed), []
    for number, event in enumerate(events):
        customer = int(event.customer_id[1:])
        home = f"h{customer // 3}" if customer % 7 else None
        changes: dict[str, str | None] = {"household_id": home}
        if isinstance(event, Outcome) and event.decision_id in before:
            changes["decision_id"] = decision_id(before[event.decision_id], plan.digest)
        found.append(msgspec.structs.replace(event, **changes))
        if chance.random() < erased:
            late = timedelta(seconds=chance.choice((0, 0, 1, 600, 20_000)))
            found.append(erasure(f"e{number}", found[-1], late))
    return [*found, *_last_words(found)]


def _last_words(events: Sequence[Event]) -> list[Signal]:
    """A request by everybody at the end, whose record tells of all notes: what no record tells of is a gap."""
    end = max(event.occurred_at for event in events) + timedelta(minutes=1)
    homes = {event.customer_id: event.household_id for event in events}
    return [
        Signal(
            signal_id=f"last-{name}",
            customer_id=name,
            household_id=home,
            occurred_at=end,
            type="page_view",
            channel="web",
            brand="harbour",
            placements=("hero",),
        )
        for name, home in homes.items()
    ]


def erasure(name: str, after: Event, late: timedelta = timedelta(0)) -> Signal:
    return Signal(
        signal_id=name,
        customer_id=after.customer_id,
        household_id=after.household_id,
        occurred_at=after.occurred_at + timedelta(microseconds=1) - late,
        type=ERASE,
        channel="desk",
        brand="any",
    )
