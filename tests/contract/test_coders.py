"""Every contract has its own coder: deterministic, by reference, and used wherever Beam moves the contract."""

import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.coders.typecoders import registry
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type
from contract_strategies import contracts
from hypothesis import given, settings
from hypothesis import strategies as st

import transforms
from schemas import CONTRACTS, CandidateSet, Outcome, Signal
from schemas.coders import ContractCoder, UnionCoder, register

ROOT = Path(__file__).resolve().parents[2]
SIGNAL = Signal(
    signal_id="s1",
    customer_id="c1",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    type="page_view",
    channel="web",
    brand="harbour",
)


def test_importing_transforms_registers_the_coders():
    assert transforms.coders.CONTRACTS is CONTRACTS


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_registry_gives_the_contract_its_coder(contract):
    register()
    register()
    assert registry.get_coder(contract) == ContractCoder(contract)
    assert registry.get_coder(contract).to_type_hint() is contract


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_collection_of_a_contract_is_coded_by_it(contract):
    pipeline = beam.Pipeline()
    made = pipeline | beam.Create([], reshuffle=False) | beam.Map(lambda x: x).with_output_types(contract)
    proto, context = pipeline.to_runner_api(return_context=True)
    coder = context.coders.get_by_id(
        proto.components.pcollections[context.pcollections.get_id(made)].coder_id
    )
    assert coder == ContractCoder(contract)


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_is_encoded_decodes_to_the_same(contract, data):
    value = data.draw(contracts(contract))
    coder = registry.get_coder(contract)
    assert coder.decode(coder.encode(value)) == value
    assert coder.get_impl().decode(coder.get_impl().encode(value)) == value
    assert type(coder.decode(coder.encode(value))) is contract


@given(contracts(Signal))
def test_equal_signals_are_equal_bytes_whatever_the_order_of_their_maps(signal):
    turned = Signal(
        **{
            **{name: getattr(signal, name) for name in Signal.__struct_fields__},
            "attributes": dict(reversed(signal.attributes.items())),
            "occurred_at": signal.occurred_at.astimezone(timezone(timedelta(hours=5))),
        }
    )
    coder = ContractCoder(Signal)
    assert turned == signal
    assert coder.encode(turned) == coder.encode(signal)


def test_the_coder_says_it_is_deterministic():
    coder = ContractCoder(Signal)
    assert coder.is_deterministic()
    assert coder.as_deterministic_coder("GroupByKey") is coder


def test_the_coder_is_pickled_by_reference_to_its_contract():
    pickled = pickle.dumps(ContractCoder(Signal))
    assert pickle.loads(pickled) == ContractCoder(Signal)
    assert len(pickled) < 200


UNION = Signal | Outcome


def test_a_collection_of_several_contracts_is_not_pickled_either():
    register()
    for union in (UNION, Signal | Outcome | CandidateSet):
        assert registry.get_coder(convert_to_beam_type(union)) == UnionCoder()
    assert pickle.loads(pickle.dumps(UnionCoder())) == UnionCoder()
    for other in (Signal | int, Signal | None, str | bytes):
        assert registry.get_coder(convert_to_beam_type(other)) != UnionCoder()


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(CONTRACTS).flatmap(contracts))
def test_in_a_union_each_keeps_its_contract(value):
    coder = UnionCoder()
    again = coder.get_impl().decode(coder.get_impl().encode(value))
    assert again == value
    assert type(again) is type(value)


def test_damaged_bytes_are_an_error_not_another_value():
    coder = ContractCoder(Signal)
    with pytest.raises(ValueError):
        coder.decode(coder.encode(SIGNAL)[:-3])


def _type_and_id(keyed):
    _, values = keyed
    return [(type(value).__module__, type(value).__name__, value.signal_id) for value in values]


def test_the_type_survives_a_shuffle_between_processes(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{Path(__file__).parent}:{ROOT / 'tests'}")
    options = PipelineOptions(
        ["--direct_running_mode=multi_processing", "--direct_num_workers=2", "--job_server_timeout=60"]
    )
    with TestPipeline(runner="FnApiRunner", options=options) as pipeline:
        seen = (
            pipeline
            | beam.Create([SIGNAL])
            | beam.Map(lambda signal: (signal.customer_id, signal)).with_output_types(tuple[str, Signal])
            | beam.GroupByKey()
            | beam.FlatMap(_type_and_id)
        )
        assert_that(seen, lambda found: _expect(found, [("schemas.signal", "Signal", "s1")]))


def _expect(found, wanted):
    assert found == wanted, found
