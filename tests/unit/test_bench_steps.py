"""benchmarks.steps: the stopwatch, the sample that steps are measured on, and the tables."""

import time

import pytest

from benchmarks.decide50.preparing import prepare
from benchmarks.steps import beam as elements
from benchmarks.steps.__main__ import lone, table
from benchmarks.steps.deciding import steps
from benchmarks.steps.sample import sample
from benchmarks.steps.timing import Step, passes, us

NAMED = (
    "decode: a line",
    "event codec: encode",
    "event codec: decode",
    "state codec: encode",
    "state codec: decode",
    "features: match",
    "features: all values",
    "policy: the rules",
    "score: linear",
    "arbitrate:",
    "ledger: decide",
    "encode: a decision",
    "seal: a decision",
    "Parquet: columns",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return sample(prepare(tmp_path_factory.mktemp("steps"), 500, 60)[0])


def burn(s):
    until = time.thread_time() + s
    while time.thread_time() < until:
        pass


def test_a_pass_is_of_thread_cpu_and_sleep_is_none():
    assert us(Step("busy", burn, lambda: [(0.002,)] * 5)) >= 2000
    assert us(Step("idle", time.sleep, lambda: [(0.02,)])) < 10_000


def test_items_that_stand_for_many_are_shared_out():
    assert us(Step("busy", burn, lambda: [(0.01,)], each=10)) == pytest.approx(1000, rel=0.5)


def test_nothing_to_measure_on_is_an_error():
    with pytest.raises(ValueError, match="nothing"):
        us(Step("idle", burn, list))


def test_each_round_passes_over_all_steps_in_turn():
    order = []
    two = [Step(name, order.append, lambda name=name: [(name,)]) for name in "ab"]
    assert {name: len(found) for name, found in passes(two, 3).items()} == {"a": 3, "b": 3}
    assert "".join(order) == "ab" * 4


def test_every_step_that_is_promised_can_be_done(found):
    known = list(steps(found))
    assert len({step.name for step in known}) == len(known)
    for promised in NAMED:
        assert any(step.name.startswith(promised) for step in known), promised
    for step in known:
        assert us(step) > 0


def test_steps_do_what_the_fold_does(found):
    (ledger,) = [step for step in steps(found) if step.name.startswith("ledger: decide")]
    again = [outputs[0] for _, outputs in (ledger.do(*call) for call in ledger.items())]
    assert again == found.decisions


def test_an_element_costs_nothing_that_a_pipeline_costs(tmp_path):
    elements.write(tmp_path / "lines", 50)
    for grow, last, base, times in elements.PIPELINES.values():
        assert base is None or base in elements.PIPELINES
        assert times >= 1
        assert elements.run(tmp_path / "lines", grow, last) > 0


def test_tables_show_medians_and_their_ratio():
    rows = table(("step", "kernel", "Python"), {"x": [1.0, 9.0, 2.0]}, {"x": [4.0, 4.0, 1.0]})
    assert rows[-1] == "| x | 2.00 | 4.00 | 0.50 |"
    assert lone("rules", {"kernel": 2.5})[-1] == "| kernel | 2.50 |"
