"""What a published record says on its envelope, and whether a record can be written down."""

import math
from datetime import UTC, datetime

import msgspec
import pytest
from contract_strategies import contracts
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CONTRACTS, DeadLetter, Decision, Feedback, Reason, Signal
from schemas.routing import LONGEST, TRACE, attributes, schema_version
from schemas.row_check import record_check

PUBLISHED = (Decision, Feedback, DeadLetter)
SIGNAL = Signal(
    signal_id="s1",
    customer_id="c1",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    type="page_view",
    channel="web",
    brand="harbour",
)


@pytest.mark.parametrize("contract", PUBLISHED)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_pubsub_takes_the_attributes_of_every_record(contract, data):
    found = attributes(data.draw(contracts(contract)))
    assert found["schema"] == contract.__name__
    assert found["schema_version"] == schema_version(contract)
    assert len(found) <= 100
    for name, value in found.items():
        assert type(name) is str
        assert isinstance(value, str)
        assert 0 < len(value.encode()) <= LONGEST
        assert len(name.encode()) <= 256
        assert not name.startswith("goog")


@settings(max_examples=50, deadline=None)
@given(contracts(Decision))
def test_a_subscriber_to_a_channel_gets_each_decision_with_an_offer_for_it(decision):
    found = attributes(decision)
    assert {name for name in found if name.startswith("to_")} == {
        f"to_{offer.channel}" for offer in decision.offers
    }
    assert found["decision_id"] == decision.decision_id


@settings(max_examples=50, deadline=None)
@given(
    contracts(Decision), st.sampled_from([None, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
)
def test_the_trace_context_goes_out_as_it_came_in(decision, trace):
    assert attributes(msgspec.structs.replace(decision, trace=trace)).get(TRACE) == trace


def test_a_version_grows_with_the_fields():
    def made(*fields: tuple[str, type]) -> type[msgspec.Struct]:
        return msgspec.defstruct("Made", fields, frozen=True)

    assert schema_version(made(("a", str))) == "1.1"
    assert schema_version(made(("a", str), ("b", SIGNAL.__class__))) > "1.2"


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_keeps_its_contract_can_be_written_down(contract, data):
    assert record_check(contract)(data.draw(contracts(contract))) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (msgspec.structs.replace(SIGNAL, signal_id=None), "Expected `str`, got `null` - at `$.signal_id`"),
        (msgspec.structs.replace(SIGNAL, signal_id=""), "Expected `str` of length >= 1 - at `$.signal_id`"),
        (msgspec.structs.replace(SIGNAL, type=7), "Expected `str`, got `int` - at `$.type`"),
        (msgspec.structs.replace(SIGNAL, page="\ud800"), "text that UTF-8 cannot write"),
        (msgspec.structs.replace(SIGNAL, attributes={"a": math.nan}), "a number that is not finite"),
        (msgspec.structs.replace(SIGNAL, attributes={"a": -math.inf}), "a number that is not finite"),
        (msgspec.structs.replace(SIGNAL, occurred_at=datetime(2026, 1, 1)), "with a timezone component"),  # noqa: DTZ001
        (DeadLetter(reason=Reason.TOO_LATE, step="s", detail="d", payload=b"", payload_bytes=0), "no Signal"),
    ],
)
def test_a_record_that_broke_its_contract_is_found(wrong, said):
    assert said in str(record_check(Signal)(wrong))
