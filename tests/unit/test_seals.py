"""Seals: what is sealed is written as its coder writes it, and any change shows."""

import msgspec
import pytest
from contract_strategies import contracts
from hypothesis import given, settings
from hypothesis import strategies as st

from models.audit.seals import canonical, intact, packed, seal_of, sealed
from schemas import Decision, Feedback
from schemas.coders import ContractCoder


@pytest.mark.parametrize("contract", [Decision, Feedback])
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_bytes_of_what_was_sealed_are_its_coders(contract, data):
    record = data.draw(contracts(contract))
    record = msgspec.structs.replace(record, seal=data.draw(st.sampled_from(["", "", record.seal])))
    if record.notes:
        first = msgspec.structs.replace(record.notes[0], rule="seal", action="seal", unit="seal")
        record = msgspec.structs.replace(record, notes=(*record.notes, first))
    bare = msgspec.structs.replace(record, seal="")
    done = sealed(record)
    assert intact(done)
    assert done.seal == seal_of(bare)
    assert msgspec.structs.replace(done, seal="") == bare
    for _ in range(2):  # with its bytes at hand, and without
        assert packed(done) == ContractCoder(contract).encode(done) == canonical(done)
        sealed(bare)


@given(contracts(Feedback), contracts(Feedback))
def test_bytes_at_hand_are_those_of_no_other_record(one, other):
    first, second = sealed(one), sealed(other)
    assert packed(first) == canonical(first)
    assert packed(second) == canonical(second)
    assert packed(one) == canonical(one)
