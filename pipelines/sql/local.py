"""The views on DuckDB: over the outputs of a run, or any tables of the same columns."""

from collections.abc import Collection, Iterable

import duckdb
import pyarrow as pa

from pipelines.sql.limits import PLAN_LIMITS, PlanLimit
from pipelines.sql.rewrites import MACROS
from pipelines.sql.translate import to_duckdb
from pipelines.sql.views import VIEWS, needed_for
from schemas.arrow import arrow_schema
from schemas.rows import rows


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """What translated SQL needs of a session: our functions, and UTC."""
    connection.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(macro)


def create_views(
    connection: duckdb.DuckDBPyConnection, names: Iterable[str], tables: Collection[str]
) -> None:
    """Create the views among `names` and what they read; `tables` are the raw ones, there already."""
    known = {*tables, *VIEWS}
    for view in needed_for(names):
        connection.execute(f"CREATE VIEW {view.name} AS {to_duckdb(view.sql(''), known)}")


def create_limits(connection: duckdb.DuckDBPyConnection, limits: Iterable[PlanLimit]) -> None:
    """Create the table `plan_limits`."""
    row = rows(PlanLimit)
    table = pa.Table.from_pylist([row(limit) for limit in limits], schema=arrow_schema(PlanLimit))
    connection.register("_plan_limits", table)
    connection.execute(f"CREATE TABLE {PLAN_LIMITS} AS SELECT * FROM _plan_limits")
    connection.unregister("_plan_limits")
