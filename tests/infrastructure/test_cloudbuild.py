"""Builds are what Cloud Build takes, say nothing that only fails there, and do in their order what they should."""

import copy
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from cloudbuild_run import BUILT_IN, IMAGE, Cloud, run_build

from scripts.builds.lint import RULES, Description, descriptions, findings

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv-infra" / "tools" / "bin"
BUILDS = ROOT / "deploy" / "cloudbuild"
SCRIPTS = sorted((ROOT / "scripts").glob("*.sh"))
RELEASE = ROOT / "cloudbuild.yaml"

needs_tools = pytest.mark.skipif(
    not (TOOLS / "check-jsonschema").is_file(), reason="the tools are not there; `make infra` installs them"
)


# --- descriptions ----------------------------------------------------------------------------------------------------


@needs_tools
def test_descriptions_are_of_the_form_that_cloud_build_takes():
    done = subprocess.run(
        [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.cloudbuild", *descriptions()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", descriptions(), ids=lambda path: path.name)
def test_descriptions_say_nothing_that_fails_only_there(file):
    assert findings(yaml.safe_load(file.read_text())) == []


GOOD = yaml.safe_load("""
steps:
  - {id: one, name: "${_BUILDER}", entrypoint: scripts/setup.sh, waitFor: ["-"]}
  - {id: two, name: "${_BUILDER}", entrypoint: scripts/publish.sh, waitFor: [one], allowFailure: true, timeout: 60s}
  - {id: three, name: "${_BUILDER}", entrypoint: make, args: [setup], waitFor: [two]}
timeout: 600s
substitutions: {_BUILDER: "", _RELEASES: ""}
options: {logging: CLOUD_LOGGING_ONLY, env: ["RELEASES=${_RELEASES}", "COMMIT=$COMMIT_SHA"]}
""")


def _set(*path):
    """A change that puts the last of `path` where the rest of it leads."""

    def change(build):
        *way, last, value = path
        for key in way:
            build = build[key]
        build[last] = value

    return change


BROKEN = {
    "no-id": (lambda b: b["steps"][0].pop("id"), "unique_ids"),
    "id-twice": (_set("steps", 1, "id", "one"), "unique_ids"),
    "waits-for-nobody": (_set("steps", 1, "waitFor", ["ones"]), "order"),
    "waits-in-a-circle": (_set("steps", 0, "waitFor", ["three"]), "order"),
    "does-not-say-what-for": (lambda b: b["steps"][1].pop("waitFor"), "order"),
    "not-declared": (_set("steps", 0, "args", ["$_OTHER"]), "substitutions"),
    "not-declared-in-options": (_set("options", "pool", {"name": "${_POOL}"}), "substitutions"),
    "not-used": (_set("substitutions", "_MORE", ""), "substitutions"),
    "not-built-in": (_set("steps", 0, "args", ["$COMMIT_SHAH"]), "substitutions"),
    "image-by-tag": (_set("steps", 0, "name", "python:3.11"), "images"),
    "image-by-tag-and-short-digest": (_set("steps", 0, "name", "python:3.11@sha256:12"), "images"),
    "default-is-a-tag": (_set("substitutions", "_BUILDER", "builder:latest"), "images"),
    "image-in-parts": (_set("steps", 0, "name", "${_BUILDER}:latest"), "images"),
    "no-logging": (lambda b: b["options"].pop("logging"), "logs"),
    "no-timeout": (lambda b: b.pop("timeout"), "timeouts"),
    "timeout-of-two-days": (_set("timeout", "172800s"), "timeouts"),
    "timeout-in-minutes": (_set("timeout", "10m"), "timeouts"),
    "step-longer-than-build": (_set("steps", 1, "timeout", "601s"), "timeouts"),
    "password-in-arguments": (_set("steps", 0, "args", ["--password=hunter2"]), "secrets"),
    "token-in-environment": (lambda b: b["options"]["env"].append("API_TOKEN=abcdef"), "secrets"),
    "key-in-default": (_set("substitutions", "_BUILDER", "-----BEGIN PRIVATE"), "secrets"),
    "secret-by-name-of-default": (_set("substitutions", "_PASSWORD", "hunter2"), "secrets"),
    "script-not-there": (_set("steps", 0, "entrypoint", "scripts/other.sh"), "entry_points"),
    "script-not-executable": (_set("steps", 0, "entrypoint", "scripts/lib.sh"), "entry_points"),
    "command-in-place": (_set("steps", 0, "entrypoint", "bash"), "entry_points"),
    "script-in-place": (_set("steps", 0, "script", "echo"), "entry_points"),
    "needs-what-is-not-there": (lambda b: b["options"]["env"].pop(), "needs"),
    "needs-through-another": (lambda b: b["options"]["env"].pop(0), "needs"),
    "may-fail-unseen": (_set("steps", 2, "allowFailure", True), "failures"),
}


def test_the_example_that_others_break_is_good():
    assert findings(GOOD) == []


@pytest.mark.parametrize(("change", "rule"), BROKEN.values(), ids=BROKEN)
def test_a_description_that_breaks_a_rule_is_found_by_that_rule(change, rule):
    build = copy.deepcopy(GOOD)
    change(build)
    assert rule in {found.partition(":")[0] for found in findings(build)}


def test_every_rule_has_an_example_that_breaks_it():
    assert {rule for _, rule in BROKEN.values()} == {rule.__name__ for rule in RULES}


def test_secrets_that_come_from_elsewhere_are_none():
    build = copy.deepcopy(GOOD)
    build["steps"][0]["args"] = ["--token=$$TOKEN", "--key-ring=${_RELEASES}", "--tokens-per-second", "5"]
    assert not [found for found in findings(build) if found.startswith("secrets")]


OPTIONAL = {"_FIRST_RELEASE", "_GOOGLE_REGISTRY"}
"""Substitutions that are empty unless somebody says them for one build."""


def test_what_a_build_has_to_be_told_terraform_tells_it():
    told = set(re.findall(r"^ +(_[A-Z_]+) += ", (ROOT / "terraform" / "main.tf").read_text(), re.M)) | {
        "_POOL"
    }
    asked = set()
    for file in descriptions():
        defaults = yaml.safe_load(file.read_text())["substitutions"]
        asked |= {name for name, value in defaults.items() if not value}
    assert asked - told == OPTIONAL
    assert told - asked == set(), "nobody listens"


def test_every_description_has_a_trigger_and_every_trigger_its_description():
    text = (ROOT / "terraform" / "variables.tf").read_text()
    block = text.partition('variable "build_files"')[2].partition("\n}\n")[0]
    files = dict(re.findall(r'([\w-]+) += optional\(string, "([^"]+)"\)', block))
    assert {ROOT / name for name in files.values()} == set(descriptions())
    triggers = (ROOT / "terraform" / "modules" / "builds" / "main.tf").read_text()
    assert set(files) == set(re.findall(r"^    ([\w-]+) += \{ on = ", triggers, re.M))


def test_a_build_in_the_pool_without_the_internet_installs_through_the_registry():
    """And the one that has to reach the internet stays out of it."""
    for file in descriptions():
        build = yaml.safe_load(file.read_text())
        private = "pool" in build["options"]
        assert private == (file.name != "vulnerabilities.yaml")
        if private and any(step["entrypoint"] == "scripts/setup.sh" for step in build["steps"]):
            assert "PYTHON_UPSTREAM=${_PYTHON_UPSTREAM}" in build["options"]["env"]


# --- scripts ---------------------------------------------------------------------------------------------------------


@needs_tools
def test_scripts_are_clean():
    done = subprocess.run(
        [TOOLS / "shellcheck", "--external-sources", *SCRIPTS],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "script", [each for each in SCRIPTS if each.name != "lib.sh"], ids=lambda path: path.name
)
def test_every_script_stops_at_the_first_failure_and_says_what_it_is(script):
    first, second, *_ = script.read_text().splitlines()
    assert first == "#!/usr/bin/env bash"
    assert second.startswith("# ")
    assert "set -euo pipefail" in script.read_text()


def test_every_script_is_called_by_a_build():
    called = set().union(
        *(
            description.scripts(step)
            for description in (Description(yaml.safe_load(file.read_text())) for file in descriptions())
            for step in description.steps
        )
    )
    assert {f"scripts/{each.name}" for each in SCRIPTS} - called == set()


@needs_tools
def test_the_image_that_builds_run_in_is_described_well():
    done = subprocess.run(
        [TOOLS / "hadolint", ROOT / "deploy" / "builder" / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


# --- what builds do --------------------------------------------------------------------------------------------------


@pytest.fixture
def cloud(tmp_path) -> Cloud:
    return Cloud(tmp_path)


@pytest.fixture
def released(cloud) -> Cloud:
    """A release runs, and the papers of the next one are there."""
    for place, mark in (("current", "old"), ("builds/c0ffee", "new")):
        cloud.put(f"{place}/image", IMAGE if mark == "new" else IMAGE.replace("1", "2"))
        cloud.put(f"{place}/job.flags", "--job_name=nextbeam-decisioning\n--heartbeats_topic=heartbeats\n")
        for name in ("spec.json", "fingerprint.json"):
            cloud.put(f"{place}/{name}", mark)
    for name in ("sbom.json", "vulnerabilities.json", "applied"):
        cloud.put(f"builds/c0ffee/{name}", "there")
    cloud.put("builds/c0ffee/compared", '{"objections": []}')
    return cloud


def _before(run, first: str, second: str) -> bool:
    return run.names.index(first) < run.names.index(second)


def test_the_main_branch_is_built_only_after_everything_has_passed(cloud):
    cloud.put("current/fingerprint.json", "{}")
    run = run_build(cloud, RELEASE)
    assert run.passed, run.said
    for check in ("lint", "types", "supply", "tests", "compatible", "sbom"):
        assert _before(run, check, "image")
    assert cloud.stored("builds/c0ffee/image") == f"{IMAGE}\n"
    assert cloud.calls("build.sh")[0].endswith("nextbeam:c0ffee")
    assert cloud.stored("builds/c0ffee/fingerprint.json") == "{}"
    assert cloud.calls("print-access-token"), "packages come through the registry, for the image as well"


@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("^make lint", "lint"),
        ("^make types", "types"),
        ("^make test", "tests"),
        ("scripts.supply.secrets", "supply"),
        ("scripts.builds.lint", "lint"),
        ("^nextbeam deploy update-check", "compatible"),
        ("^nextbeam deploy request", "compatible"),
        ("scripts.supply.sbom", "sbom"),
        ("^docker push", "image"),
    ],
)
def test_no_image_is_kept_of_a_commit_in_which_something_fails(cloud, pattern, step):
    cloud.put("current/fingerprint.json", "{}")
    cloud.answers(pattern, code=1)
    run = run_build(cloud, RELEASE)
    assert not run.passed
    assert run.steps[-1][0] == step
    assert cloud.stored("builds/c0ffee/image") is None


def test_a_commit_with_a_vulnerability_leaves_no_paper_that_says_otherwise(cloud):
    assert run_build(cloud, BUILDS / "vulnerabilities.yaml").passed
    assert cloud.stored("builds/c0ffee/vulnerabilities.json")
    other = BUILT_IN | {"COMMIT_SHA": "bad"}
    cloud.answers("scripts.supply.vulnerabilities", code=1)
    assert not run_build(cloud, BUILDS / "vulnerabilities.yaml", **other).passed
    assert cloud.stored("builds/bad/vulnerabilities.json") is None


def test_an_audit_that_finds_something_is_judged_and_one_that_breaks_is_not(cloud):
    cloud.answers("^pip-audit", code=1, times=1)
    assert run_build(cloud, BUILDS / "vulnerabilities.yaml").passed
    cloud.answers("^pip-audit", code=2)
    assert not run_build(cloud, BUILDS / "vulnerabilities.yaml").passed


def test_a_release_is_compared_with_what_runs_and_not_with_nothing(cloud):
    run = run_build(cloud, RELEASE)
    assert not run.passed
    assert "for the first release of a project say FIRST_RELEASE=yes" in run.said
    assert run_build(cloud, RELEASE, _FIRST_RELEASE="yes").passed


def test_what_terraform_plans_is_what_is_applied(released):
    assert run_build(released, BUILDS / "plan.yaml").passed
    assert released.stored("builds/c0ffee/terraform.plan") == "a plan"
    assert released.stored("builds/c0ffee/terraform.txt") == "nothing to do\n"
    assert released.stored("builds/c0ffee/applied") == "there", "a plan is not applied"
    [planned] = released.calls("^terraform .* plan ")
    assert f"-var=image={IMAGE}" in planned
    assert run_build(released, BUILDS / "infrastructure.yaml").passed
    [applied] = released.calls("^terraform .* apply")
    assert applied.endswith("out/release/terraform.plan"), "it would plan anew"
    assert released.stored("builds/c0ffee/job.flags")


def test_where_terraform_would_change_nothing_there_is_nothing_to_approve(cloud):
    cloud.put("builds/c0ffee/image", IMAGE)
    cloud.answers("^terraform .* plan ", code=0)
    assert run_build(cloud, BUILDS / "plan.yaml").passed
    assert cloud.stored("builds/c0ffee/applied")
    assert cloud.stored("builds/c0ffee/job.flags")
    assert cloud.stored("builds/c0ffee/terraform.plan") is None


@pytest.mark.parametrize("pattern", ["^terraform .* plan ", "^terraform .* validate", "^terraform .* init"])
def test_a_plan_that_fails_says_nothing_of_the_infrastructure(cloud, pattern):
    cloud.put("builds/c0ffee/image", IMAGE)
    cloud.answers(pattern, code=1)
    assert not run_build(cloud, BUILDS / "plan.yaml").passed
    assert cloud.stored("builds/c0ffee/applied") is None
    assert cloud.stored("builds/c0ffee/terraform.plan") is None


def test_nothing_is_applied_that_nobody_has_seen(released):
    run = run_build(released, BUILDS / "infrastructure.yaml")
    assert not run.passed
    assert not released.calls("^terraform .* apply")


def test_a_candidate_is_published_validated_shadowed_compared_and_stopped(released):
    released.answers("list .*decisioning-shadow", times=1)
    released.answers("list .*decisioning-shadow", "2026-11-21_00_00_00-1\n", times=1)
    run = run_build(released, BUILDS / "candidate.yaml")
    assert run.passed, run.said
    assert run.names == ["setup", "publish", "validate", "shadow", "compare", "stop", "passed"]
    validate, shadow = released.calls("^nextbeam deploy launch")
    assert "--validate-only" in validate
    assert "--validate-only" not in shadow
    for own in (
        "--job_name=nextbeam-decisioning-shadow", "--signals_subscription=signals-shadow",
        "--outcomes_subscription=outcomes-shadow", "--decisions_topic=decisions-shadow",
        "--feedback_topic=feedback-shadow", "--dead_letters_topic=dead-letter-shadow",
        "--bigquery_dataset=nextbeam_shadow", f"--sdk_container_image={IMAGE}",
    ):  # fmt: skip
        assert own in shadow
    assert "--update" not in shadow
    assert "heartbeats" not in (released.root / "out" / "release" / "shadow.flags").read_text()
    assert released.calls("jobs cancel") == [
        "gcloud dataflow jobs cancel 2026-11-21_00_00_00-1 --project bank --region europe-west2"
    ]
    [compared] = released.calls("pipelines.releases.comparing")
    assert "--live nextbeam --candidate nextbeam_shadow" in compared
    assert "--least-agreement 0.999" in compared
    assert released.stored("builds/c0ffee/compared") == '{"objections": []}\n'


@pytest.mark.parametrize(
    "paper", ["image", "sbom.json", "fingerprint.json", "vulnerabilities.json", "applied", "job.flags"]
)
def test_no_candidate_is_published_before_all_that_it_rests_on_is_there(released, paper):
    (released.home / "bucket" / "bank-releases" / "builds" / "c0ffee" / paper).unlink()
    run = run_build(released, BUILDS / "candidate.yaml")
    assert run.names[-1] == "publish"
    assert f"builds/c0ffee/{paper} is not there" in run.said
    assert not released.calls("^nextbeam")


@pytest.mark.parametrize("code", [1, 2], ids=["objections", "could-not-see"])
def test_a_candidate_that_does_not_compare_is_stopped_and_no_update_is_asked_for(released, code):
    released.answers("list .*decisioning-shadow", times=1)
    released.answers("list .*decisioning-shadow", "2026-11-21_00_00_00-1\n", times=1)
    released.answers(
        "pipelines.releases.comparing", '{"objections": ["no"]}\n' if code == 1 else "", code=code
    )
    run = run_build(released, BUILDS / "candidate.yaml")
    assert not run.passed
    assert released.calls("jobs cancel")
    update = run_build(released, BUILDS / "update.yaml")
    assert update.names[-1] == "passed"
    assert "has not passed" in update.said


def test_a_candidate_of_which_nobody_knows_whether_it_stopped_asks_for_nothing(released):
    released.answers("list .*decisioning-shadow", times=1)
    released.answers("list .*decisioning-shadow", code=1)
    run = run_build(released, BUILDS / "candidate.yaml")
    assert run.names[-1] == "stop"
    assert not run.passed


def test_a_candidate_that_does_not_start_is_stopped_and_not_compared(released):
    released.answers("jobs describe", "JOB_STATE_FAILED\n")
    released.answers("list .*decisioning-shadow", times=1)
    released.answers("list .*decisioning-shadow", "2026-11-21_00_00_00-1\n", times=1)
    run = run_build(released, BUILDS / "candidate.yaml")
    assert not run.passed
    assert released.calls("jobs cancel")
    assert not released.calls("pipelines.releases.comparing")
    assert run_build(released, BUILDS / "update.yaml").names[-1] == "passed", "an earlier trial had passed"


def test_what_dataflow_refuses_is_not_started(released):
    released.answers("--validate-only", code=2)
    run = run_build(released, BUILDS / "candidate.yaml")
    assert run.names[-1] == "validate"
    assert not [each for each in released.calls("deploy launch") if "--validate-only" not in each]


def test_a_commit_that_was_never_built_has_no_candidate(cloud):
    run = run_build(cloud, BUILDS / "candidate.yaml")
    assert run.names[-1] == "publish"
    assert "the build of this commit on the main branch makes it" in run.said


def test_an_image_that_is_named_by_a_tag_is_not_deployed(released):
    released.put("builds/c0ffee/image", "registry/nextbeam:latest")
    run = run_build(released, BUILDS / "candidate.yaml")
    assert run.names[-1] == "publish"
    assert "is no image by digest" in run.said


def test_an_update_that_holds_becomes_what_one_goes_back_to(released):
    run = run_build(released, BUILDS / "update.yaml")
    assert run.passed, run.said
    assert run.names == ["setup", "passed", "compatible", "update", "smoke", "watch", "settle"]
    [update] = released.calls("^nextbeam deploy launch")
    assert "--spec gs://bank-releases/builds/c0ffee/spec.json" in update
    assert "--update" in update
    assert f"--sdk_container_image={IMAGE}" in update
    assert len(released.calls("^nextbeam heartbeat")) == 3
    assert released.stored("current/spec.json") == "new"
    assert released.stored("current/image") == IMAGE


def _went_back(cloud: Cloud) -> bool:
    """Whether the last launch was of the release before, in place."""
    last = cloud.calls("^nextbeam deploy launch")[-1]
    old = f"--sdk_container_image={IMAGE.replace('1', '2')}"
    return "--spec gs://bank-releases/current/spec.json" in last and "--update" in last and old in last


NO_ANSWER = '{"heartbeat": "h", "answered": false}\n'
SLOW = '{"heartbeat": "h", "answered": true, "age_ms": 9000}\n'


@pytest.mark.parametrize(
    "answer",
    [
        ("^nextbeam heartbeat", NO_ANSWER, 1),
        ("^nextbeam heartbeat", SLOW, 0),
        ("^nextbeam heartbeat", "no JSON\n", 0),
        ("pipelines.releases.watching", "decision_latency burns\n", 1),
    ],
    ids=["no-heartbeat", "slow-heartbeat", "broken-heartbeat", "budget-burns"],
)
def test_an_update_that_does_not_hold_is_taken_back_at_once(released, answer):
    released.answers(*answer)
    run = run_build(released, BUILDS / "update.yaml")
    assert not run.passed
    assert run.names[-1] == "settle"
    assert _went_back(released)
    assert released.stored("current/spec.json") == "old", "what did not hold would be what one goes back to"


def test_an_update_that_starts_and_never_runs_is_taken_back(released):
    released.answers("jobs describe", "JOB_STATE_FAILED\n", times=1)
    run = run_build(released, BUILDS / "update.yaml")
    assert not run.passed
    assert _went_back(released)


def test_an_update_that_dataflow_refuses_changes_nothing(released):
    """The old job answers heartbeats: without care, that would be taken for the new one's."""
    released.answers("^nextbeam deploy launch", "error: refused\n", code=2)
    run = run_build(released, BUILDS / "update.yaml")
    assert not run.passed
    assert "the job runs as before" in run.said
    assert len(released.calls("^nextbeam deploy launch")) == 1
    assert released.stored("current/spec.json") == "old"


def test_when_nobody_can_see_how_the_job_does_nothing_is_changed_again(released):
    released.answers("pipelines.releases.watching", code=2)
    run = run_build(released, BUILDS / "update.yaml")
    assert not run.passed
    assert len(released.calls("^nextbeam deploy launch")) == 1
    assert "approve nextbeam-way-back" in run.said
    assert released.stored("current/spec.json") == "old"


def test_an_update_that_could_not_be_taken_back_is_not_made(released):
    released.answers("^nextbeam deploy update-check", "BREAK\n", code=1)
    run = run_build(released, BUILDS / "update.yaml")
    assert run.names[-1] == "compatible"
    assert not released.calls("^nextbeam deploy launch")


def test_one_can_go_back_by_hand(released):
    run = run_build(released, BUILDS / "way-back.yaml")
    assert run.passed, run.said
    assert _went_back(released)
    assert run.names == ["setup", "way-back", "smoke"]


def test_without_a_release_that_is_known_to_be_good_there_is_no_way_back(cloud):
    run = run_build(cloud, BUILDS / "way-back.yaml")
    assert not run.passed
    assert "no update has ever settled" in run.said


def test_an_update_that_nobody_has_compared_is_not_made(released):
    (released.home / "bucket" / "bank-releases" / "builds" / "c0ffee" / "compared").unlink()
    run = run_build(released, BUILDS / "update.yaml")
    assert run.names[-1] == "passed"
    assert not released.calls("^nextbeam deploy launch")


def test_the_first_job_of_a_project_is_not_started_by_an_update(released):
    released.answers("^gcloud dataflow jobs list", "")
    run = run_build(released, BUILDS / "update.yaml")
    assert not run.passed
    assert not released.calls("^nextbeam deploy launch")


def test_a_script_without_what_it_needs_says_what_is_missing(cloud):
    done = cloud.script("scripts/way_back.sh", PROJECT="bank", REGION="europe-west2", JOB="j")
    assert done.returncode == 2
    assert "RELEASES is missing" in done.stderr


def test_builds_in_a_network_without_the_internet_install_through_the_registry(cloud):
    cloud.answers("print-access-token", "a-token\n")
    done = cloud.script("scripts/setup.sh", PROJECT="bank", REGION="europe-west2", PYTHON_UPSTREAM="python")
    assert done.returncode == 0, done.stderr
    assert "a-token" not in done.stdout + done.stderr
    assert cloud.calls("^make")[0] == "make setup readers infra"
