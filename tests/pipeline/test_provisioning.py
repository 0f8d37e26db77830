"""Topics, subscriptions and tables, created on real servers and used."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.local.ports import claim_port
from pipelines.provisioning import Names, ProvisioningError, Resources, provision
from pipelines.provisioning import resources as described
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DECISIONS, SIGNALS, TABLES, UNDELIVERED, Subscription, Table
from pipelines.provisioning.tables import provision_tables
from pipelines.provisioning.topics import provision_topics
from schemas import DeadLetter, Feedback
from schemas.dead_letter import Reason
from schemas.rows import from_row, rows

PROJECT = "local-dev"
AT = datetime(2026, 11, 3, 9, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def topics(pubsub_server) -> Endpoints:
    return Endpoints(pubsub=pubsub_server.endpoint)


@pytest.fixture(scope="module")
def tables(bigquery_server) -> Endpoints:
    return Endpoints(bigquery=bigquery_server.url)


@pytest.fixture
def names(request) -> Names:
    """Names of this test alone."""
    name = f"{abs(hash(request.node.name)):x}"
    return Names(PROJECT, dataset=f"d{name}", prefix=f"t{name}-")


@pytest.fixture
def said() -> list[str]:
    return []


# Pub/Sub


def test_a_message_gets_from_topic_to_subscription(topics, names, said):
    provision_topics(Resources(names), topics, said.append)
    with topics.publisher() as publisher, topics.subscriber() as subscriber:
        publisher.publish(names.topic(SIGNALS), b'{"signal_id": "s1"}', brand="nova").result(20)
        [received] = _pull(subscriber, names.subscription("signals-decisioning"), 1)
        assert received.message.data == b'{"signal_id": "s1"}'
        assert received.message.attributes["brand"] == "nova"


def test_a_second_run_changes_no_topic(topics, names, said):
    resources = Resources.of(names, watchers=["live"])
    first = provision_topics(resources, topics, said.append)
    assert len(first) == len(resources.topics) + len(resources.subscriptions)
    assert {change.what for change in first} == {"created"}
    assert provision_topics(resources, topics, said.append) == []


def test_schemas_that_the_server_does_not_know_are_left_out_with_a_word(topics, names, said):
    provision_topics(Resources(names), topics, said.append)
    assert said == ["Pub/Sub schemas are left out: this server knows no protobuf schemas"]


def test_settings_are_as_described(topics, names, said):
    provision_topics(Resources(names), topics, said.append)
    with topics.subscriber() as subscriber:
        reader = subscriber.get_subscription(subscription=names.subscription("signals-decisioning"))
        channels = subscriber.get_subscription(subscription=names.subscription("decisions-channels"))
    assert reader.ack_deadline_seconds == 60
    assert not reader.enable_message_ordering
    assert not reader.enable_exactly_once_delivery
    assert not reader.dead_letter_policy.dead_letter_topic
    assert reader.labels == {"app": "nextbeam"}
    assert not reader.expiration_policy.ttl
    assert channels.dead_letter_policy.dead_letter_topic == names.topic(UNDELIVERED)
    assert channels.dead_letter_policy.max_delivery_attempts == 5


def test_what_a_consumer_refuses_again_and_again_is_kept_apart(topics, names, said):
    provision_topics(Resources(names), topics, said.append)
    with topics.publisher() as publisher, topics.subscriber() as subscriber:
        publisher.publish(names.topic(DECISIONS), b"poison").result(20)
        source = names.subscription("decisions-channels")
        kept, give_up = [], datetime.now(UTC) + timedelta(seconds=60)
        while (
            not kept and datetime.now(UTC) < give_up
        ):  # each delivery waits a little longer than the one before
            if refused := _pull(subscriber, source, 1, within_s=1):
                again = [message.ack_id for message in refused]
                subscriber.modify_ack_deadline(subscription=source, ack_ids=again, ack_deadline_seconds=0)
            kept = _pull(subscriber, names.subscription("undelivered-review"), 1, within_s=1)
    assert [message.message.data for message in kept] == [b"poison"]


def test_a_setting_that_differs_is_brought_into_line(topics, names, said):
    resources = Resources(names)
    provision_topics(resources, topics, said.append)
    patient = replace(
        resources,
        topics=(replace(resources.topics[0], retention=timedelta(days=1)), *resources.topics[1:]),
        subscriptions=(replace(resources.subscriptions[0], ack_deadline_s=90), *resources.subscriptions[1:]),
    )
    changes = provision_topics(patient, topics, said.append)
    assert [(change.name, change.what) for change in changes] == [
        (names.topic(SIGNALS), "set message_retention_duration"),
        (names.subscription("signals-decisioning"), "set ack_deadline_seconds"),
    ]
    assert provision_topics(patient, topics, said.append) == []
    with topics.subscriber() as subscriber:
        have = subscriber.get_subscription(subscription=names.subscription("signals-decisioning"))
    assert have.ack_deadline_seconds == 90


def test_a_subscription_of_another_topic_is_refused(topics, names, said):
    resources = Resources(names)
    provision_topics(resources, topics, said.append)
    moved = replace(resources, subscriptions=(Subscription("signals-decisioning", "outcomes"),))
    with pytest.raises(ProvisioningError, match=r"signals-decisioning reads .*-signals, not .*-outcomes"):
        provision_topics(moved, topics, said.append)


def test_schemas_are_registered_once_and_revised_when_they_grow(names, said):
    """The emulator knows none of them, so a stand-in of the service does."""
    resources, service = Resources(names), _Schemas()
    provision_schemas = described_schemas(resources, service, said)
    assert [change.what for change in provision_schemas()] == ["created"] * len(resources.contracts())
    assert provision_schemas() == []
    first = names.schema("signal")
    service.kept[first] = type(service.kept[first])(service.kept[first], definition="older")
    assert [(change.name, change.what) for change in provision_schemas()] == [(first, "committed a revision")]
    assert provision_schemas() == []
    assert said == []


class _Schemas:
    """What the schema service of Pub/Sub does with what it is given."""

    def __init__(self):
        self.kept = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def get_schema(self, *, request, **_):
        if request["name"] not in self.kept:
            raise exceptions.NotFound("no such schema")
        return self.kept[request["name"]]

    def create_schema(self, *, request, **_):
        assert f"{request['parent']}/schemas/{request['schema_id']}" == request["schema"].name
        self.kept[request["schema"].name] = request["schema"]

    def commit_schema(self, *, request, **_):
        self.kept[request["name"]] = request["schema"]


def described_schemas(resources, service, said):
    from pipelines.provisioning.topics import _schemas

    class _Endpoints(Endpoints):
        def schemas(self):
            return service

    return lambda: _schemas(resources, _Endpoints(), said.append)


def _pull(subscriber, subscription: str, count: int, within_s: float = 20):
    give_up = datetime.now(UTC) + timedelta(seconds=within_s)
    received = []
    while len(received) < count and datetime.now(UTC) < give_up:
        with suppress(exceptions.DeadlineExceeded):  # nothing there yet
            answer = subscriber.pull(subscription=subscription, max_messages=count, timeout=min(within_s, 5))
            received += answer.received_messages
    return received


# BigQuery


@pytest.fixture
def client(tables) -> Iterator[bigquery.Client]:
    client = tables.tables(PROJECT)
    yield client
    client.close()


def test_a_second_run_changes_no_table(tables, names):
    first = provision_tables(Resources(names), tables)
    assert [change.name for change in first] == [names.dataset, *(names.table(t.name) for t in TABLES)]
    assert provision_tables(Resources(names), tables) == []


def test_tables_are_laid_out_as_described(tables, names, client):
    provision_tables(Resources(names, labels={"app": "nextbeam", "env": "test"}), tables)
    for table in TABLES:
        have = client.get_table(names.table(table.name))
        assert [field.to_api_repr() for field in have.schema] == [
            bigquery.SchemaField.from_api_repr(column).to_api_repr() for column in table.columns()
        ]
        assert have.time_partitioning.type_ == "DAY"
        assert have.time_partitioning.field == table.partitioned_by
        assert tuple(have.clustering_fields) == table.clustered_by
        assert have.labels == {"app": "nextbeam", "env": "test"}


def test_a_row_comes_back_as_the_contract_that_went_in(tables, names, client):
    provision_tables(Resources(names), tables)
    letter = DeadLetter.of(
        b"\xff{", reason=Reason.NOT_UTF8, step="DecodeSignals", detail="$", occurred_at=AT, customer_id="ana"
    )
    assert client.insert_rows_json(names.table("dead_letters"), [_json(letter)]) == []
    [row] = client.query_and_wait(f"SELECT * FROM `{names.table('dead_letters')}`")
    assert from_row(DeadLetter, dict(row)) == letter


def test_a_row_that_lacks_what_is_required_is_refused(tables, names, client):
    provision_tables(Resources(names), tables)
    [refused] = client.insert_rows_json(
        names.table("decisions"), [{"decision_id": "d1"}], ignore_unknown_values=False
    )
    assert refused["errors"]
    assert list(client.query_and_wait(f"SELECT 1 FROM `{names.table('decisions')}`")) == []


def test_a_column_that_is_new_is_added_and_can_be_filled(tables, names, client):
    older = _without(TABLES[1], "notes", "seal")
    provision_tables(Resources(names, tables=(older,)), tables)
    [change] = provision_tables(Resources(names, tables=(TABLES[1],)), tables)
    assert change.what == "set schema"
    assert provision_tables(Resources(names, tables=(TABLES[1],)), tables) == []
    row = {name: value for name, value in _feedback().items() if value is not None}
    assert client.insert_rows_json(names.table("feedback"), [{**row, "seal": "abc"}]) == []
    [read] = client.query_and_wait(f"SELECT * FROM `{names.table('feedback')}`")
    assert read["seal"] == "abc"
    assert from_row(Feedback, dict(read)).feedback_id == "f1"


def test_a_column_that_differs_is_refused_by_name(tables, names):
    provision_tables(Resources(names, tables=(TABLES[1],)), tables)
    with pytest.raises(
        ProvisioningError, match=r"\.feedback: column rank has type INTEGER, the contract says STRING"
    ):
        provision_tables(Resources(names, tables=(_retyped(TABLES[1], "rank", "STRING"),)), tables)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param({"partitioned_by": "decided_at"}, "partitioned by DAY of occurred_at", id="partition"),
        pytest.param({"clustered_by": ("brand",)}, "clustered by customer_id, brand, action", id="cluster"),
    ],
)
def test_another_layout_is_refused(tables, names, other, said):
    provision_tables(Resources(names, tables=(TABLES[1],)), tables)
    with pytest.raises(ProvisioningError, match=said):
        provision_tables(Resources(names, tables=(replace(TABLES[1], **other),)), tables)


def _json(struct: msgspec.Struct):
    return json.loads(msgspec.json.encode(rows(type(struct))(struct)))


def _feedback():
    """A row with all that is required."""
    columns = TABLES[1].columns()
    samples = {"STRING": "x", "INTEGER": 1, "FLOAT": 0.5, "TIMESTAMP": AT.isoformat()}
    row = {column["name"]: samples[column["type"]] for column in columns if column["mode"] == "REQUIRED"}
    named = {"feedback_id": "f1", "message_class": "marketing", "outcome": "Clicked", "contact": "committed"}
    return {**row, **named}


def _without(table: Table, *columns: str) -> Table:
    class Older(Table):
        def columns(self):
            return [column for column in super().columns() if column["name"] not in columns]

    return Older(table.name, table.contract, table.partitioned_by, table.clustered_by)


def _retyped(table: Table, name: str, kind: str) -> Table:
    class Retyped(Table):
        def columns(self):
            return [{**c, "type": kind} if c["name"] == name else c for c in super().columns()]

    return Retyped(table.name, table.contract, table.partitioned_by, table.clustered_by)


# Both


def test_everything_at_once_and_again(topics, tables, names, said):
    endpoints = Endpoints(pubsub=topics.pubsub, bigquery=tables.bigquery)
    assert provision(Resources(names), endpoints, say=said.append)
    assert f"{names.topic(SIGNALS)}: created" in said
    assert not provision(Resources(names), endpoints, say=said.append)


def test_a_server_that_does_not_answer_is_named(monkeypatch, names, said):
    from google.api_core.retry import Retry

    from pipelines.provisioning import topics as module

    monkeypatch.setitem(module._CALL, "timeout", 1.0)
    monkeypatch.setitem(module._CALL, "retry", Retry(predicate=module.if_transient_error, timeout=1.0))
    nobody = f"127.0.0.1:{claim_port(None, what='nothing', flag='-')}"
    with pytest.raises(
        ProvisioningError, match=rf"cannot provision \(Pub/Sub {nobody}, BigQuery in the cloud\)"
    ):
        provision(Resources(names), Endpoints(pubsub=nobody), say=said.append)


def test_the_environment_names_emulators(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    assert Endpoints.from_environment() == Endpoints(pubsub="127.0.0.1:8085", bigquery=None)


def test_clients_work_whatever_the_environment_names(monkeypatch, topics, names, said):
    """Google's own client would take the address in the environment."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    provision_topics(Resources(names, topics=described.TOPICS[:1], subscriptions=()), topics, said.append)
    with topics.publisher() as publisher:
        assert publisher.get_topic(topic=names.topic(SIGNALS), timeout=20).name == names.topic(SIGNALS)
