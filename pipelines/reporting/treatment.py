"""How cohorts of customers are treated: whether each is offered, told and taking up as much as the others."""

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from models.plan.spec import PlanSpec
from models.replaying.cohorts import AGE, BRAND, CARE, Cell, place
from models.replaying.cohorts import Cohorts as Cells
from models.reporting.rates import Rate, impact_ratios
from models.reporting.report import Cohort, Cohorts, Compared
from pipelines.locate import UsageError

SEGMENT = "segment"

Cursor = duckdb.DuckDBPyConnection
Rows = list[tuple[Any, ...]]


def _rows(db: Cursor, sql: str) -> Rows:
    return db.execute(sql).fetchall()


def cells_of(spec: PlanSpec, facts: Iterable[str] | None) -> Cells:
    """The cohorts that are told apart.

    Raises:
      UsageError: A fact is none with categories that the plan knows.
    """
    if facts is None:
        facts = [name for name in (AGE, SEGMENT) if name in spec.vocabulary.customer]
    try:
        return Cells.of([spec], facts)
    except ValueError as error:
        raise UsageError(f"--cohort: {error}") from error


def treatment(db: Cursor, cells: Cells) -> tuple[Cohorts, ...]:
    """Customers by what was known of them at each decision, which can change: then they count in each cohort."""
    facts = list(
        dict.fromkeys([*cells.facts, *(fact for mark in cells.marks for fact in sorted(mark.facts))])
    )
    _keep_treated(db, facts)
    _keep_cells(db, cells, facts)
    same = "".join(f"t.fact_{i} IS NOT DISTINCT FROM c.fact_{i} AND " for i in range(len(facts)))
    rows = _rows(
        db,
        f"""
        WITH customers AS (
          SELECT c.dimension, c.value, customer_id, sum(decisions)::BIGINT AS decisions, sum(offers)::BIGINT AS offers,
            sum(earned) AS earned, sum(marketing) > 0 AS marketing, sum(service) > 0 AS service,
            sum(positive)::BIGINT AS positive, sum(answered)::BIGINT AS answered
          FROM treated t JOIN cells c ON {same} t.brand = c.brand
          GROUP BY ALL
        )
        SELECT dimension, value, count(*), sum(decisions)::BIGINT, sum(offers)::BIGINT, sum(earned),
          count_if(marketing), count_if(service), sum(positive)::BIGINT, sum(answered)::BIGINT, count_if(answered > 0),
          sum(positive * positive)::BIGINT, sum(positive * answered)::BIGINT, sum(answered * answered)::BIGINT
        FROM customers GROUP BY ALL
        """,
    )
    order = (CARE, BRAND, *cells.facts)
    return tuple(_dimension(name, [row[1:] for row in rows if row[0] == name]) for name in order)


def _keep_treated(db: Cursor, facts: Sequence[str]) -> None:
    """What each customer met, by brand and what was known of them."""
    known = "".join(f", {_fact(fact)} AS fact_{i}" for i, fact in enumerate(facts))
    columns = "".join(f", k.fact_{i}" for i in range(len(facts)))
    db.execute(
        f"""
        CREATE TEMP TABLE treated AS
        WITH known AS (
          SELECT decision_id, decided_at{known} FROM decisions
          QUALIFY row_number() OVER (PARTITION BY decision_id, decided_at ORDER BY ledger_sequence) = 1
        ), made AS (
          SELECT decision_id, decided_at, count(*) AS offers, sum(value_realised) AS earned,
            count(*) FILTER (message_class = 'marketing') AS marketing,
            count(*) FILTER (message_class <> 'marketing') AS service,
            count(*) FILTER (message_class = 'marketing' AND result IN ('positive', 'negative')) AS answered,
            count(*) FILTER (message_class = 'marketing' AND result = 'positive') AS positive
          FROM decision_outcomes GROUP BY ALL
        )
        SELECT d.customer_id, d.brand{columns}, count(*) AS decisions, coalesce(sum(offers), 0) AS offers,
          coalesce(sum(earned), 0) AS earned, coalesce(sum(marketing), 0) AS marketing,
          coalesce(sum(service), 0) AS service, coalesce(sum(answered), 0) AS answered,
          coalesce(sum(positive), 0) AS positive
        FROM decisions_flat d
        JOIN known k ON k.decision_id = d.decision_id AND k.decided_at = d.decided_at
        LEFT JOIN made m ON m.decision_id = d.decision_id AND m.decided_at = d.decided_at
        GROUP BY ALL
        """
    )


def _fact(name: str) -> str:
    """A fact of the customer's profile at a decision, as JSON text."""
    quoted = name.replace("'", "''")
    return f"list_extract(list_filter(context.customer, lambda f: f.key = '{quoted}'), 1).value"


def _keep_cells(db: Cursor, cells: Cells, facts: Sequence[str]) -> None:
    """The cohorts that each combination of brand and facts belongs to."""
    columns = "".join(f", fact_{i}" for i in range(len(facts)))
    made = []
    for brand, *texts in _rows(db, f"SELECT DISTINCT brand{columns} FROM treated"):
        known = {
            name: msgspec.json.decode(text)
            for name, text in zip(facts, texts, strict=True)
            if text is not None
        }
        raw = {f"fact_{i}": text for i, text in enumerate(texts)}
        made += [
            {"brand": brand, **raw, "dimension": cell.dimension, "value": cell.value}
            for cell in cells.cells(known, brand)
        ]
    names = ["brand", *(f"fact_{i}" for i in range(len(facts))), "dimension", "value"]
    table = pa.Table.from_pylist(made, schema=pa.schema([(name, pa.string()) for name in names]))
    db.register("cells", table)


def _dimension(name: str, rows: Rows) -> Cohorts:
    ordered = sorted(rows, key=lambda row: place(Cell(name, row[0])))
    rates = [
        [Rate(row[5], row[1]) for row in ordered],
        [Rate(row[6], row[1]) for row in ordered],
        [Rate.clustered(*row[7:13]) for row in ordered],
    ]
    compared = [
        [Compared(rate=rate, ratio=ratio) for rate, ratio in zip(of, impact_ratios(of), strict=True)]
        for of in rates
    ]
    return Cohorts(
        dimension=name,
        rows=tuple(
            Cohort(
                name=row[0],
                customers=row[1],
                decisions=row[2],
                offers=row[3],
                value=row[4],
                marketing=marketing,
                service=service,
                accepted=accepted,
            )
            for row, marketing, service, accepted in zip(ordered, *compared, strict=True)
        ),
    )
