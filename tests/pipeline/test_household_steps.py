"""Plans with limits for households: both compositions and both hosts, keyed by household."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from bank_arrivals import PLAN, busy_days
from hosting import BOUNDED, Accounts, Event, Outputs, bounded, keyed, plain, stream, streamed
from test_decide import COMPOSITIONS, DECIDE, _created, _decided

from models.folds import Counted
from models.identity import decision_id
from models.ledger import HouseholdFold
from schemas import Outcome, Signal
from transforms.plan_source import PlanSource

LIMIT = "    - {id: home, at_most: 2, per: 1d, each: customer, whose: household}\n"


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> PlanSource:
    """The small bank, with a limit for households."""
    text = Path(PLAN.path).read_text(encoding="utf-8")
    assert text.count("\n  limits:\n") == 1
    path = tmp_path_factory.mktemp("homes") / "plan.yaml"
    path.write_text(text.replace("\n  limits:\n", f"\n  limits:\n{LIMIT}"), encoding="utf-8")
    return PlanSource(str(path))


def lives(homes: PlanSource, count: int) -> list[Event]:
    """Events of the small bank under this plan: customers c0, c1 and c2 are a household, c3, c4 and c5 another, ...

    Every seventh customer lives alone.
    """
    events = busy_days(count, customers=9)
    before, now = PLAN.load().plan.digest, homes.load().plan.digest
    asked = [event.signal_id for event in events if isinstance(event, Signal)]
    ids = {decision_id(name, before): decision_id(name, now) for name in asked}
    found: list[Event] = []
    for event in events:
        number = int(event.customer_id[1:])
        home = None if number % 7 == 0 else f"h{number // 3}"
        changes = {"household_id": home}
        if isinstance(event, Outcome) and event.decision_id is not None:
            changes["decision_id"] = ids.get(event.decision_id, event.decision_id)
        found.append(msgspec.structs.replace(event, **changes))
    return found


def unnumbered(found: tuple[Outputs, Accounts]) -> tuple[Outputs, Accounts]:
    """Without the numbers of changes: when a timer comes by, a silence takes the next one."""
    outputs: Outputs = Counter()
    for (name, data), count in found[0].items():
        record = msgspec.msgpack.decode(data)
        notes = [{**note, "sequence": 0} for note in record.get("notes", ())]
        blank = {"ledger_sequence": 0, "ledger_since": 0, "notes": notes}
        outputs[name, msgspec.json.encode({**record, **blank})] += count
    return outputs, found[1]


def test_the_limit_matters(homes):
    outputs, _ = plain(homes.load().fold("decide"), lives(homes, 400), in_order=True)
    rules = Counter(
        candidate["rule"]
        for name, data in outputs.elements()
        if name == "Decision"
        for candidate in msgspec.msgpack.decode(data).get("ranked", ())
    )
    assert rules["home"] > 10


@pytest.mark.parametrize("decide", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_fused_and_chained_make_the_same_decisions(homes, decide):
    events = lives(homes, 400)
    outputs, accounts = _decided(decide, _created(events), BOUNDED, plan=homes)
    expected, accounted = plain(homes.load().fold("decide"), events, in_order=True)
    assert unnumbered((outputs, accounts)) == unnumbered((expected, accounted))
    assert sum(accounts.values()) == len(events)
    assert accounts[Counted.DECIDED] == sum(
        count for (name, _), count in outputs.items() if name == "Decision"
    )


def test_both_hosts_agree_when_events_arrive_in_order(homes):
    fold = homes.load().fold("decide")
    assert isinstance(fold, HouseholdFold)
    events = sorted(lives(homes, 150), key=lambda event: (fold.order(event), fold.encode_event(event)))
    rows, expected = keyed(fold, events), plain(fold, events)
    assert {key.split()[0] for key, _ in rows} == {b"household", b"customer"}
    assert bounded(homes.fold("decide"), DECIDE, rows) == expected
    assert unnumbered(bounded(homes.fold("decide"), DECIDE, rows, host="stateful")) == unnumbered(expected)
    assert unnumbered(streamed(homes.fold("decide"), DECIDE, stream(rows, 7))) == unnumbered(expected)
