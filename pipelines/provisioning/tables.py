"""The dataset and its tables, as described: created if missing, given the columns they lack."""

from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.provisioning.columns import ProvisioningError, merged
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import Resources, Table
from pipelines.provisioning.topics import LIMIT_S, Change

CALL: dict[str, Any] = {
    "timeout": LIMIT_S,
    "retry": bigquery.DEFAULT_RETRY.with_timeout(LIMIT_S),
}


def provision_tables(resources: Resources, endpoints: Endpoints) -> list[Change]:
    """The dataset, then its tables; returns what was changed, nothing if all was as described."""
    client = endpoints.tables(resources.names.project)
    try:
        changes = _ensure_dataset(resources, client)
        for table in resources.tables:
            changes += _ensure_table(table, resources, client)
    finally:
        client.close()  # type: ignore[no-untyped-call]
    return changes


def table_message(table: Table, resources: Resources) -> bigquery.Table:
    """The table as BigQuery's API has it."""
    made = bigquery.Table(
        resources.names.table(table.name),
        schema=[bigquery.SchemaField.from_api_repr(dict(column)) for column in table.columns()],
    )
    made.time_partitioning = bigquery.TimePartitioning(
        type_=bigquery.TimePartitioningType.DAY, field=table.partitioned_by
    )
    made.clustering_fields = list(table.clustered_by)
    made.labels = dict(resources.labels)
    return made


def _ensure_dataset(resources: Resources, client: bigquery.Client) -> list[Change]:
    wanted = bigquery.Dataset(f"{resources.names.project}.{resources.names.dataset}")
    wanted.location = resources.location
    wanted.labels = dict(resources.labels)
    try:
        have = client.get_dataset(wanted.reference, **CALL)
    except exceptions.NotFound:
        client.create_dataset(wanted, exists_ok=True, **CALL)
        return [Change(wanted.dataset_id, "created")]
    if have.labels == wanted.labels:
        return []
    client.update_dataset(wanted, ["labels"], **CALL)
    return [Change(wanted.dataset_id, "set labels")]


def _ensure_table(table: Table, resources: Resources, client: bigquery.Client) -> list[Change]:
    wanted = table_message(table, resources)
    name = resources.names.table(table.name)
    try:
        have = client.get_table(wanted.reference, **CALL)
    except exceptions.NotFound:
        client.create_table(wanted, exists_ok=True, **CALL)
        return [Change(name, "created")]
    _check_layout(have, wanted, name)
    differ = []
    if (columns := merged(_columns(have), _columns(wanted), table=name)) is not None:
        have.schema = [bigquery.SchemaField.from_api_repr(dict(column)) for column in columns]
        differ.append("schema")
    if have.labels != wanted.labels:
        have.labels = wanted.labels
        differ.append("labels")
    if not differ:
        return []
    client.update_table(have, differ, **CALL)
    return [Change(name, f"set {', '.join(differ)}")]


def _columns(table: bigquery.Table) -> list[dict[str, Any]]:
    return [column.to_api_repr() for column in table.schema]


def _check_layout(have: bigquery.Table, wanted: bigquery.Table, name: str) -> None:
    """Refuse a table that is partitioned or clustered otherwise: a query would cost what nobody expects."""
    for part, of in (("partitioned", _partitioning), ("clustered", _clustering)):
        if of(have) != of(wanted):
            raise ProvisioningError(
                f"{name} is {part} by {of(have)}, it should be by {of(wanted)}; "
                "BigQuery cannot change that in place: copy the table, or name another dataset"
            )


def _partitioning(table: bigquery.Table) -> str:
    if table.time_partitioning is None:
        return "nothing"
    return f"{table.time_partitioning.type_} of {table.time_partitioning.field or 'arrival'}"


def _clustering(table: bigquery.Table) -> str:
    return ", ".join(table.clustering_fields or []) or "nothing"
