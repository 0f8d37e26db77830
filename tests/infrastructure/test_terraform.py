"""What `terraform/` would make in each environment, checked without a cloud."""

import re

import pytest
from checking import ROOT, check, needs_terraform, written
from policies import POLICIES
from terraform_state import Deployment

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


@pytest.mark.parametrize("environment", ["dev", "prod", "everything"])
def test_it_can_be_planned_without_knowing_what_the_cloud_will_tell(environment):
    done = check("plan", env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_is_kept(deployment, policy):
    assert list(POLICIES[policy](deployment)) == []


def test_environments_are_made_of_the_same_types(deployments):
    prod, everything = (
        {resource.type for resource in deployment.resources} for deployment in deployments.values()
    )
    assert prod - everything == set()


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
