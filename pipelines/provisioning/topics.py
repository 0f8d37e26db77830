"""Topics, subscriptions and schemas, as described: created if missing, brought into line if they differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_transient_error
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from pipelines.provisioning.columns import ProvisioningError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import UNDELIVERED, Names, Resources, Subscription, Topic, derived

LIMIT_S = 30.0
_CALL: dict[str, Any] = {
    "timeout": LIMIT_S,
    "retry": Retry(predicate=if_transient_error, initial=0.2, maximum=2.0, timeout=LIMIT_S),
}
_BACK_OFF = types.RetryPolicy(minimum_backoff=timedelta(seconds=1), maximum_backoff=timedelta(minutes=1))
Said = Callable[[str], None]


@dataclass(frozen=True)
class Change:
    """Something that was made, or brought into line (`what` tells how)."""

    name: str
    what: str


def provision_topics(resources: Resources, endpoints: Endpoints, say: Said) -> list[Change]:
    """Schemas, topics, then subscriptions; returns what was changed, nothing if all was as described."""
    changes = _schemas(resources, endpoints, say)
    with endpoints.publisher() as publisher:
        for topic in resources.topics:
            wanted = topic_message(topic, resources)
            changes += _ensure(
                wanted,
                get=lambda name: publisher.get_topic(request={"topic": name}, **_CALL),
                create=lambda made: publisher.create_topic(request=made, **_CALL),
                update=lambda made, mask: publisher.update_topic(
                    request={"topic": made, "update_mask": mask}, **_CALL
                ),
                settings=("labels", "message_retention_duration"),
            )
    with endpoints.subscriber() as subscriber:
        for subscription in resources.subscriptions:
            changes += _ensure_subscription(subscription_message(subscription, resources), subscriber)
    return changes


def topic_message(topic: Topic, resources: Resources) -> types.Topic:
    """The topic as Pub/Sub's API has it."""
    return types.Topic(
        name=resources.names.topic(topic.name),
        labels=dict(resources.labels),
        message_retention_duration=topic.retention,
    )


def subscription_message(subscription: Subscription, resources: Resources) -> types.Subscription:
    """The subscription as Pub/Sub's API has it."""
    names = resources.names
    made = types.Subscription(
        name=names.subscription(subscription.name),
        topic=names.topic(subscription.topic),
        ack_deadline_seconds=subscription.ack_deadline_s,
        message_retention_duration=subscription.retention,
        expiration_policy=types.ExpirationPolicy(ttl=subscription.expires),
        labels=dict(resources.labels),
    )
    if subscription.attempts is not None:
        made.retry_policy = _BACK_OFF
        made.dead_letter_policy = types.DeadLetterPolicy(
            dead_letter_topic=names.topic(UNDELIVERED), max_delivery_attempts=subscription.attempts
        )
    return made


def _ensure_subscription(wanted: types.Subscription, subscriber: Any) -> list[Change]:
    def get(name: str) -> types.Subscription:
        have = subscriber.get_subscription(request={"subscription": name}, **_CALL)
        if have.topic != wanted.topic:
            raise ProvisioningError(
                f"{name} reads {have.topic}, not {wanted.topic}; that cannot be changed: delete the subscription"
            )
        return have

    return _ensure(
        wanted,
        get=get,
        create=lambda made: subscriber.create_subscription(request=made, **_CALL),
        update=lambda made, mask: subscriber.update_subscription(
            request={"subscription": made, "update_mask": mask}, **_CALL
        ),
        settings=(
            "ack_deadline_seconds",
            "message_retention_duration",
            "expiration_policy",
            "retry_policy",
            "dead_letter_policy",
            "labels",
        ),
    )


def _ensure(
    wanted: Any,
    *,
    get: Callable[[str], Any],
    create: Callable[[Any], Any],
    update: Callable[[Any, FieldMask], Any],
    settings: Sequence[str],
) -> list[Change]:
    """Create what is missing; of what is there, bring only those settings into line that differ."""
    try:
        have = get(wanted.name)
    except exceptions.NotFound:
        create(wanted)
        return [Change(wanted.name, "created")]
    differ = [name for name in settings if getattr(have, name) != getattr(wanted, name)]
    if not differ:
        return []
    update(wanted, FieldMask(paths=differ))
    return [Change(wanted.name, f"set {', '.join(differ)}")]


def _schemas(resources: Resources, endpoints: Endpoints, say: Said) -> list[Change]:
    """The contracts, registered for whoever asks; topics do not enforce them.

    A malformed message is to become a dead letter, not an error of whoever publishes it next to good ones; and JSON
    has attributes as an object where protobuf has a list of entries.
    """
    changes: list[Change] = []
    with endpoints.schemas() as client:
        for contract in resources.contracts():
            try:
                changes += _ensure_schema(client, resources.names, contract)
            except exceptions.MethodNotImplemented:
                say("Pub/Sub schemas are left out: this server knows no protobuf schemas")
                break
    return changes


def _ensure_schema(client: Any, names: Names, contract: str) -> list[Change]:
    wanted = types.Schema(
        name=names.schema(contract),
        type_=types.Schema.Type.PROTOCOL_BUFFER,
        definition=derived(f"{contract}.proto"),
    )
    try:
        have = client.get_schema(request={"name": wanted.name, "view": types.SchemaView.FULL}, **_CALL)
    except exceptions.NotFound:
        parent, _, schema_id = wanted.name.partition("/schemas/")
        client.create_schema(request={"parent": parent, "schema": wanted, "schema_id": schema_id}, **_CALL)
        return [Change(wanted.name, "created")]
    if have.definition == wanted.definition:
        return []
    client.commit_schema(request={"name": wanted.name, "schema": wanted}, **_CALL)
    return [Change(wanted.name, "committed a revision")]
