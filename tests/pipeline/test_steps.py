"""Each of the five transforms on its own, and the plan that they share."""

import pickle
import subprocess
import sys

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from bank_arrivals import PLAN, busy_days
from hosting import BOUNDED, collect, collected, row
from realdata import ROOT

from models.folds import fold_events
from schemas import CandidateSet, DecisionRequest
from transforms.arbitration import Arbitrate
from transforms.engagement_policy import ApplyEngagementPolicy
from transforms.plan_source import PlanSource
from transforms.scoring import PropensityModelHandler, ScoreActions


@pytest.fixture(scope="module")
def requests() -> list[DecisionRequest]:
    events = sorted(busy_days(200), key=PLAN.load().fold("context").order)
    made = [
        output
        for customer in sorted({event.customer_id for event in events})
        for output in fold_events(
            PLAN.load().fold("context"), [e for e in events if e.customer_id == customer]
        )
    ]
    return [output for output in made if isinstance(output, DecisionRequest)]


def _one_to_one(transform, contract, elements, tmp_path):
    with beam.Pipeline(options=PipelineOptions(list(BOUNDED))) as pipeline:
        created = pipeline | beam.Create(elements, reshuffle=False).with_output_types(contract)
        collect(created | transform, "out", str(tmp_path))
    return collected(str(tmp_path))


def _rows(elements):
    return {row(element): 1 for element in elements}


def test_engagement_policy_names_the_rule_that_removes(requests, tmp_path):
    funnel = PLAN.load().funnel
    out = _one_to_one(ApplyEngagementPolicy(PLAN), DecisionRequest, requests, tmp_path)
    assert out == _rows(funnel.engage(request) for request in requests)
    assert any(max(funnel.engage(request).removed_by) >= 0 for request in requests)


@pytest.mark.parametrize("inline", [False, True], ids=["run-inference", "inline"])
def test_scores_have_the_same_bits_in_any_batch(inline, requests, tmp_path):
    funnel = PLAN.load().funnel
    engaged = [funnel.engage(request) for request in requests]
    out = _one_to_one(ScoreActions(PLAN, inline=inline), CandidateSet, engaged, tmp_path)
    assert out == _rows(map(funnel.score, engaged))


def test_arbitration_ranks(requests, tmp_path):
    funnel = PLAN.load().funnel
    scored = [funnel.score(funnel.engage(request)) for request in requests]
    out = _one_to_one(Arbitrate(PLAN), CandidateSet, scored, tmp_path)
    assert out == _rows(map(funnel.arbitrate, scored))


def test_the_handler_scores_with_the_plan_everyone_has(requests):
    handler = PropensityModelHandler(PLAN, max_batch_size=64)
    engaged = [PLAN.load().funnel.engage(request) for request in requests[:5]]
    assert handler.load_model() is PLAN.load()
    assert list(handler.run_inference(engaged, handler.load_model())) == list(
        map(PLAN.load().funnel.score, engaged)
    )
    assert handler.batch_elements_kwargs() == {"max_batch_size": 64}
    assert 0 < handler.get_num_bytes(engaged) < 10_000


def test_a_plan_is_loaded_once_for_all_folds_and_steps():
    again = pickle.loads(pickle.dumps(PLAN))
    assert again.load() is PLAN.load()
    assert again.fold("decide")() is PLAN.fold("decide")()
    assert len(pickle.dumps(PLAN.fold("decide"))) < 500


def test_a_bad_plan_is_refused_when_it_is_loaded(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("plan: nextbeam/1\n")
    with pytest.raises(Exception, match=r"plan\.yaml"):
        PlanSource(str(path)).load()


def test_workers_that_score_load_no_training_library():
    code = (
        "import sys, transforms.decide as d, transforms.plan_source as s\n"
        "s.PlanSource(sys.argv[1]).load()\n"
        "print(sorted({'sklearn', 'joblib', 'scipy', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, PLAN.path], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
