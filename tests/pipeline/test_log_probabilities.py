"""LogProbabilities as a step: what it adds, when it is there, and that it is off the keyed step."""

from collections import Counter
from pathlib import Path

import apache_beam as beam
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection
from apache_beam.runners.direct.transform_evaluator import TransformEvaluatorRegistry
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from bank_arrivals import PLAN, busy_days
from hosting import BOUNDED, STREAMING, TestStream, collect, collected, row

from models.exploration.probability import with_probabilities
from models.folds import fold_events
from pipelines.local import direct_runner
from schemas import Decision
from transforms.log_probabilities import _TOGETHER, LogProbabilities
from transforms.plan_source import PlanSource


@pytest.fixture(scope="module")
def exploring(tmp_path_factory: pytest.TempPathFactory) -> PlanSource:
    """The small bank, exploring: starting propensities are worth something, and nothing else is in the way."""
    spec = msgspec.json.decode(PLAN.load().plan.canonical)
    spec["arbitration"]["exploration"] = "thompson"
    spec |= {"policies": [], "contact": {}, "care": {"waived": "test data"}}
    for action in spec["actions"]:
        action |= {"starting_evidence": 20.0, "eligibility": [], "applicability": [], "suitability": []}
    path = tmp_path_factory.mktemp("plan") / "plan.yaml"
    path.write_bytes(msgspec.json.encode(spec))
    return PlanSource(str(path))


def _decisions(plan: PlanSource) -> list[Decision]:
    fold = plan.load().fold("decide")
    events = sorted(busy_days(150), key=fold.order)
    customers = sorted({event.customer_id for event in events})
    outputs = (
        output
        for customer in customers
        for output in fold_events(fold, [event for event in events if event.customer_id == customer])
    )
    return [output for output in outputs if isinstance(output, Decision)]


def test_every_offer_of_an_exploring_plan_has_its_probability(exploring, tmp_path):
    decisions = _decisions(exploring)
    with beam.Pipeline(options=PipelineOptions(list(BOUNDED))) as pipeline:
        made = pipeline | beam.Create(decisions, reshuffle=False).with_output_types(Decision)
        collect(made | LogProbabilities(exploring), "out", str(tmp_path))
    expected = [with_probabilities(decision) for decision in decisions]
    assert collected(str(tmp_path)) == {row(decision): 1 for decision in expected}
    found = [offer.probability for decision in expected for offer in decision.offers]
    assert None not in found
    assert sum(0.0 < probability < 1.0 for probability in found) > 20


def test_a_plan_that_leaves_nothing_to_chance_gets_no_step():
    pipeline = beam.Pipeline(options=PipelineOptions(list(BOUNDED)))
    made: PCollection[Decision] = pipeline | beam.Create([]).with_output_types(Decision)
    assert (made | LogProbabilities(PLAN)) is made


def test_the_keyed_step_computes_no_probability(exploring):
    assert {offer.probability for decision in _decisions(exploring) for offer in decision.offers} == {None}


def test_decisions_computed_together_keep_their_times_and_windows(exploring, tmp_path):
    decisions = _decisions(exploring) * 3
    assert len(decisions) > 2 * _TOGETHER
    with beam.Pipeline(options=PipelineOptions(list(BOUNDED))) as pipeline:
        made = pipeline | beam.Create(list(enumerate(decisions)), reshuffle=False)
        _collect_timed(made, exploring, tmp_path)
    assert collected(str(tmp_path)) == _timed(decisions)


@pytest.mark.parametrize("evaluator", [None, direct_runner._ParDo], ids=["stock", "kept"])
def test_a_stream_computes_what_is_left_when_a_bundle_ends(exploring, tmp_path, monkeypatch, evaluator):
    if evaluator:
        monkeypatch.setitem(TransformEvaluatorRegistry._test_evaluators_overrides, beam.ParDo, evaluator)
    decisions = _decisions(exploring)
    made = list(enumerate(decisions))
    live = TestStream(coder=beam.coders.PickleCoder()).add_elements(made[:1]).add_elements(made[1:8])
    live = live.add_elements(made[8:]).advance_watermark_to_infinity()
    with beam.Pipeline(options=PipelineOptions(list(STREAMING))) as pipeline:
        _collect_timed(pipeline | live, exploring, tmp_path)
    direct_runner._ParDo.forget()
    assert collected(str(tmp_path)) == _timed(decisions)


def test_a_record_that_cannot_be_ends_its_bundle(exploring):
    good, bad = [each for each in _decisions(exploring) if each.offers and each.offers[0].contenders][:2]
    offers = (msgspec.structs.replace(bad.offers[0], contenders=(99,)), *bad.offers[1:])
    pipeline = beam.Pipeline(options=PipelineOptions(list(BOUNDED)))
    rows = [good, msgspec.structs.replace(bad, offers=offers)]
    made = pipeline | beam.Create(rows, reshuffle=False).with_output_types(Decision)
    _ = made | LogProbabilities(exploring)
    with pytest.raises(Exception, match=r"ValueError.*probability\.py"):
        pipeline.run().wait_until_finish()


def _collect_timed(numbered: PCollection[tuple[int, Decision]], plan: PlanSource, folder: Path) -> None:
    """Collect decisions, computed an hour apart and in windows of a day, with the time and window they have then."""
    made = (
        numbered
        | beam.MapTuple(lambda hour, decision: TimestampedValue(decision, hour * 3600)).with_output_types(
            Decision
        )
        | beam.WindowInto(FixedWindows(86_400))
    )
    collect((made | LogProbabilities(plan)) | beam.ParDo(_TimeFn()), "out", str(folder))


class _TimeFn(beam.DoFn):
    """Says in the record what Beam knows of it."""

    def process(self, decision, at=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
        known = {"at": float(at), "window": float(window.start)}
        yield msgspec.structs.replace(decision, attributes=known)


def _timed(decisions: list[Decision]) -> Counter[tuple[str, bytes]]:
    told = (with_probabilities(decision) for decision in decisions)
    known = ({"at": hour * 3600.0, "window": hour // 24 * 86_400.0} for hour in range(len(decisions)))
    return Counter(
        row(msgspec.structs.replace(each, attributes=what)) for each, what in zip(told, known, strict=True)
    )
