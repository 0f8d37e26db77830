"""What `terraform/` would make in each environment, checked without a cloud."""

import re

import pytest
from checking import ROOT, check, needs_terraform, written
from policies import POLICIES
from terraform_state import Deployment

from pipelines.deploy.flags_file import read_flags
from pipelines.deploy.template import container_spec

pytestmark = needs_terraform
TERRAFORM = ROOT / "terraform"
FORESEEN = ("prod", "everything")


@pytest.fixture(scope="module")
def deployments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return {
        name: Deployment.of(name, written("foresee", env=name, to=folder / f"{name}.json"))
        for name in FORESEEN
    }


@pytest.fixture(params=FORESEEN)
def deployment(request, deployments):
    return deployments[request.param]


@pytest.mark.parametrize("command", ["fmt", "checkov", "validate"])
def test_the_configuration_passes(command):
    done = check(command)
    assert done.returncode == 0, done.stderr


def test_the_configuration_has_tests_of_its_own_and_passes_them():
    done = check("test")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", done.stdout)


def test_it_can_be_planned_without_knowing_what_the_cloud_will_tell():
    done = check("plan", env="everything")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_is_kept(deployment, policy):
    assert list(POLICIES[policy](deployment)) == []


def test_what_is_for_production_only_is_checked_with_all_that_is_optional(deployments):
    prod, everything = (
        {resource.type for resource in deployment.resources} for deployment in deployments.values()
    )
    assert prod - everything == set()


def parameters_of(job):
    return {*job.values["parameters"], *job.unknown["parameters"]}


def test_the_job_is_told_what_its_template_declares(deployments):
    (job,) = deployments["everything"].of_type("google_dataflow_flex_template_job")
    declared = container_spec(job.values["sdk_container_image"])["metadata"]["parameters"]
    told = job.values["parameters"]
    named = parameters_of(job)
    assert named <= {parameter["name"] for parameter in declared}
    for parameter in declared:
        assert parameter.get("isOptional") or parameter["name"] in named
        for pattern in parameter.get("regexes", ()) if parameter["name"] in told else ():
            assert re.fullmatch(pattern, told[parameter["name"]]), parameter["name"]


def test_flags_of_a_job_are_those_that_are_checked(deployments):
    (job,) = deployments["everything"].of_type("google_dataflow_flex_template_job")
    (output,) = re.findall(
        r'^output "job_flags" \{.*?^\}', (TERRAFORM / "outputs.tf").read_text("utf-8"), re.M | re.S
    )
    flags = {*re.findall(r'"--(\w+)=', output), *parameters_of(job)}
    checked = {
        flag.partition("=")[0].removeprefix("--") for flag in read_flags(ROOT / "deploy" / "check.flags")
    }
    assert checked - flags == set()
    assert flags - checked == {"machine_type"}


def test_every_variable_and_output_is_described_and_in_the_readme():
    readme = (TERRAFORM / "README.md").read_text("utf-8")
    for file, kind in (("variables.tf", "variable"), ("outputs.tf", "output")):
        blocks = re.findall(
            rf'^{kind} "(\w+)" \{{(.*?)^\}}', (TERRAFORM / file).read_text("utf-8"), re.M | re.S
        )
        assert blocks
        assert [name for name, body in blocks if "description" not in body or f"`{name}`" not in readme] == []


def test_modules_are_local():
    sources = [
        source
        for file in TERRAFORM.rglob("*.tf")
        for source in re.findall(
            r'^module "[^"]+" \{.*?^\s*source\s*=\s*"([^"]+)"', file.read_text("utf-8"), re.M | re.S
        )
    ]
    assert sources
    assert [
        source for source in sources if not source.startswith("./") and not source.startswith("../")
    ] == []


def test_whatever_checkov_skips_has_a_reason():
    inline = [
        line
        for file in TERRAFORM.rglob("*.tf")
        for line in file.read_text("utf-8").splitlines()
        if "checkov:" in line
    ]
    assert [line for line in inline if not re.search(r"#checkov:skip=CKV2?_GCP_\d+:\S+ \S+", line)] == []
    lines = (TERRAFORM / ".checkov.yaml").read_text("utf-8").splitlines()
    skipped = [number for number, line in enumerate(lines) if line.strip().startswith("- ")]
    assert skipped
    assert [lines[number] for number in skipped if not lines[number - 1].strip().startswith("#")] == []
