"""append_limits: a plan's limits, published by whoever publishes the plan, who may append to one table and no more."""

import hashlib
from collections.abc import Sequence

import msgspec
from google.api_core.exceptions import Forbidden, GoogleAPIError
from google.cloud import bigquery
from requests import RequestException

from pipelines.locate import UsageError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.patience import refused
from pipelines.provisioning.resources import Names
from pipelines.sql.limits import PLAN_LIMITS, PlanLimit
from schemas.rows import Row, json_rows

_ROWS = 500
_AWAY_S = 60.0
_COLUMNS = [bigquery.SchemaField(name, "STRING") for name in ("plan_digest", "limit_id")]


def append_limits(limits: Sequence[PlanLimit], names: Names, endpoints: Endpoints) -> int:
    """Append those of a plan's limits that the table lacks; how many they were.

    Rows are inserted, as a load or a query would need the right to start jobs in the project. Who may not read the
    table (`RowWriter`) appends all of them each time: the service drops those of the last minute, and views count a
    limit once however often it is there.

    Args:
      limits: Of one plan.
      names: Project and dataset.
      endpoints: Where BigQuery is.

    Raises:
      UsageError: There is no such table, it is not ours to write to, or it has other columns.
    """
    table = names.table(PLAN_LIMITS)
    client = endpoints.tables(names.project)
    try:
        there = _there(client, table)
        lacking = [each for each in limits if (each.plan_digest, each.limit_id) not in there]
        for start in range(0, len(lacking), _ROWS):
            _insert(client, table, list(map(json_rows(PlanLimit), lacking[start : start + _ROWS])))
    except (GoogleAPIError, RequestException) as error:
        raise refused(table, error) from error
    finally:
        client.close()  # type: ignore[no-untyped-call]
    return len(lacking)


def _there(client: bigquery.Client, table: str) -> set[tuple[str, str]]:
    """Digest and limit of each row; nothing, if we may not read."""
    retry = bigquery.DEFAULT_RETRY.with_timeout(_AWAY_S)
    try:
        rows = client.list_rows(table, selected_fields=_COLUMNS, retry=retry)
        return {(row["plan_digest"], row["limit_id"]) for row in rows}
    except Forbidden:
        return set()


def _insert(client: bigquery.Client, table: str, rows: list[Row]) -> None:
    ids = [hashlib.blake2b(msgspec.json.encode(row), digest_size=16).hexdigest() for row in rows]
    retry = bigquery.DEFAULT_RETRY.with_timeout(_AWAY_S)
    errors = client.insert_rows_json(table, rows, row_ids=ids, retry=retry)
    if errors:
        first = errors[0]["errors"][0]
        told = f"{first.get('reason')} {first.get('location', '')}: {first.get('message', '')}"[:300]
        raise UsageError(f"{table}: does not take our rows ({told}); bring its columns up to date")
