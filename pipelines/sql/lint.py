"""What the text of a view may use: an allow-list of what was seen to be the same in BigQuery and on DuckDB."""

from collections.abc import Collection, Iterator

from sqlglot import exp

from pipelines.sql.refusals import refusals
from pipelines.sql.translate import parse
from pipelines.sql.views import DATASET, View

SECTIONS = ("Grain", "Partition", "Late", "Nulls")

FUNCTIONS: frozenset[type[exp.Expr]] = frozenset({
    exp.And, exp.Array, exp.ArrayAgg, exp.ArraySize, exp.Avg, exp.Case, exp.Coalesce, exp.Concat, exp.Count,
    exp.CountIf, exp.CurrentTimestamp, exp.Date, exp.DateAdd, exp.DateSub, exp.DateTrunc, exp.Extract,
    exp.Floor, exp.Greatest, exp.GroupConcat, exp.If, exp.Lead, exp.Least, exp.LogicalAnd, exp.LogicalOr,
    exp.Max, exp.Min, exp.Ntile, exp.Or, exp.RowNumber, exp.SafeDivide, exp.Sqrt, exp.StddevSamp, exp.Sum,
    exp.TimestampDiff, exp.UnixDate, exp.UnixMicros, exp.UnixSeconds, exp.UnixToTime, exp.Unnest,
})  # fmt: skip
"""A function that is not here may be as good: add it with a case in the tests of translation."""

_WORDS = """
ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE
CURRENT DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING
FOR FROM FULL GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL
LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO
QUALIFY RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE
UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH WITHIN
"""

RESERVED = frozenset(_WORDS.split())
"""BigQuery's words, which sqlglot and what is built on it let pass as names."""


def findings(view: View, tables: Collection[str]) -> Iterator[str]:
    """What is wrong with a view; nothing if it is good. `tables` are the tables and views there are."""
    statement = parse(view.sql(""))
    yield from _header(view, statement)
    yield from refusals(statement)
    yield from _names(view, statement, tables)
    for node in statement.walk():
        if isinstance(node, exp.Func) and type(node) not in FUNCTIONS:
            yield f"{node.sql('bigquery')} is not among the functions known to be the same"
        yield from _node(node)


def _header(view: View, statement: exp.Query) -> Iterator[str]:
    if not view.text.startswith(f"-- {view.name}: "):
        yield "it does not begin with its name and what it is"
    yield from (f"its header lacks {name}" for name in SECTIONS if not view.header.get(name))
    if list(view.columns) != statement.named_selects:
        yield f"its header has the columns {', '.join(view.columns)}, it selects {', '.join(statement.named_selects)}"


def _names(view: View, statement: exp.Query, tables: Collection[str]) -> Iterator[str]:
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    for name in own & set(tables):
        yield f"a part of it is called {name}, like a table or view"
    for name in view.needs - set(tables):
        yield f"{name} is no table or view of ours"
    if view.text.count(f"`{DATASET}") != sum(t.name not in own for t in statement.find_all(exp.Table)):
        yield f"a table stands without `{DATASET}`"
    for node in statement.find_all(exp.Identifier):
        if not node.quoted and node.name.upper() in RESERVED:
            yield f"{node.name} is a word of BigQuery's; name it otherwise, or quote it"


def _node(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Div | exp.IntDiv):
        yield f"{node.sql('bigquery')}: use SAFE_DIVIDE, which is no error when there is nothing"
    elif isinstance(node, exp.Bracket) and not node.args.get("safe"):
        yield f"{node.sql('bigquery')}: use SAFE_OFFSET, which is no error when there are fewer"
    elif isinstance(node, exp.Star) and isinstance(node.parent, exp.Select) and _of_table(node.parent):
        yield "a star selects other columns once the table has more; name them"


def _of_table(select: exp.Select) -> bool:
    """Whether a SELECT reads something that is not one of the statement's own parts."""
    root = select.root()
    own = {cte.alias for cte in root.find_all(exp.CTE)}
    source = select.args.get("from_") or select.args.get("from")
    return source is not None and isinstance(source.this, exp.Table) and source.this.name not in own
