"""PlanWatch: what it has to count waits for a step."""

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from bank_arrivals import PLAN
from hosting import BOUNDED

from transforms.metrics import PLAN_REFUSED
from transforms.plan_watch import PlanWatch


@pytest.fixture(scope="module")
def watch() -> PlanWatch:
    return PlanWatch(PLAN.path, 3600.0, lambda plan: plan, lambda old, new: None)


class _Ask(beam.DoFn):
    """Asks as steps do."""

    asked: PlanWatch

    def start_bundle(self):
        _Ask.asked.current()

    def process(self, element):
        yield element


def test_asking_outside_of_a_step_leaves_the_counting_to_a_step(watch):
    watch._uncounted.append(PLAN_REFUSED)
    assert watch.current().digest == PLAN.load().plan.digest
    _Ask.asked = watch
    pipeline = beam.Pipeline(options=PipelineOptions(list(BOUNDED)))
    _ = pipeline | beam.Create([1], reshuffle=False) | beam.ParDo(_Ask())
    result = pipeline.run()
    result.wait_until_finish()
    [counter] = result.metrics().query(MetricsFilter().with_name("plan_refused"))["counters"]
    assert counter.committed == 1
