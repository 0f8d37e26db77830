"""The views that analysts ask, and the table of limits that one of them reads: created, or brought up to date."""

from collections.abc import Iterable, Sequence
from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery

from pipelines.provisioning.columns import ProvisioningError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import Resources
from pipelines.provisioning.tables import CALL
from pipelines.provisioning.topics import Change
from pipelines.sql.limits import PLAN_LIMITS, PlanLimit
from pipelines.sql.views import VIEWS, View, needed_for
from schemas.derivation.formats import bigquery_columns
from schemas.rows import json_rows


def provision_views(
    resources: Resources, endpoints: Endpoints, *, only: Iterable[str] = VIEWS
) -> list[Change]:
    """The table of limits and the views, each after what it reads; the raw tables must be there.

    Returns what was changed, nothing if all was as it should be.

    Raises:
      ProvisioningError: A table stands where a view should.
    """
    client = endpoints.tables(resources.names.project)
    try:
        changes = _ensure_limits(resources, client)
        for view in needed_for(only):
            changes += _ensure_view(view, resources, client)
    finally:
        client.close()  # type: ignore[no-untyped-call]
    return changes


def publish_limits(limits: Sequence[PlanLimit], resources: Resources, endpoints: Endpoints) -> bool:
    """Write the limits of a plan, unless they are there; whether they were written.

    Call it whenever a plan begins to decide. Two that call at once write rows twice, which `cap_breaches` counts once.
    """
    if not limits:
        return False
    client = endpoints.tables(resources.names.project)
    try:
        if _published(limits[0].plan_digest, resources, client):
            return False
        plain = json_rows(PlanLimit)
        job = client.load_table_from_json(
            [plain(limit) for limit in limits],
            resources.names.table(PLAN_LIMITS),
            job_config=bigquery.LoadJobConfig(schema=_schema(), write_disposition="WRITE_APPEND"),
        )
        job.result()
        return True
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _published(digest: str, resources: Resources, client: bigquery.Client) -> bool:
    table = resources.names.table(PLAN_LIMITS)
    asked = bigquery.QueryJobConfig(
        query_parameters=[bigquery.ScalarQueryParameter("digest", "STRING", digest)]
    )
    sql = f"SELECT COUNT(*) AS found FROM `{table}` WHERE plan_digest = @digest"
    return any(row["found"] for row in client.query(sql, job_config=asked).result())


def _schema() -> list[bigquery.SchemaField]:
    return [bigquery.SchemaField.from_api_repr(column) for column in bigquery_columns(PlanLimit)]


def _ensure_limits(resources: Resources, client: bigquery.Client) -> list[Change]:
    wanted = bigquery.Table(resources.names.table(PLAN_LIMITS), schema=_schema())
    wanted.clustering_fields = ["plan_digest"]
    wanted.labels = dict(resources.labels)
    try:
        client.get_table(wanted.reference, **CALL)
    except exceptions.NotFound:
        client.create_table(wanted, exists_ok=True, **CALL)
        return [Change(resources.names.table(PLAN_LIMITS), "created")]
    return []


def _ensure_view(view: View, resources: Resources, client: bigquery.Client) -> list[Change]:
    name = resources.names.table(view.name)
    wanted = _view_message(view, resources)
    try:
        have = client.get_table(wanted.reference, **CALL)
    except exceptions.NotFound:
        client.create_table(wanted, exists_ok=True, **CALL)
        return [Change(name, "created")]
    if have.table_type != "VIEW":
        raise ProvisioningError(
            f"{name} is a {have.table_type.lower()}, a view should be there; name another dataset"
        )
    differ = _differences(have, wanted)
    if not differ:
        return []
    for part in differ:
        setattr(have, part, getattr(wanted, part))
    client.update_table(have, differ, **CALL)
    return [Change(name, f"set {', '.join(differ)}")]


def _view_message(view: View, resources: Resources) -> bigquery.Table:
    """The view as BigQuery's API has it."""
    made = bigquery.Table(resources.names.table(view.name))
    made.view_query = view.sql(f"{resources.names.project}.{resources.names.dataset}")
    made.description = view.title
    made.labels = dict(resources.labels)
    return made


def _differences(have: bigquery.Table, wanted: bigquery.Table) -> list[str]:
    parts: dict[str, Any] = {"view_query": str.strip, "description": str, "labels": dict}
    return [
        part
        for part, plain in parts.items()
        if plain(getattr(have, part) or plain()) != plain(getattr(wanted, part))
    ]
