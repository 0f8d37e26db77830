"""The views of analysts, on the emulator of BigQuery and on DuckDB: the same rows in, the same rows out."""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import analysed_bank
import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from models.plan.load import load_plan
from pipelines.locate import OUTPUTS, PLAN
from pipelines.provisioning import Names, ProvisioningError, Resources
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.tables import provision_tables
from pipelines.provisioning.views import provision_views, publish_limits
from pipelines.sql import to_duckdb
from pipelines.sql.guide import questions
from pipelines.sql.limits import PLAN_LIMITS, PlanLimit, plan_limits
from pipelines.sql.local import create_limits, create_views, prepare
from pipelines.sql.views import VIEWS
from schemas.arrow import arrow_schema
from schemas.derivation.formats import bigquery_columns
from schemas.rows import from_row, json_rows

PROJECT, DATASET = "local-dev", "analysts"
RESOURCES = Resources(Names(PROJECT, dataset=DATASET))
MOVING = {("freshness", "age_s"): 3600}
"""Columns that tell the time, and by how much they may differ."""


@pytest.fixture(scope="module")
def run() -> Path:
    return analysed_bank.sample()


@pytest.fixture(scope="module")
def limits(run) -> list[PlanLimit]:
    """Those of the plan, and each once more with one contact fewer: some of these are broken."""
    loaded = load_plan(run / PLAN)
    kept = plan_limits(loaded.spec, loaded.digest)
    replace = msgspec.structs.replace
    return kept + [replace(each, limit_id=f"{each.limit_id}-less", at_most=each.at_most - 1) for each in kept]


@pytest.fixture(scope="module")
def raw(run) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table; the first of each came twice."""
    found = {name: list(_rows(run, name)) for name in OUTPUTS}
    return {name: lines + lines[:20] for name, lines in found.items()}


@pytest.fixture(scope="module")
def server(bigquery_server, raw, limits) -> Endpoints:
    """BigQuery with tables, views and the rows."""
    endpoints = Endpoints(bigquery=bigquery_server.url)
    provision_tables(RESOURCES, endpoints)
    provision_views(RESOURCES, endpoints)
    assert publish_limits(limits, RESOURCES, endpoints)
    client = endpoints.tables(PROJECT)
    for name, lines in raw.items():
        _load(client, name, OUTPUTS[name], lines)
    client.close()
    return endpoints


@pytest.fixture(scope="module")
def here(raw, limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the same."""
    with duckdb.connect() as connection:
        prepare(connection)
        for name, lines in raw.items():
            connection.register(
                f"{name}_rows", pa.Table.from_pylist(lines, schema=arrow_schema(OUTPUTS[name]))
            )
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")
        create_limits(connection, limits)
        create_views(connection, VIEWS, [*OUTPUTS, PLAN_LIMITS])
        yield connection


def _rows(run: Path, name: str) -> Iterator[dict[str, Any]]:
    for file in sorted((run / name).glob("date=*/*.parquet")):
        yield from pq.read_table(file, partitioning=None).to_pylist()


def _load(
    client: bigquery.Client, name: str, contract: type[msgspec.Struct], lines: list[dict[str, Any]]
) -> None:
    plain = json_rows(contract)
    schema = [bigquery.SchemaField.from_api_repr(column) for column in bigquery_columns(contract)]
    config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_APPEND")
    for start in range(0, len(lines), 500):
        some = [plain(from_row(contract, row)) for row in lines[start : start + 500]]
        client.load_table_from_json(some, f"{PROJECT}.{DATASET}.{name}", job_config=config).result()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_gives_the_same_rows_in_both(view, server, here):
    client = server.tables(PROJECT)
    found = [
        dict(row.items()) for row in client.query(f"SELECT * FROM `{PROJECT}.{DATASET}.{view}`").result()
    ]
    cursor = here.execute(f"SELECT * FROM {view}")
    columns = [column[0] for column in cursor.description]
    expected = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    assert len(found) == len(expected) > 0
    assert list(found[0]) == columns
    key = _key(view)
    for theirs, ours in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
        for column in columns:
            assert _same(theirs[column], ours[column], MOVING.get((view, column), 0)), (
                view,
                column,
                theirs,
                ours,
            )


@pytest.mark.parametrize("sql", questions(Path("docs/analysts.md").read_text("utf-8")))
def test_a_question_of_the_guide_has_the_same_answer_in_both(sql, server, here):
    client = server.tables(PROJECT)
    config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{DATASET}")
    theirs = [tuple(row.values()) for row in client.query(sql, job_config=config).result()]
    ours = here.execute(to_duckdb(sql, [*OUTPUTS, PLAN_LIMITS, *VIEWS])).fetchall()
    assert len(theirs) == len(ours) > 0
    for one, other in zip(theirs, ours, strict=True):
        assert all(_same(a, b, 0) for a, b in zip(one, other, strict=True)), (one, other)


def _key(view: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: repr([str(row[column]) for column in VIEWS[view].grain])


def _same(theirs: Any, ours: Any, may_differ: float) -> bool:
    if isinstance(theirs, int | float | Decimal) and isinstance(ours, int | float | Decimal):
        if isinstance(theirs, bool) or isinstance(theirs, int) != isinstance(ours, int):
            return theirs is ours
        return math.isclose(theirs, ours, rel_tol=1e-9, abs_tol=1e-9 + may_differ)
    return type(theirs) is type(ours) and theirs == ours


def test_a_second_provisioning_changes_nothing(server, limits):
    assert provision_views(RESOURCES, server) == []
    assert not publish_limits(limits, RESOURCES, server)


def test_a_view_that_differs_is_brought_into_line(server):
    client = server.tables(PROJECT)
    older = client.get_table(f"{PROJECT}.{DATASET}.freshness")
    older.view_query = "SELECT 1 AS row_count"
    client.update_table(older, ["view_query"])
    [change] = provision_views(RESOURCES, server)
    assert (change.name, change.what) == (f"{PROJECT}.{DATASET}.freshness", "set view_query")
    assert provision_views(RESOURCES, server) == []


def test_a_table_in_place_of_a_view_is_refused(bigquery_server):
    endpoints = Endpoints(bigquery=bigquery_server.url)
    taken = Resources(Names(PROJECT, dataset="taken"))
    provision_tables(taken, endpoints)
    client = endpoints.tables(PROJECT)
    client.create_table(bigquery.Table(f"{PROJECT}.taken.offers", [bigquery.SchemaField("a", "STRING")]))
    with pytest.raises(ProvisioningError, match="offers is a table, a view should be there"):
        provision_views(taken, endpoints)


def test_limits_of_a_second_plan_are_added_once(server, limits):
    second = [msgspec.structs.replace(each, plan_digest="second") for each in limits[:2]]
    assert publish_limits(second, RESOURCES, server)
    assert not publish_limits(second, RESOURCES, server)
    assert not publish_limits([], RESOURCES, server)
