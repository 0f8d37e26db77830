"""BigQuery's SQL as DuckDB's: parsed, checked, rewritten where the two differ, rendered."""

from collections.abc import Collection

import sqlglot
from sqlglot import exp

from pipelines.locate import UsageError
from pipelines.sql.refusals import refusals
from pipelines.sql.rewrites import rewrite


class SqlError(UsageError):
    """The text is not one SELECT in BigQuery's dialect, or would mean something else on DuckDB."""


def parse(sql: str) -> exp.Query:
    """The one SELECT in the text.

    Raises:
      SqlError: There is another statement, more than one, or none.
    """
    try:
        statements = [s for s in sqlglot.parse(sql, read="bigquery") if s is not None]
    except sqlglot.errors.SqlglotError as error:
        first = getattr(error, "errors", None) or [{}]
        where = f" (line {first[0].get('line')}, column {first[0].get('col')})" if first[0] else ""
        raise SqlError(f"not BigQuery SQL{where}: {first[0].get('description', error)}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlError("one SELECT at a time; the outputs of a run are read only")
    return statements[0]


def to_duckdb(sql: str, tables: Collection[str]) -> str:
    """The text for DuckDB, with the macros of `pipelines.sql.rewrites`; the session's time zone must be UTC.

    `tables` are the names of ours: project and dataset are dropped from them.

    Raises:
      SqlError: It is not one SELECT, or would mean something else on DuckDB.
    """
    statement = parse(sql)
    if reason := next(refusals(statement), None):
        raise SqlError(f"not the same on DuckDB: {reason}")
    for table in statement.find_all(exp.Table):
        if table.name in tables:
            table.set("db", None)
            table.set("catalog", None)
    rewrite(statement)
    return statement.sql(dialect="duckdb")


def tables_named(sql: str) -> set[str]:
    """The tables that a SELECT names, without project and dataset.

    Raises:
      SqlError: It is not one SELECT.
    """
    statement = parse(sql)
    ours = {cte.alias for cte in statement.find_all(exp.CTE)}
    return {table.name for table in statement.find_all(exp.Table)} - ours
