"""A replay of records that end with erasures, or begin after them: nothing is missing and nothing differs."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from bank_arrivals import PLAN
from erased_lives import erasure, lives, write_homes
from metamorphic_bank import bank, compiled, known, offered, request, signal
from replaying import findings, recorded

from models.audit.findings import FindingKind
from models.audit.ledgers import Tally
from models.audit.seals import Record, sealed
from models.erasure import CLOSED, MEMBER_ERASED, MEMORY_ERASED, NOTES
from models.plan.compiled import Plan
from schemas import Decision, Feedback, OutcomeKind


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> Plan:
    """The small bank, with a limit for households."""
    return Plan.load(write_homes(tmp_path_factory.mktemp("homes")))


def rules(records: Sequence[Record]) -> set[str]:
    return {note.rule for each in records for note in each.notes}


def closed(records: Sequence[Record]) -> list[Feedback]:
    return [
        each for each in records if isinstance(each, Feedback) and each.feedback_id.endswith(f":{CLOSED}")
    ]


@pytest.mark.parametrize("timers", [None, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_customers_who_are_erased_recompute(seed, timers):
    plan = PLAN.load().plan
    records = recorded(lives(plan, seed, erased=0.05), timers=timers, restarts=timers == 3)
    assert MEMORY_ERASED in rules(records)
    assert closed(records)
    tally = Tally()
    assert findings(records, tally=tally) == []
    assert tally.decisions + tally.feedback == len(records)


@pytest.mark.parametrize("timers", [None, 3, 4])
@pytest.mark.parametrize("seed", range(6))
def test_households_recompute_of_which_members_are_erased(seed, timers, homes):
    records = recorded(lives(homes, seed, erased=0.04), plan=homes, timers=timers, restarts=timers == 3)
    assert {MEMORY_ERASED, MEMBER_ERASED} <= rules(records)
    assert findings(records, plan=homes) == []


def test_the_changes_of_a_household_are_numbered_without_gap_though_members_are_erased(homes):
    """Those of an erased member that nobody told of are told of without what they were."""
    found = set()
    for seed in range(8):
        events = [each for each in lives(homes, seed, erased=0.04) if each.household_id == "h1"]
        records = recorded(events, plan=homes)
        numbers = {each.ledger_sequence for each in records}
        numbers |= {note.sequence for each in records for note in each.notes}
        assert numbers == set(range(1, max(numbers) + 1)), seed
        found |= rules(records)
        told = Counter((note.sequence, note.rule) for each in records for note in each.notes)
        assert set(told.values()) == {1}
    assert found >= NOTES


def test_nobody_learns_from_a_record_of_another_who_was_erased(homes):
    records = recorded(lives(homes, 1, erased=0.04), plan=homes)
    notes = [note for each in records for note in each.notes if note.rule == MEMBER_ERASED]
    assert notes
    assert {(note.signal_id, note.action, note.unit) for note in notes} == {
        (MEMBER_ERASED, MEMBER_ERASED, "")
    }


def test_the_others_of_a_household_are_held_back_and_a_replay_knows_it_though_the_erased_never_come_back():
    limit = {"id": "home", "at_most": 2, "per": "9d", "each": "customer", "whose": "household"}
    plan = compiled(bank(contact={"limits": [limit]}))
    ann, ben = ({"customer": name, "household_id": "home"} for name in ("ann", "ben"))
    first = request("ann", 0, **ann)
    news = signal("news", 99, **ann)
    for gone in ([], [erasure("e", news)]):
        later = [request("ben-2", 100, **ben), request("ben-3", 24 * 14, **ben)]
        records = recorded([known(**ann), known(**ben), first, news, *gone, *later], plan=plan)
        made = [len(offered(each)) for each in records if isinstance(each, Decision)]
        assert made == ([1, 0, 1] if gone else [1, 1, 1])
        assert closed(records) == []
        assert findings(records, plan=plan) == []


def test_whoever_never_comes_back_has_no_silence_missing():
    events = lives(PLAN.load().plan, 5, erased=0)
    last = max(events, key=lambda event: event.occurred_at)
    gone = [
        erasure(f"e-{name}", msgspec.structs.replace(last, customer_id=name))
        for name in {e.customer_id for e in events}
    ]
    records = recorded([*events, *gone])
    assert closed(records)
    silences = [
        each for each in records if isinstance(each, Feedback) and each.outcome is OutcomeKind.NO_RESPONSE
    ]
    assert all(each.occurred_at < last.occurred_at for each in silences)
    assert findings(records) == []


def test_what_closed_an_offer_can_be_neither_lost_nor_changed():
    records = recorded(lives(PLAN.load().plan, 5, erased=0.05))
    (one, *_) = closed(records)
    lost = findings([each for each in records if each is not one])
    assert FindingKind.MISSING in {each.kind for each in lost}
    other = sealed(msgspec.structs.replace(one, contact="released", seal=""))
    changed = findings([other if each is one else each for each in records])
    assert [(each.kind, each.field) for each in changed] == [(FindingKind.DIFFERS, "contact")]


def test_a_note_of_an_erasure_cannot_be_left_out():
    records = recorded(lives(PLAN.load().plan, 5, erased=0.05))
    told = next(
        each
        for each in records
        if isinstance(each, Decision) and each.notes and each.notes[0].rule == MEMORY_ERASED
    )
    bare = sealed(msgspec.structs.replace(told, notes=(), seal=""))
    assert findings([bare if each is told else each for each in records])
