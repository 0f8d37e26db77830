"""The graph itself: what its steps are called, and that nothing is pickled where bytes are kept or sent."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders.coders import Coder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2 as proto
from apache_beam.runners.pipeline_context import PipelineContext
from bank_arrivals import PLAN
from hosting import TestStream

from schemas import Outcome, Signal
from transforms.decide import DecideChained, DecideNextBestAction
from transforms.session_context import Events

GOLDEN = Path(__file__).parents[1] / "golden" / "steps.txt"
BYTES = {"TupleCoder", "IterableCoder", "BytesCoder", "_TimerCoder", "GlobalWindowCoder"}
GROUP_BY_KEY = common_urns.primitives.GROUP_BY_KEY.urn
PAR_DO = common_urns.primitives.PAR_DO.urn
COMPOSITIONS = [DecideNextBestAction, DecideChained]
BOTH_HOSTS = pytest.mark.parametrize("streaming", [False, True], ids=["bounded", "unbounded"])


def _pipeline(decide: type[beam.PTransform], *, streaming: bool) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions(streaming=streaming))
    sources = [
        pipeline | f"Read{contract.__name__}s" >> _source(contract, streaming=streaming)
        for contract in (Signal, Outcome)
    ]
    _ = Events(*sources) | decide(PLAN)
    return pipeline


def _source(contract: type, *, streaming: bool) -> beam.PTransform:
    if streaming:
        return TestStream(coder=beam.coders.registry.get_coder(contract)).with_output_types(contract)
    return beam.Create([], reshuffle=False).with_output_types(contract)


def _kept_or_sent(pipeline: beam.Pipeline) -> Iterator[tuple[str, Coder]]:
    """Step and coder of all that a shuffle or a state cell holds."""
    graph, context = pipeline.to_runner_api(return_context=True)
    for step in graph.components.transforms.values():
        for coder_id in _coder_ids(step, graph):
            yield step.unique_name, _coder(coder_id, context)


def _coder_ids(step: proto.PTransform, graph: proto.Pipeline) -> list[str]:
    inputs = [graph.components.pcollections[name].coder_id for name in step.inputs.values()]
    if step.spec.urn == GROUP_BY_KEY:
        return inputs
    if step.spec.urn != PAR_DO:
        return []
    payload = proto.ParDoPayload.FromString(step.spec.payload)
    if not payload.state_specs:
        return []
    states = [spec.read_modify_write_spec.coder_id for spec in payload.state_specs.values()]
    timers = [spec.timer_family_coder_id for spec in payload.timer_family_specs.values()]
    return inputs + states + timers


def _coder(coder_id: str, context: PipelineContext) -> Coder:
    coder = context.coders.get_by_id(coder_id)
    assert coder is not None
    return coder


def _parts(coder: Coder) -> Iterator[Coder]:
    yield coder
    for part in coder._get_component_coders():
        yield from _parts(part)


@BOTH_HOSTS
@pytest.mark.parametrize("decide", COMPOSITIONS)
def test_only_bytes_are_shuffled_and_kept(decide, streaming):
    kept = list(_kept_or_sent(_pipeline(decide, streaming=streaming)))
    assert len({step for step, _ in kept}) == (1 if decide is DecideNextBestAction else 2)
    other = [
        (step, part) for step, coder in kept for part in _parts(coder) if type(part).__name__ not in BYTES
    ]
    assert not other


@pytest.mark.parametrize("element", [object, Any, Signal])
def test_anything_but_bytes_would_be_noticed(element):
    pipeline = beam.Pipeline()
    _ = pipeline | beam.Create([]).with_output_types(tuple[bytes, element]) | beam.GroupByKey()
    kept = {type(part).__name__ for _, coder in _kept_or_sent(pipeline) for part in _parts(coder)}
    assert kept - BYTES


@BOTH_HOSTS
@pytest.mark.parametrize("decide", COMPOSITIONS)
def test_between_steps_are_contracts_and_bytes(decide, streaming):
    graph, context = _pipeline(decide, streaming=streaming).to_runner_api(return_context=True)
    ours = [
        step for step in graph.components.transforms.values() if step.unique_name.startswith(decide.__name__)
    ]
    produced = {name: step.unique_name for step in ours for name in step.outputs.values()}
    unknown = {
        step
        for name, step in produced.items()
        for part in _parts(_coder(graph.components.pcollections[name].coder_id, context))
        if type(part).__name__ not in {*BYTES, "ContractCoder"}
    }
    # The batches that RunInference makes never leave the worker: they are fused with the step that takes them.
    assert {step for step in unknown if "BatchElements" not in step} == set()


def test_steps_keep_their_names():
    """Names identify state: a running job can only be updated by a graph that has the same ones."""
    lines = []
    for decide in COMPOSITIONS:
        for streaming in (False, True):
            graph = _pipeline(decide, streaming=streaming).to_runner_api()
            names = {step.unique_name for step in graph.components.transforms.values()}
            lines += [f"# {decide.__name__}, {'unbounded' if streaming else 'bounded'}"]
            lines += [*sorted(name for name in names if name.startswith(decide.__name__)), ""]
    steps = "\n".join(lines)
    if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
        GOLDEN.write_text(steps)
    assert steps == GOLDEN.read_text()
