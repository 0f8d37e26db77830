"""LogProbabilities as a step: what it adds, when it is there, and that it is off the keyed step."""

import apache_beam as beam
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection
from bank_arrivals import PLAN, busy_days
from hosting import BOUNDED, collect, collected, row

from models.exploration.probability import with_probabilities
from models.folds import fold_events
from schemas import Decision
from transforms.log_probabilities import LogProbabilities
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
