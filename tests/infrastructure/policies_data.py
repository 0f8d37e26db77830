"""Policies on what is kept: under whose key, where, how long, and what may not be deleted."""

import re
from collections.abc import Iterator

from terraform_state import Deployment, Path, Resource, paths, settable

_KEY = re.compile(
    r"(.*_)?(kms|cmek|crypto|encryption)_key(_name|_names|_self_link|_uri)?|kms_config|gcp_kms_encryption_key"
)
_NOT_OF_THE_RESOURCE = {
    (
        "google_cloudbuild_trigger",
        ("build", "secret", "kms_key_name"),
    ): "opens a secret of the build, hides no data",
    ("google_storage_bucket_object", ("kms_key_name",)): "the key of its bucket counts",
    (
        "google_storage_bucket_object",
        ("customer_encryption", "encryption_key"),
    ): "a key the caller would have to keep",
}
"""Attributes that are called like the key of a resource and are not, with why."""
LABELS = ("app", "env", "cost_centre", "data_class")
HOLDS_DATA = (
    "google_bigquery_dataset",
    "google_bigquery_table",
    "google_kms_crypto_key",
    "google_logging_project_bucket_config",
    "google_pubsub_topic",
    "google_secret_manager_secret",
    "google_storage_bucket",
)
NOT_CUT_BY_DAY = {
    "plan_limits": "a row for each limit of each plan: few, kept as long as decisions are explained, asked for by plan",
}
READ_WHOLE = {
    "dead_letters": "`nextbeam dead-letters` looks for those of any day, and there are few",
}
"""Tables that are not partitioned, and those that are read without a filter on days; with why."""
_DAY_S = 24 * 3600
_ROTATION_S = 90 * _DAY_S


def key_paths(type_name: str, block: dict) -> list[Path]:  # type: ignore[type-arg]
    """Where a type of resource can be told the key that encrypts it, by the provider's schema."""
    if type_name.startswith("google_kms_") or "_iam_" in type_name:
        return []
    return [
        path
        for path, attribute in paths(block)
        if settable(attribute) and _KEY.fullmatch(path[-1]) and (type_name, path) not in _NOT_OF_THE_RESOURCE
    ]


def encrypted_by_our_keys(made: Deployment) -> Iterator[str]:
    """Whatever can be encrypted by a customer-managed key is, by one that is made here."""
    for resource in made.resources:
        if resource.values.get("view"):  # it holds nothing
            continue
        possible = key_paths(resource.type, resource.block)
        used = [(path, value) for path in possible for value in resource.at(*path)]
        if possible and not any(value for _, value in used):
            yield f"{resource.address}: no key at {' or '.join('.'.join(path) for path in possible)}"
        for path, value in used:
            if value and made.ids.get(value) != "google_kms_crypto_key":
                yield f"{resource.address}: {'.'.join(path)} is none of our keys: {value}"
            elif not value and len(path) > 1:
                yield f"{resource.address}: {'.'.join(path)} is empty"


def keys_rotate(made: Deployment) -> Iterator[str]:
    """A key that encrypts is renewed every 90 days at the latest, and lives in hardware."""
    for key in made.of_type("google_kms_crypto_key"):
        period = key.values.get("rotation_period")
        if key.values.get("purpose") in (None, "ENCRYPT_DECRYPT") and not 0 < _seconds(period) <= _ROTATION_S:
            yield f"{key.address}: rotation_period is {period}"
        if (level := key.get("version_template", "protection_level")) != "HSM":
            yield f"{key.address}: protection_level is {level}"


def protected_from_deletion(made: Deployment) -> Iterator[str]:
    """In production nothing that holds data can be deleted by an apply, nor emptied on the way."""
    if made.environment != "prod":
        return
    for resource in made.resources:
        if resource.can("deletion_protection") and resource.values["deletion_protection"] is not True:
            yield f"{resource.address}: deletion_protection is not true"
        if resource.type in HOLDS_DATA and not _kept(resource):
            yield f"{resource.address}: deletion_policy is {resource.values.get('deletion_policy')}"
        for switch in ("force_destroy", "delete_contents_on_destroy"):
            if resource.values.get(switch):
                yield f"{resource.address}: {switch}"


def _kept(resource: Resource) -> bool:
    return (
        resource.values.get("deletion_policy") == "PREVENT"
        or resource.values.get("deletion_protection") is True
    )


def in_one_region(made: Deployment) -> Iterator[str]:
    """Everything that has a place is in the region of the environment, and the region is one of those allowed."""
    region = made.variables["region"]
    if region not in made.variables["allowed_regions"]:
        yield f"{region} is none of {made.variables['allowed_regions']}"
    for resource in made.resources:
        for path, attribute in paths(resource.block):
            if settable(attribute) and path[-1] in ("location", "region", "allowed_persistence_regions"):
                for value in resource.at(*path):
                    places = value if isinstance(value, list) else [value]
                    if [place for place in places if place] and set(places) != {region}:
                        yield f"{resource.address}: {'.'.join(path)} is {value}"


def labelled(made: Deployment) -> Iterator[str]:
    """Whatever can be labelled says whose it is, which environment, who pays and how its data are classed."""
    for resource in made.resources:
        for attribute in ("effective_labels", "user_labels"):
            if resource.can(attribute):
                missing = sorted(set(LABELS) - set(resource.values[attribute] or {}))
                if missing:
                    yield f"{resource.address}: {attribute} without {', '.join(missing)}"


def kept_so_long(made: Deployment) -> Iterator[str]:
    """Topics, subscriptions, buckets, logs and tables say how long they keep what they hold."""
    for subscription in made.of_type("google_pubsub_subscription"):
        if not 600 <= _seconds(subscription.values["message_retention_duration"]) <= 31 * _DAY_S:
            yield f"{subscription.address}: message_retention_duration"
        if subscription.get("expiration_policy", "ttl") != "":
            yield f"{subscription.address}: it expires when nobody reads it"
    for bucket in made.of_type("google_storage_bucket"):
        if "Delete" not in bucket.at("lifecycle_rule", "action", "type"):
            yield f"{bucket.address}: nothing is ever deleted"
        if bucket.get("soft_delete_policy", "retention_duration_seconds") is None:
            yield f"{bucket.address}: it does not say how long what was deleted can be had back"
    for resource in made.of_type("google_logging_project_bucket_config"):
        if (resource.values["retention_days"] or 0) < 365:
            yield f"{resource.address}: retention_days is {resource.values['retention_days']}"


def tables_cut_by_day(made: Deployment) -> Iterator[str]:
    """Every table is partitioned by day, is only read with a filter on it, and forgets."""
    for table in made.of_type("google_bigquery_table"):
        if table.values["view"] or table.values["materialized_view"]:
            continue
        name = table.values["table_id"]
        if name in NOT_CUT_BY_DAY:
            continue
        if table.get("time_partitioning", "type") != "DAY":
            yield f"{table.address}: not partitioned by day"
        if name not in READ_WHOLE and not (
            table.values["require_partition_filter"]
            or table.get("time_partitioning", "require_partition_filter")
        ):
            yield f"{table.address}: read without a filter on its partitions"
        if not table.get("time_partitioning", "expiration_ms"):
            yield f"{table.address}: partitions are kept for ever"


def _seconds(duration: str | None) -> float:
    return float(duration.removesuffix("s")) if duration else 0.0
