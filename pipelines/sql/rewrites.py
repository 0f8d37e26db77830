"""What sqlglot renders for DuckDB so that it runs and is wrong: each trap, rewritten before it is rendered.

Each rewrite has a test that fails without it. What cannot be rewritten is refused by `pipelines.sql.refusals`.
"""

from collections.abc import Callable

from sqlglot import exp

MACROS = (
    # DIV truncates in both, but is rendered as an operator without the parentheses that it needs.
    "CREATE MACRO bq_div(a, b) AS a // b",
    # An error in BigQuery, infinity in DuckDB.
    "CREATE MACRO bq_divide(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a / b END",
    "CREATE MACRO bq_ln(a) AS CASE WHEN a <= 0 THEN error('logarithm of no positive number') ELSE ln(a) END",
    "CREATE MACRO bq_sqrt(a) AS CASE WHEN a < 0 THEN error('square root of a negative number') ELSE sqrt(a) END",
    # Halves are rounded away from zero in BigQuery, to the even neighbour in DuckDB.
    """CREATE MACRO bq_integer(a) AS CASE WHEN typeof(a) IN ('DOUBLE', 'FLOAT')
    THEN CAST(round(CAST(a AS DOUBLE)) AS BIGINT) ELSE CAST(a AS BIGINT) END""",
    # Whole units that have passed, not boundaries that were crossed.
    """CREATE MACRO bq_passed(unit, later, earlier) AS
    date_sub(unit, CAST(earlier AS TIMESTAMPTZ), CAST(later AS TIMESTAMPTZ))""",
)
"""Functions of ours that rewritten statements call; whoever runs them creates these first."""


def rewrite(statement: exp.Expr) -> None:
    """Rewrite every trap in the statement, in place, the innermost first."""
    _count_from_zero(statement)
    for node in reversed(list(statement.bfs())):
        rule = _RULES.get(type(node))
        if rule is not None and (found := rule(node.copy())) is not None:
            node.replace(found)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _int_div(node: exp.Expr) -> exp.Expr:
    return _call("bq_div", node.this, node.expression)


def _div(node: exp.Expr) -> exp.Expr:
    return _call("bq_divide", node.this, node.expression)


def _ln(node: exp.Expr) -> exp.Expr:
    return _call("bq_ln", node.this)


def _sqrt(node: exp.Expr) -> exp.Expr:
    return _call("bq_sqrt", node.this)


def _cast(node: exp.Expr) -> exp.Expr | None:
    return _call("bq_integer", node.this) if node.args["to"].this == exp.DataType.Type.BIGINT else None


def _timestamp_diff(node: exp.Expr) -> exp.Expr:
    unit = exp.Literal.string(node.text("unit").lower() or "day")
    return _call("bq_passed", unit, node.this, node.expression)


def _unix_seconds(node: exp.Expr) -> exp.Expr:
    """The second that it is in; rendered, it would be the nearest one."""
    return exp.Cast(this=exp.Floor(this=_call("epoch", node.this)), to=exp.DataType.build("BIGINT"))


def _with_zone(node: exp.Expr) -> exp.Expr:
    """A moment, which rendered would be a clock's time without a zone."""
    return exp.Paren(this=exp.AtTimeZone(this=node, zone=exp.Literal.string("UTC")))


def _unix_to_time(node: exp.Expr) -> exp.Expr | None:
    return _with_zone(node) if node.text("scale") in ("3", "6") else None


def _as_date(node: exp.Expr) -> exp.Expr:
    """A date, which rendered would be a timestamp."""
    return exp.Cast(this=node, to=exp.DataType.build("DATE"))


def _extract(node: exp.Expr) -> exp.Expr | None:
    if node.name.upper() != "DAYOFWEEK":
        return None
    return exp.Paren(this=exp.Add(this=node, expression=exp.Literal.number(1)))  # Sunday is 1 there, 0 here


def _count_if(node: exp.Expr) -> exp.Expr:
    """0 where nothing is true, which rendered would be null where all is null."""
    return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))]))


def _literal(node: exp.Expr) -> exp.Expr | None:
    """A fraction is a float there, an exact decimal here."""
    if node.is_string or node.name.isdigit():
        return None
    return exp.Cast(this=node, to=exp.DataType.build("DOUBLE"))


def _array_agg(node: exp.Expr) -> exp.Expr | None:
    """ARRAY_AGG with a LIMIT inside: a slice of the whole."""
    if not isinstance(node.this, exp.Limit):
        return None
    limit = node.this
    node.set("this", limit.this)
    return _call("list_slice", node, exp.Literal.number(1), limit.expression)


def _ignore_nulls(node: exp.Expr) -> exp.Expr | None:
    """ARRAY_AGG without nulls, be it a slice: rendered, some would stay."""
    sliced = isinstance(node.this, exp.Anonymous) and node.this.name == "list_slice"
    aggregate = node.this.expressions[0] if sliced else node.this
    if not isinstance(aggregate, exp.ArrayAgg):
        return None
    value = aggregate.this
    while isinstance(value, exp.Order | exp.Distinct):
        value = value.this or value.expressions[0]
    known = exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))
    filtered = exp.Filter(this=aggregate.copy(), expression=exp.Where(this=known))
    return _call("list_slice", filtered, *node.this.expressions[1:]) if sliced else filtered


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr | None]] = {
    exp.IntDiv: _int_div,
    exp.Div: _div,
    exp.Ln: _ln,
    exp.Sqrt: _sqrt,
    exp.Cast: _cast,
    exp.TimestampDiff: _timestamp_diff,
    exp.UnixSeconds: _unix_seconds,
    exp.UnixToTime: _unix_to_time,
    exp.StrToTime: _with_zone,
    exp.DateTrunc: _as_date,
    exp.DateAdd: _as_date,
    exp.DateSub: _as_date,
    exp.Extract: _extract,
    exp.CountIf: _count_if,
    exp.Literal: _literal,
    exp.ArrayAgg: _array_agg,
    exp.IgnoreNulls: _ignore_nulls,
}


def _count_from_zero(statement: exp.Expr) -> None:
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
