"""Whether the stand-in for Google's provider takes what that takes and refuses what that refuses."""

import json

import pytest
from checking import FIXTURES, check, needs_terraform, written
from terraform_state import Deployment, paths

pytestmark = needs_terraform


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    return written("foresee", source=FIXTURES / "accepted", to=tmp_path_factory.mktemp("made") / "plan.json")


@pytest.fixture(scope="module")
def deployment(accepted):
    return Deployment.of("dev", accepted)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return written("apply", source=FIXTURES / "accepted", to=tmp_path_factory.mktemp("made") / "state.json")


@pytest.fixture(scope="module")
def refused():
    return (
        check("validate", source=FIXTURES / "refused").stderr
        + check("validate", source=FIXTURES / "unknown_types").stderr
    )


READ_ONLY, NEEDED, FREE = {"computed": True}, {"required": True}, {"optional": True}
EITHER = READ_ONLY | FREE
TEXTS = ["map", "string"]

# From the provider's documentation, not from what is read here.
KNOWN = [
    ("google_pubsub_topic", "name", "string", NEEDED),
    ("google_pubsub_topic", "labels", TEXTS, FREE),
    ("google_pubsub_topic", "effective_labels", TEXTS, READ_ONLY),
    ("google_pubsub_topic", "project", "string", EITHER),
    ("google_pubsub_topic", "message_storage_policy.allowed_persistence_regions", ["set", "string"], NEEDED),
    ("google_pubsub_topic", "message_storage_policy.enforce_in_transit", "bool", FREE),
    ("google_kms_crypto_key", "rotation_period", "string", FREE),
    ("google_kms_crypto_key", "version_template.algorithm", "string", NEEDED),
    (
        "google_kms_crypto_key",
        "primary",
        ["list", ["object", {"name": "string", "state": "string"}]],
        READ_ONLY,
    ),
    ("google_pubsub_topic_iam_member", "member", "string", NEEDED),
    ("google_pubsub_topic_iam_member", "condition.expression", "string", NEEDED),
    ("google_secret_manager_secret_version", "is_secret_data_base64", "bool", FREE),
    ("google_service_account", "email", "string", READ_ONLY),
    ("google_dataflow_flex_template_job", "max_workers", "number", EITHER),
    ("google_dataflow_flex_template_job", "additional_experiments", ["set", "string"], EITHER),
]


@pytest.mark.parametrize(
    ("type_name", "path", "kind", "flags"), KNOWN, ids=[f"{row[0]}.{row[1]}" for row in KNOWN]
)
def test_attributes_are_what_the_provider_documents(accepted, type_name, path, kind, flags):
    provider = "google-beta" if type_name.startswith("google_dataflow") else "google"
    block = accepted["schemas"][provider]["resource_schemas"][type_name]["block"]
    attribute = dict(paths(block))[tuple(path.split("."))]
    assert attribute["type"] == kind
    assert {flag: True for flag in ("required", "optional", "computed") if attribute.get(flag)} == flags


def test_blocks_are_as_many_as_the_provider_documents(accepted):
    secret = accepted["schemas"]["google"]["resource_schemas"]["google_secret_manager_secret"]["block"][
        "block_types"
    ]
    replicas = secret["replication"]["block"]["block_types"]["user_managed"]["block"]["block_types"][
        "replicas"
    ]
    limits = {
        name: (block.get("min_items"), block.get("max_items"))
        for name, block in (*secret.items(), ("replicas", replicas))
    }
    assert limits == {
        "replication": (1, 1),
        "rotation": (0, 1),
        "timeouts": (None, None),
        "topics": (0, None),
        "replicas": (1, None),
    }


def test_the_provider_read_is_of_the_series_the_project_asks_for(accepted):
    assert {schema["version"].split(".")[0] for schema in accepted["schemas"].values()} == {"8"}


def test_what_only_the_beta_provider_has_is_not_in_the_other(accepted):
    holders = [
        name
        for name, schema in accepted["schemas"].items()
        if "google_dataflow_flex_template_job" in schema["resource_schemas"]
    ]
    assert holders == ["google-beta"]


FAULTS = {
    "attribute_unknown": 'An argument named "colour" is not expected here',
    "type_of_a_map": 'Inappropriate value for attribute "labels": map of string required',
    "required_missing": 'The argument "name" is required',
    "required_missing_inside": 'The argument "schema" is required',
    "value_not_allowed": '"XML" is none of: ENCODING_UNSPECIFIED, JSON, BINARY',
    "block_twice": 'No more than 1 "message_storage_policy" blocks are allowed',
    "block_unknown": 'Blocks of type "retention" are not expected here',
    "computed_set": "It is told by the provider and cannot be set",
    "type_of_a_number": 'Inappropriate value for attribute "priority": a number is required',
    "reference_unknown": 'has no argument, nested block, or exported attribute named\n"colour"',
    "attribute_unknown_of_data": 'An argument named "colour" is not expected here',
    "type_unknown": 'does not support resource type\n"google_pubsub_tropic"',
    "type_of_beta": 'does not support resource type\n"google_dataflow_flex_template_job"',
    "type_unknown_of_data": 'does not support data source\n"google_pubsub_tropic"',
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_refused_where_it_is(refused, fault):
    complaints = [text for text in refused.split("Error: ") if f'"{fault}"' in text.split("\n\n")[1]]
    assert len(complaints) == 1
    assert FAULTS[fault] in complaints[0]


def test_only_what_has_a_fault_is_refused(refused):
    assert refused.count("Error: ") == len(FAULTS)


def test_a_plan_leaves_open_what_only_the_cloud_can_tell(tmp_path):
    plan = written("plan", source=FIXTURES / "accepted", to=tmp_path / "plan.json")
    changes = {change["address"]: change["change"] for change in plan["resource_changes"]}
    topic = changes["google_pubsub_topic.signals"]
    assert topic["after_unknown"]["kms_key_name"] is True
    assert topic["after"]["project"] == "a-bank"
    assert topic["after"]["effective_labels"] == {"app": "nextbeam", "env": "dev"}


def test_what_is_made_can_be_followed_from_one_resource_to_the_other(deployment):
    (topic,) = deployment.of_type("google_pubsub_topic")
    assert deployment.ids[topic.values["kms_key_name"]] == "google_kms_crypto_key"
    members = {grant.values["member"] for grant in deployment.of_type("google_pubsub_topic_iam_member")}
    assert members == {"serviceAccount:worker@a-bank.iam.gserviceaccount.com"}


def test_what_is_foreseen_is_what_an_apply_makes(deployment, state):
    made = {entry["address"]: entry["values"] for entry in state["values"]["root_module"]["resources"]}
    assert {resource.address: resource.values for resource in deployment.resources}.items() <= made.items()


def test_what_is_only_written_is_not_in_the_state(state):
    assert "never kept" not in json.dumps(state)


def test_a_second_plan_changes_nothing(tmp_path):
    plan = written("apply", "plan", source=FIXTURES / "accepted", to=tmp_path / "plan.json")
    assert {tuple(change["change"]["actions"]) for change in plan["resource_changes"]} == {("no-op",)}
