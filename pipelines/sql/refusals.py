"""What is BigQuery's SQL and means something else on DuckDB, whatever is done about it: refused, with a way round."""

from collections.abc import Callable, Iterator

from sqlglot import exp

PARTS = ("YEAR", "QUARTER", "MONTH", "DAY", "DAYOFYEAR", "DAYOFWEEK", "HOUR", "MINUTE", "SECOND")
"""Of a date or time; the other parts differ in their numbers, or are errors."""

_HINTS: dict[type[exp.Expr], str] = {
    exp.Format: "FORMAT gives back its pattern; use CONCAT, CAST and LPAD",
    exp.FarmFingerprint: "FARM_FINGERPRINT is not there; compare the values themselves",
    exp.ApproxTopK: "APPROX_TOP_COUNT loses its counts; use COUNT(*) with GROUP BY and LIMIT",
    exp.Hll: "sketches are not there; use COUNT(DISTINCT ...)",
    exp.ParseJSON: "JSON values keep their quotes; use JSON_VALUE on the text",
    exp.Pivot: "PIVOT and UNPIVOT order their columns in their own ways; use IF in aggregates",
    exp.SafeFunc: "SAFE. is not there; use SAFE_CAST or SAFE_DIVIDE",
    exp.Version: "there are no earlier versions of a run's outputs",
    exp.Rand: "RAND gives other rows each time",
}


def refusals(statement: exp.Expr) -> Iterator[str]:
    """Why a statement would not mean the same on DuckDB; nothing if it would."""
    for node in statement.walk():
        if hint := _HINTS.get(type(node)):
            yield hint
        elif check := _CHECKS.get(type(node)):
            yield from check(node)


def _unknown(node: exp.Expr) -> Iterator[str]:
    yield f"{node.name} is no function of BigQuery that we know"


def _part(node: exp.Expr) -> Iterator[str]:
    if node.name.upper() not in PARTS:
        yield f"EXTRACT({node.name} ...) differs; one of {', '.join(PARTS)} does not"


def _table(node: exp.Expr) -> Iterator[str]:
    if "*" in node.name or "INFORMATION_SCHEMA" in node.sql("bigquery").upper():
        yield f"{node.name} is no table of a run"


_CHECKS: dict[type[exp.Expr], Callable[[exp.Expr], Iterator[str]]] = {
    exp.Anonymous: _unknown,
    exp.Extract: _part,
    exp.Table: _table,
}
