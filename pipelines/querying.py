"""BigQuery SQL over the outputs of a run, on DuckDB: the same text runs in both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from models.plan.load import PlanError, load_plan
from pipelines.locate import OUTPUTS, PLAN, UsageError, run_folder
from pipelines.sql.limits import PLAN_LIMITS, plan_limits
from pipelines.sql.local import create_limits, create_views, prepare
from pipelines.sql.translate import tables_named, to_duckdb
from pipelines.sql.views import VIEWS, needed_for
from pipelines.tables import attach
from pipelines.whole import reading

TABLES = (*OUTPUTS, PLAN_LIMITS)
NAMES = (*TABLES, *VIEWS)


@dataclass(frozen=True)
class Answer:
    """Columns and rows of a query."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def connect(out: Path, asked: Iterable[str] = ()) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the outputs of a run as views; it can read nothing else and write nothing.

    `asked`: names of the views of `pipelines.sql` that are to be there too.

    Raises:
      UsageError: The folder holds no run, or one that is damaged.
    """
    run_folder(out)
    connection = duckdb.connect(":memory:")
    prepare(connection)
    with reading(out):
        attach(connection, out)
    _add_views(connection, out, set(asked))
    connection.execute(f"SET allowed_directories = ['{str(out.resolve()).replace(chr(39), chr(39) * 2)}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _add_views(connection: duckdb.DuckDBPyConnection, out: Path, asked: set[str]) -> None:
    read = asked.union(*(view.needs for view in needed_for(asked)))
    if PLAN_LIMITS in read:
        try:
            loaded = load_plan(out / PLAN)
        except PlanError as error:
            raise UsageError(f"the plan of the run cannot be read: {error}") from error
        create_limits(connection, plan_limits(loaded.spec, loaded.digest))
    create_views(connection, asked, TABLES)


def query(sql: str, out: Path) -> Answer:
    """Run BigQuery SQL over the outputs in `out`.

    Raises:
      UsageError: It is not SQL, or names what is not there.
    """
    translated = to_duckdb(sql, NAMES)
    with connect(out, tables_named(sql)) as connection:
        try:
            cursor = connection.execute(translated)
        except duckdb.Error as error:
            raise UsageError(_said(error)) from error
        return Answer(tuple(d[0] for d in cursor.description), cursor.fetchall())


def _said(error: duckdb.Error) -> str:
    """What DuckDB found, with the names that it thinks were meant; where a table is unknown, all that there are."""
    said = " ".join(str(error).partition("\n\n")[0].splitlines())
    if not isinstance(error, duckdb.CatalogException):
        return said
    return f"{said} (tables: {', '.join(TABLES)}; views: {', '.join(VIEWS)})"
