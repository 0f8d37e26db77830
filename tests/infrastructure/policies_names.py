"""Policies on what the pipeline relies on: names, settings and columns are those that it was written for."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from terraform_state import Deployment, Resource

from models.observability.objectives import alerts
from pipelines.provisioning.resources import (
    DAY,
    DEAD_LETTER,
    SUBSCRIPTIONS,
    TABLES,
    TOPICS,
    Subscription,
    Table,
)

DATASET = "nextbeam"
DECISIONING = "-decisioning"
CANDIDATE = "-shadow"
"""What a candidate release reads and writes is called so at the end."""
ARCHIVE = "dead-letter-archive"
PERSONAL = frozenset({"customer_id", "household_id", "session_id", "payload"})
"""Columns that say who somebody is or hold what was told of them, wherever they are."""
_TAG = "google_data_catalog_policy_tag/"


def topics_of_the_pipeline(made: Deployment) -> Iterator[str]:
    """Every topic of the pipeline is there and can be played again for as long as it needs, and no other is."""
    topics = {topic.values["name"]: topic for topic in made.of_type("google_pubsub_topic")}
    own = {name for name in topics if not name.endswith(CANDIDATE)}
    for name in own ^ {topic.name for topic in TOPICS}:
        yield f"topic {name} is {'not in the pipeline' if name in own else 'missing'}"
    for topic in TOPICS:
        if topic.retention and topic.name in topics:
            kept = topics[topic.name].values["message_retention_duration"] or "0s"
            if float(kept.removesuffix("s")) < topic.retention.total_seconds():
                yield f"topic {topic.name} can be played again for {kept} only"


def subscriptions_of_the_pipeline(made: Deployment) -> Iterator[str]:
    """Every subscription of the pipeline is there, on its topic, with its settings."""
    found = {entry.values["name"]: entry for entry in made.of_type("google_pubsub_subscription")}
    topics = {topic.values["id"]: topic.values["name"] for topic in made.of_type("google_pubsub_topic")}
    for subscription in _wanted(made):
        if subscription.name not in found:
            yield f"subscription {subscription.name} is missing"
            continue
        entry = found[subscription.name]
        del found[subscription.name]
        have = {"topic": topics.get(entry.values["topic"])} | {
            key: entry.values[key] or False for key in _settings(subscription)
        }
        want = {"topic": subscription.topic} | _settings(subscription)
        if have != want:
            yield f"subscription {subscription.name} has {have}, not {want}"
        if entry.get("dead_letter_policy", "max_delivery_attempts") != subscription.attempts:
            yield f"subscription {subscription.name} is not tried {subscription.attempts} times"
    for name in found.keys() - {ARCHIVE}:
        yield f"subscription {name} is not in the pipeline"
    if ARCHIVE in found and topics.get(found[ARCHIVE].values["topic"]) != DEAD_LETTER:
        yield f"subscription {ARCHIVE} archives {found[ARCHIVE].values['topic']}"


def _wanted(made: Deployment) -> Iterator[Subscription]:
    """Those of the pipeline, those of each generation of the job under its name, and a candidate's."""
    generations = {made.variables.get("generation") or "", made.variables.get("next_generation")} - {None}
    for subscription in SUBSCRIPTIONS:
        if not subscription.name.endswith(DECISIONING):
            yield subscription
            continue
        for generation in sorted(generations):
            yield replace(subscription, name="-".join(filter(None, (subscription.name, generation))))
        yield replace(subscription, name=subscription.topic + CANDIDATE, retention=DAY)


def _settings(subscription: Subscription) -> dict[str, Any]:
    return {
        "ack_deadline_seconds": subscription.ack_deadline_s,
        "message_retention_duration": f"{subscription.retention.total_seconds():.0f}s",
        "enable_message_ordering": False,
        "enable_exactly_once_delivery": False,
    }


def tables_of_the_pipeline(made: Deployment) -> Iterator[str]:
    """Every table of the pipeline is there, for the job and for a candidate, with its columns, days and clusters."""
    tables = {
        (table.values["dataset_id"], table.values["table_id"]): table
        for table in made.of_type("google_bigquery_table")
    }
    for dataset in (DATASET, f"{DATASET}_shadow"):
        for table in TABLES:
            found = tables.get((dataset, table.name))
            if found is None:
                yield f"table {dataset}.{table.name} is missing"
            else:
                yield from (f"table {dataset}.{table.name}: {why}" for why in _unlike(found, table))


def _unlike(found: Resource, table: Table) -> Iterator[str]:
    if _plain(json.loads(found.values["schema"])) != _plain(table.columns()):
        yield "columns are not those of the contract"
    if found.get("time_partitioning", "field") != table.partitioned_by:
        yield f"partitioned by {found.get('time_partitioning', 'field')}, not {table.partitioned_by}"
    if tuple(found.values["clustering"] or ()) != table.clustered_by:
        yield f"clustered by {found.values['clustering']}, not {table.clustered_by}"


def _plain(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Columns without what only a deployment knows."""
    return [
        {
            key: _plain(value) if key == "fields" else value
            for key, value in column.items()
            if key != "policyTags"
        }
        for column in columns
    ]


def personal_columns_are_tagged(made: Deployment) -> Iterator[str]:
    """Whoever may read a table does not yet read what is personal in it: those columns have a policy tag."""
    for table in made.of_type("google_bigquery_table"):
        if table.values["view"] or not table.values["schema"]:
            continue
        for path, column in _columns(json.loads(table.values["schema"])):
            tags = column.get("policyTags", {}).get("names", [])
            if column["name"] in PERSONAL and not any(tag.startswith(_TAG) for tag in tags):
                yield f"{table.address}: {path} has no policy tag"


def _columns(columns: list[dict[str, Any]], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for column in columns:
        yield before + column["name"], column
        yield from _columns(column.get("fields", []), f"{before}{column['name']}.")


def alerts_of_the_table(made: Deployment) -> Iterator[str]:
    """Every alert that the table of objectives promises is there."""
    found = {
        alert.values["user_labels"].get("alert") for alert in made.of_type("google_monitoring_alert_policy")
    }
    for alert in alerts():
        if alert.name not in found:
            yield f"alert {alert.name} is missing"
