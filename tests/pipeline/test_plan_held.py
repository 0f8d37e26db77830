"""A plan that was checked before a run is the one that the run decides by."""

import pytest

from models.plan.compiled import Plan
from pipelines.locate import find_plan
from transforms import plan_source
from transforms.plan_source import PlanSource


@pytest.fixture(autouse=True)
def another_process(monkeypatch):
    monkeypatch.setattr(plan_source, "_handles", {})


@pytest.fixture(scope="module")
def plans():
    return [Plan.load(find_plan("uk_bank")) for _ in range(2)]


def test_what_is_held_is_not_read(plans, tmp_path):
    source = PlanSource(str(tmp_path / "is not there"))
    source.hold(plans[0])
    assert source.load().plan is plans[0]
    assert source.as_launched().load().plan is plans[0]


def test_a_later_run_in_the_same_process_decides_by_what_it_has_checked(plans, tmp_path):
    source = PlanSource(str(tmp_path / "is not there"))
    for plan in plans:
        source.hold(plan)
        assert source.load().plan is plan
        assert source.as_launched().load().plan is plan


def test_what_was_held_is_read_again_once_a_process_has_let_go_of_it(plans):
    source, other = (
        PlanSource(str(find_plan("uk_bank"))),
        PlanSource(str(find_plan("uk_bank")), past="nothing"),
    )
    source.hold(plans[0])
    held = source.as_launched()
    plan_source._handles.clear()
    other.hold(plans[1])  # Beam keeps alive what was asked for last
    assert held.load().plan.digest == plans[0].digest
