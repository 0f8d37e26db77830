"""What `terraform/` would make in each environment, checked without a cloud."""

import json
import re

import pytest
from checking import ROOT, check, needs_terraform, written
from policies import POLICIES
from terraform_state import Deployment

from models.observability.objectives import alerts
from pipelines.provisioning.resources import SUBSCRIPTIONS, TABLES, TOPICS

pytestmark = needs_terraform
TERRAFORM = ROOT / "terraform"
ENVIRONMENTS = ("dev", "prod")


@pytest.fixture(scope="module")
def deployments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return {
        name: Deployment.of(name, written("foresee", env=name, to=folder / f"{name}.json"))
        for name in ENVIRONMENTS
    }


@pytest.fixture(params=ENVIRONMENTS)
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


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_it_can_be_planned_without_knowing_what_the_cloud_will_tell(environment):
    done = check("plan", env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("policy", POLICIES)
def test_policy_is_kept(deployment, policy):
    assert list(POLICIES[policy](deployment)) == []


def test_environments_are_made_of_the_same_types(deployments):
    types = [{resource.type for resource in deployment.resources} for deployment in deployments.values()]
    assert types[0] <= types[1]


def test_topics_are_those_of_the_pipeline(deployment):
    topics = {topic.values["name"]: topic for topic in deployment.of_type("google_pubsub_topic")}
    assert {topic.name for topic in TOPICS} <= set(topics)
    assert {name for name in topics if not name.endswith("-shadow")} == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        if topic.retention:
            kept = float(topics[topic.name].values["message_retention_duration"].removesuffix("s"))
            assert kept >= topic.retention.total_seconds(), topic.name


@pytest.mark.parametrize("subscription", SUBSCRIPTIONS, ids=lambda subscription: subscription.name)
def test_subscriptions_are_those_of_the_pipeline(deployment, subscription):
    (found,) = [
        entry
        for entry in deployment.of_type("google_pubsub_subscription")
        if entry.values["name"] == subscription.name
    ]
    (topic,) = [
        entry.values["name"]
        for entry in deployment.of_type("google_pubsub_topic")
        if entry.values["id"] == found.values["topic"]
    ]
    assert topic == subscription.topic
    assert found.values["ack_deadline_seconds"] == subscription.ack_deadline_s
    assert found.values["message_retention_duration"] == f"{subscription.retention.total_seconds():.0f}s"
    assert found.get("dead_letter_policy", "max_delivery_attempts") == subscription.attempts
    assert not found.values["enable_message_ordering"]
    assert not found.values["enable_exactly_once_delivery"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_those_of_the_pipeline(deployment, table):
    (found,) = [
        entry
        for entry in deployment.of_type("google_bigquery_table")
        if (entry.values["dataset_id"], entry.values["table_id"]) == ("nextbeam", table.name)
    ]
    assert _plain(json.loads(found.values["schema"])) == _plain(table.columns())
    assert found.get("time_partitioning", "field") == table.partitioned_by
    assert tuple(found.values["clustering"]) == table.clustered_by


def _plain(columns):
    """Columns without what only the deployment knows, as policy tags."""
    kept = ("name", "type", "mode", "description", "fields")
    return [
        {key: _plain(value) if key == "fields" else value for key, value in column.items() if key in kept}
        for column in columns
    ]


def test_alerts_are_those_of_the_table(deployment):
    found = {
        alert.values["user_labels"]["alert"] for alert in deployment.of_type("google_monitoring_alert_policy")
    }
    assert {alert.name for alert in alerts()} - found == set()


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
