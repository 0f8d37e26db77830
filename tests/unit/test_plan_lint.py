"""What `nextbeam plan check` finds: bugs planted into a plan that has none, each named with its line and a remedy."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from realdata import ROOT

from models.plan.lint import CODES, check_plan

PLAN = ROOT / "tests" / "plans" / "everything"
TODAY = datetime(2026, 11, 21)  # noqa: DTZ001  (clocks of the plan's time zone)
CASES = yaml.safe_load((ROOT / "tests" / "plans" / "planted_bugs.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(PLAN, tmp_path / "plan"))


def planted(folder, case):
    """What is found in the plan with the edits of a case made, each of which must fit one place."""
    file = folder / case["file"]
    text = file.read_text(encoding="utf-8")
    for edit in case["edits"]:
        assert text.count(edit["from"]) == 1, edit["from"]
        text = text.replace(edit["from"], edit["to"])
    file.write_text(text, encoding="utf-8")
    return check_plan(folder, TODAY)


def line_of(remark):
    return Path(remark.file).read_text(encoding="utf-8").splitlines()[remark.line - 1]


@pytest.mark.parametrize("bug", CASES["bugs"], ids=lambda bug: bug["bug"])
def test_a_planted_bug_is_found_with_its_line_and_a_remedy(folder, bug):
    found = [remark for remark in planted(folder, bug) if remark.code == bug["code"]]
    assert any(
        bug["line"] in line_of(remark) and bug["message"] in remark.message and bug["remedy"] in remark.remedy
        for remark in found
    ), "\n".join(map(str, found))


def test_every_kind_of_finding_is_planted_somewhere():
    assert {bug["code"] for bug in CASES["bugs"]} == set(CODES)


def test_a_plan_that_uses_everything_has_nothing_without_effect():
    assert [str(remark) for remark in check_plan(PLAN, TODAY) if remark.severity != "note"] == []


@pytest.mark.parametrize("name", ["uk_bank", "bpic2012"])
def test_the_shipped_plans_have_nothing_without_effect(name):
    folder = ROOT / "models" / "catalogues" / name
    assert [str(remark) for remark in check_plan(folder, TODAY) if remark.severity != "note"] == []


def test_the_same_plan_has_the_same_findings():
    assert check_plan(PLAN, TODAY) == check_plan(PLAN, TODAY)


@pytest.mark.parametrize("case", CASES["near_misses"], ids=lambda case: case["case"])
def test_what_only_just_has_an_effect_is_left_alone(folder, case):
    assert [str(remark) for remark in planted(folder, case) if remark.severity != "note"] == []


def test_the_guide_lists_every_finding_with_its_severity():
    guide = (ROOT / "docs" / "checking-plans.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in guide.splitlines()
        if "| `" in line
    ]
    assert {code.strip("`"): severity for code, severity, *_ in rows} == CODES
    assert all(len(row) == 4 and all(row) for row in rows)
