"""The audit replay of plans whose decisions rest on more than one customer's past: households, capacity, chance."""

from pathlib import Path

import capacity_days
import msgspec
import pytest
from bank_arrivals import PLAN, busy_days
from replaying import findings, recorded

from models.audit.findings import FindingKind
from models.audit.seals import Record, sealed
from models.exploration.probability import with_probabilities
from models.identity import decision_id
from models.plan.compiled import Plan
from schemas import Decision, Outcome, Signal

HOME = "    - {id: home, at_most: 2, per: 1d, each: customer, whose: household}\n"


def _plan(folder: Path, *changes: tuple[str, str]) -> Plan:
    """The small bank's plan, changed."""
    text = Path(PLAN.path).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    return Plan.load(folder / "plan.yaml")


def _lives(plan: Plan, seed: int) -> list[Signal | Outcome]:
    """Events of nine customers in three households; every seventh lives alone. Answers are to this plan's decisions."""
    events = busy_days(400, customers=9, seed=seed)
    signals = [event.signal_id for event in events if isinstance(event, Signal)]
    before = {decision_id(name, PLAN.load().plan.digest): name for name in signals}
    found: list[Signal | Outcome] = []
    for event in events:
        number = int(event.customer_id[1:])
        changes: dict[str, str | None] = {"household_id": f"h{number // 3}" if number % 7 else None}
        if isinstance(event, Outcome) and event.decision_id in before:
            changes["decision_id"] = decision_id(before[event.decision_id], plan.digest)
        found.append(msgspec.structs.replace(event, **changes))
    return found


def _told(records: list[Record]) -> list[Record]:
    """As the pipeline seals them: with the probabilities of offers."""
    return [
        sealed(msgspec.structs.replace(with_probabilities(each), seal=""))
        if isinstance(each, Decision)
        else each
        for each in records
    ]


@pytest.mark.parametrize("timers", [None, 3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_ledgers_of_a_household_recompute_together(seed, timers, tmp_path):
    plan = _plan(tmp_path, ("\n  limits:\n", f"\n  limits:\n{HOME}"))
    records = recorded(_lives(plan, seed), plan=plan, timers=timers, restarts=timers == 3)
    assert any(each.rule == "home" for x in records if isinstance(x, Decision) for each in x.ranked)
    assert findings(records, plan=plan) == []


def test_the_changes_of_a_household_are_numbered_without_gap_or_repetition(tmp_path):
    plan = _plan(tmp_path, ("\n  limits:\n", f"\n  limits:\n{HOME}"))
    events = [event for event in _lives(plan, 0) if event.household_id == "h1"]
    records = recorded(events, plan=plan)
    numbers = [each.ledger_sequence for each in records]
    numbers += [note.sequence for each in records for note in each.notes]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_capacity_asks_a_replay_what_it_asked_then():
    plan = capacity_days.PLAN
    records = recorded(capacity_days.days(1), plan=plan)
    priced = [each for each in records if isinstance(each, Decision) and each.prices]
    assert priced
    assert findings(records, plan=plan) == []
    was = priced[len(priced) // 2]
    free = sealed(msgspec.structs.replace(was, prices=(), seal=""))
    found = findings([free if each is was else each for each in records], plan=plan)
    assert FindingKind.DIFFERS in {each.kind for each in found if each.record == was.decision_id}


def test_what_chance_chose_and_how_probable_it_was_recomputes(tmp_path):
    plan = _plan(
        tmp_path,
        ("\narbitration:\n", "\narbitration:\n  exploration: thompson\n"),
        ("    starting_propensity:", "    starting_evidence: 20\n    starting_propensity:"),
    )
    records = _told(recorded(_lives(plan, 2), plan=plan))
    offers = [offer for each in records if isinstance(each, Decision) for offer in each.offers]
    assert any(0 < (offer.probability or 0) < 1 and offer.sampled for offer in offers)
    assert findings(records, plan=plan) == []
