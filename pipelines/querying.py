"""BigQuery SQL over the outputs of a run, on DuckDB: the same text runs in both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from pipelines.locate import OUTPUTS, UsageError, run_folder
from pipelines.tables import attach

TABLES = tuple(OUTPUTS)


@dataclass(frozen=True)
class Answer:
    """Columns and rows of a query."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def connect(out: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the outputs of a run as views; it can read nothing else and write nothing.

    Raises:
      UsageError: The folder holds no run.
    """
    run_folder(out)
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    attach(connection, out)
    connection.execute(f"SET allowed_directories = ['{str(out.resolve()).replace(chr(39), chr(39) * 2)}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def to_duckdb(sql: str) -> str:
    """BigQuery SQL as DuckDB SQL; project and dataset are dropped from the names of our tables.

    Raises:
      UsageError: The text is not one SELECT in BigQuery's dialect.
    """
    try:
        statements = [s for s in sqlglot.parse(sql, read="bigquery") if s is not None]
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        where = f" (line {first.get('line')}, column {first.get('col')})" if first else ""
        raise UsageError(f"not BigQuery SQL{where}: {first.get('description', error)}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UsageError("one SELECT at a time; the outputs of a run are read only")
    statement = statements[0].transform(_local_table)
    _count_from_zero(statement)
    return statement.sql(dialect="duckdb")


def _count_from_zero(statement: exp.Expression) -> None:
    """`WITH OFFSET` becomes `WITH ORDINALITY`, which counts from 1: select from it one less, under the same name."""
    for unnest in list(statement.find_all(exp.Unnest)):
        offset, alias = unnest.args.get("offset"), unnest.args.get("alias")
        if not isinstance(offset, exp.Identifier):
            continue
        name = alias.columns[0].copy() if alias and alias.columns else exp.to_identifier("_item")
        inner = unnest.copy()
        inner.set("alias", exp.TableAlias(columns=[name.copy()]))
        ordinal = exp.column(offset.copy())
        subquery = exp.select(exp.column(name.copy()), exp.alias_(ordinal - 1, offset.copy())).from_(inner)
        unnest.replace(
            exp.Lateral(
                this=subquery.subquery(), alias=exp.TableAlias(this=exp.to_identifier(f"_{name.name}_at"))
            )
        )


def _local_table(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Table) and node.name in TABLES:
        node.set("db", None)
        node.set("catalog", None)
    return node


def query(sql: str, out: Path) -> Answer:
    """Run BigQuery SQL over the outputs in `out`.

    Raises:
      UsageError: It is not SQL, or names what is not there.
    """
    translated = to_duckdb(sql)
    with connect(out) as connection:
        try:
            cursor = connection.execute(translated)
        except duckdb.Error as error:
            raise UsageError(f"{str(error).splitlines()[0]} (tables: {', '.join(TABLES)})") from error
        return Answer(tuple(d[0] for d in cursor.description), cursor.fetchall())
