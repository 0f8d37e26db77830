"""BigQuery's SQL on DuckDB: what sqlglot alone renders so that it runs and is wrong, and what is refused."""

from datetime import UTC, date, datetime

import duckdb
import pytest
import sqlglot

from pipelines.locate import UsageError
from pipelines.sql import SqlError, to_duckdb
from pipelines.sql.local import prepare


@pytest.fixture(scope="module")
def session():
    with duckdb.connect() as connection:
        prepare(connection)
        yield connection


def _value(session, sql):
    return session.execute(sql).fetchall()[0][0]


def _plainly(sql):
    return sqlglot.transpile(sql, read="bigquery", write="duckdb")[0]


TRAPS = [
    ("SELECT DIV(7 + 3, 3)", 3),
    ("SELECT 300 * DIV(7, 300)", 0),
    ("SELECT DIV(DIV(100, 3), 2 + 2)", 8),
    ("SELECT n FROM UNNEST(['a', 'b']) AS s WITH OFFSET AS n WHERE s = 'a'", 0),
    (
        "SELECT TIMESTAMP_DIFF(TIMESTAMP '2026-01-01 02:00:00+00', TIMESTAMP '2026-01-01 00:30:00+00', HOUR)",
        1,
    ),
    (
        "SELECT TIMESTAMP_DIFF(TIMESTAMP '2026-01-01 00:00:01.1+00', TIMESTAMP '2026-01-01 00:00:00.9+00', SECOND)",
        0,
    ),
    ("SELECT UNIX_SECONDS(TIMESTAMP '2026-01-01 00:00:00.9+00')", 1_767_225_600),
    ("SELECT TIMESTAMP_MICROS(5)", datetime(1970, 1, 1, 0, 0, 0, 5, tzinfo=UTC)),
    ("SELECT TIMESTAMP_MILLIS(5)", datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=UTC)),
    ("SELECT PARSE_TIMESTAMP('%Y-%m', '2026-03')", datetime(2026, 3, 1, tzinfo=UTC)),
    ("SELECT DATE_TRUNC(DATE '2026-03-05', MONTH)", date(2026, 3, 1)),
    ("SELECT DATE_ADD(DATE '2026-03-05', INTERVAL 1 DAY)", date(2026, 3, 6)),
    ("SELECT DATE_SUB(DATE '2026-03-05', INTERVAL 1 WEEK)", date(2026, 2, 26)),
    ("SELECT EXTRACT(DAYOFWEEK FROM DATE '2026-11-22')", 1),
    ("SELECT 2 * EXTRACT(DAYOFWEEK FROM DATE '2026-11-23')", 4),
    ("SELECT CAST(SQRT(6.25) AS INT64)", 3),
    ("SELECT CAST(-SQRT(6.25) AS INT64)", -3),
    ("SELECT COUNTIF(x > 1) FROM UNNEST([CAST(NULL AS INT64)]) AS x", 0),
    ("SELECT 0.1 + 0.2", 0.30000000000000004),
    ("SELECT ARRAY_AGG(x ORDER BY x DESC LIMIT 2) FROM UNNEST([1, 2, 3]) AS x", [3, 2]),
    ("SELECT ARRAY_AGG(x IGNORE NULLS ORDER BY x LIMIT 2) FROM UNNEST([1, 2, NULL, 3]) AS x", [1, 2]),
]


@pytest.mark.parametrize(("sql", "means"), TRAPS, ids=[sql for sql, _ in TRAPS])
def test_a_trap_gives_what_bigquery_gives(sql, means, session):
    found = _value(session, to_duckdb(sql, ()))
    assert (found, type(found)) == (means, type(means))


@pytest.mark.parametrize(("sql", "means"), TRAPS, ids=[sql for sql, _ in TRAPS])
def test_each_trap_is_one(sql, means, session):
    """Rendered as it is, it is wrong or an error: else its rewrite could go."""
    try:
        found = _value(session, _plainly(sql))
    except duckdb.Error:
        return
    assert (found, type(found)) != (means, type(means))


