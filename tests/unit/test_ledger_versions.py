"""States that older code wrote: nothing in them is forgotten, and what they do not say counts."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_bank import Customer, day, plan, verdicts

from models.ledger.state import VERSION, LedgerState, decode_state, encode_state
from models.times import NEVER
from schemas import Feedback, OutcomeKind

WRITTEN = Path(__file__).parents[1] / "golden" / "ledger_state_1.msgpack"
"""By version 1: a loan clicked on the web, a card sent by mail, a saver rejected, an opt-out from deposits."""

SUPPRESSIONS = [
    {"id": "no", "outcomes": ["Rejected"], "pause": "20d"},
    {"id": "opt-out", "signal": "signal.type == 'opt_out'", "pause": "30d", "pauses": "group"},
]
BRANDS = ["harbour", "quay"]
WEEKLY = {"id": "weekly", "at_most": 2, "per": "7d", "each": "group"}


def customer(**changes):
    changes = {"limits": [WEEKLY], "suppressions": SUPPRESSIONS, **changes}
    found = Customer(plan(**changes))
    found.state = found.fold.decode(WRITTEN.read_bytes())
    return found


def place(field):
    """Of a field among those that are written."""
    return LedgerState.__struct_fields__.index(field)


def test_the_bytes_are_of_version_1_and_become_version_2():
    found = customer()
    assert WRITTEN.read_bytes()[0] == 1
    assert found.fold.encode(found.state)[0] == VERSION == 2
    assert found.fold.decode(found.fold.encode(found.state)) == found.state


def test_a_state_of_fewer_fields_is_written_whole():
    state = msgspec.structs.replace(customer().state, gaps=(), erased=None)
    whole = encode_state(state)
    fields = msgspec.msgpack.decode(whole[1:])
    shorter = whole[:1] + msgspec.msgpack.encode(fields[:-2])
    found = decode_state(shorter)
    assert found == state
    assert encode_state(found) == whole


@given(order=st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=12))
def test_what_is_written_is_the_state_asked_for_whatever_came_before(order):
    states = [LedgerState(customer_id=name, sequence=len(name)) for name in ("", "a", "bb")]
    written = [bytes((VERSION,)) + msgspec.msgpack.encode(state) for state in states]
    for reads, which in order:
        if reads:
            states[which] = decode_state(bytes(bytearray(written[which])))
        assert encode_state(states[which]) == written[which]


def test_contacts_and_pauses_hold_as_before():
    decision = customer().decide(["loan", "card", "saver", "bond"], day(1), placements=["tile", "any"])
    assert {action: rule for action, (_, rule) in verdicts(decision).items()} == {
        "loan": "weekly",
        "card": "weekly",
        "saver": "no",
        "bond": "opt-out",
    }


def test_no_pause_lasts_longer_than_it_did():
    assert customer().offered(["saver"], day(20.7) - 1) == []
    assert customer().offered(["bond"], day(30.8) - 1, placements=["any"]) == []
    assert customer().offered(["bond"], day(30.8), placements=["any"]) == ["bond"]


def test_an_outcome_finds_the_offer_and_releases_the_contact():
    found = customer()
    answer = found.report(OutcomeKind.BOUNCED, day(1), decision_id="d-two")
    assert isinstance(answer, Feedback)
    assert (answer.brand, answer.contact.value, answer.channel) == ("harbour", "released", "mail")
    assert found.offered(["loan"], day(1.1)) == ["loan"]


@pytest.mark.parametrize(
    "limit",
    [
        {"counts": "committed"},
        {"per_brand": True},
        {"brands": ["quay"]},
        {"each": "direction", "at_most": 1},
        {"directions": ["outbound"], "at_most": 1},
        {"whose": "household"},
    ],
    ids=str,
)
@pytest.mark.parametrize("brands", [["quay"], BRANDS], ids=["one-brand", "two-brands"])
def test_what_a_contact_does_not_say_counts(limit, brands):
    found = customer(limits=[{**WEEKLY, **limit}], brands=brands)
    decision = found.decide(["loan"], day(1), brand="quay", placements=["mail"])
    assert [candidate.rule for candidate in decision.ranked] == ["weekly"]


def test_what_was_written_before_gaps_were_noted_has_none():
    found = customer()
    assert found.offered(["loan"], day(10)) == ["loan"]
    said = msgspec.msgpack.decode(found.fold.encode(found.state)[1:])
    older = found.fold.decode(bytes((VERSION,)) + msgspec.msgpack.encode(said[: place("forgotten")]))
    assert found.state.forgotten > older.forgotten == -NEVER
    assert msgspec.structs.replace(older, forgotten=found.state.forgotten) == found.state


def test_what_was_written_before_customers_could_be_erased_was_not():
    found = customer()
    said = msgspec.msgpack.decode(found.fold.encode(found.state)[1:])
    assert said[place("erased") :] == [None]
    assert found.fold.decode(bytes((VERSION,)) + msgspec.msgpack.encode(said[:-1])) == found.state


def test_a_rule_that_became_one_of_a_brand_pauses_all_brands_as_it_did():
    rules = [{**rule, "per_brand": True} for rule in SUPPRESSIONS]
    found = customer(suppressions=rules, brands=BRANDS)
    assert found.offered(["saver"], day(1), brand="quay") == []