@pytest.mark.parametrize(
    ("sql", "means"),
    [
        ("SELECT CAST('12' AS INT64)", 12),
        ("SELECT CAST(TRUE AS INT64)", 1),
        ("SELECT SAFE_CAST('x' AS INT64)", None),
        ("SELECT SAFE_DIVIDE(1, 0)", None),
        ("SELECT SAFE_DIVIDE(7 + 1, 1 + 1) * 2", 8.0),
        ("SELECT 1 / 4", 0.25),
        ("SELECT DIV(-7, 2)", -3),
        ("SELECT MOD(-7, 3)", -1),
        ("SELECT DATE(TIMESTAMP '2026-03-05 23:59:59+00')", date(2026, 3, 5)),
        ("SELECT DATE_TRUNC(DATE '2026-03-05', WEEK)", date(2026, 3, 1)),
        ("SELECT DATE_TRUNC(DATE '2026-03-05', WEEK(MONDAY))", date(2026, 3, 2)),
        ("SELECT CONCAT('a', CAST(NULL AS STRING))", None),
        ("SELECT COUNTIF(x > 1) FROM UNNEST([1, 2, 3]) AS x", 2),
        ("SELECT STRING_AGG(x, '-' ORDER BY x) FROM UNNEST(['b', 'a']) AS x", "a-b"),
        ("SELECT ARRAY_AGG(x ORDER BY x)[SAFE_OFFSET(5)] FROM UNNEST([1]) AS x", None),
        ("SELECT 2 IN UNNEST([1, 2])", True),
    ],
)
def test_what_is_right_stays_right(sql, means, session):
    assert _value(session, to_duckdb(sql, ())) == means


@pytest.mark.parametrize("sql", ["SELECT 1 / 0", "SELECT SQRT(-1)", "SELECT LN(0)", "SELECT DIV(1, 0)"])
def test_an_error_there_is_an_error_here(sql, session):
    with pytest.raises(duckdb.Error):
        session.execute(to_duckdb(sql, ()))


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT FORMAT('%05d', 3)", "FORMAT gives back its pattern"),
        ("SELECT FARM_FINGERPRINT('x')", "FARM_FINGERPRINT"),
        ("SELECT APPROX_TOP_COUNT(x, 3) FROM t", "APPROX_TOP_COUNT loses its counts"),
        ('SELECT PARSE_JSON(\'{"a": "b"}\').a', "JSON values keep their quotes"),
        ("SELECT EXTRACT(WEEK FROM DATE '2026-01-01')", "EXTRACT(WEEK ...) differs"),
        ("SELECT EXTRACT(MILLISECOND FROM t) FROM t", "EXTRACT(MILLISECOND ...) differs"),
        ("SELECT * FROM `p.d.decisions_*`", "decisions_* is no table of a run"),
        ("SELECT * FROM d.INFORMATION_SCHEMA.TABLES", "is no table of a run"),
        ("SELECT list_distinct(x) FROM t", "list_distinct is no function of BigQuery that we know"),
        ("SELECT * FROM t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "there are no earlier versions"),
        ("SELECT * FROM t UNPIVOT(a FOR b IN (c, d))", "PIVOT and UNPIVOT"),
        ("SELECT SAFE.SUBSTR('a', 1)", "SAFE. is not there"),
        ("SELECT RAND()", "RAND gives other rows"),
        ("DELETE FROM decisions WHERE TRUE", "one SELECT at a time"),
        ("SELECT 1; SELECT 2", "one SELECT at a time"),
        ("SELECT (1", "not BigQuery SQL (line 1"),
        ("", "one SELECT at a time"),
    ],
)
def test_what_means_something_else_is_refused(sql, says):
    with pytest.raises(SqlError) as refused:
        to_duckdb(sql, ())
    assert says in str(refused.value)
    assert isinstance(refused.value, UsageError)


def test_project_and_dataset_are_dropped_from_tables_of_ours_only():
    assert to_duckdb("SELECT 1 FROM `p-1.d.decisions`", ["decisions"]) == 'SELECT 1 FROM "decisions"'
    assert to_duckdb("SELECT 1 FROM d.customers", ["decisions"]) == "SELECT 1 FROM d.customers"
