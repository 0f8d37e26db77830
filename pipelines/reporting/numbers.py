"""The numbers of a report, from the analysts' views over the folder of a run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from models.plan.spec import PlanSpec
from models.replaying.cohorts import Cohorts as Cells
from models.reporting.findings import findings
from models.reporting.rates import Rate
from models.reporting.report import (
    Arm,
    Breach,
    Calibration,
    Day,
    Letters,
    Offered,
    Pressure,
    Report,
    Rule,
    Span,
    Step,
    Table,
    Tenth,
)
from pipelines.locate import UsageError, damaged
from pipelines.querying import connect
from pipelines.records import plan_of
from pipelines.report import identity
from pipelines.reporting.treatment import cells_of, treatment
from pipelines.summary import STAGE_ORDER, Summary
from pipelines.whole import reading

VIEWS_READ = (
    "arm_comparison",
    "calibration",
    "cap_breaches",
    "contact_pressure",
    "dead_letters_daily",
    "decision_outcomes",
    "decisions_flat",
    "funnel_rules",
    "revenue",
)
DIMENSIONS = {
    "group": ("action_group", "issue"),
    "action": ("action", "action_group"),
    "channel": ("channel", "''"),
    "brand": ("brand", "''"),
    "placement": ("placement", "channel"),
}
"""By what offers are told apart: the column, and what it belongs to."""
_TOP_RULES = 4
_KEPT = {
    "decision_outcomes": "*",
    "decisions_flat": "decision_id, decided_at, day, customer_id, brand, arm, no_action, model_digest",
}
"""Views that nearly all others read, and what of them; of decisions, what is nested is most of what there is."""

Cursor = duckdb.DuckDBPyConnection
Rows = list[tuple[Any, ...]]


def report_on(out: Path, facts: Iterable[str] | None = None) -> Report:
    """The report on a run.

    Args:
      out: Its folder.
      facts: Facts of customers' profiles to tell cohorts apart by; None: age and segment, where the plan has them.

    Raises:
      UsageError: There is no run, a part of it is gone, or a fact is none that the plan knows.
    """
    with reading(out), connect(out, VIEWS_READ) as db:
        spec = plan_of(out)
        cells = cells_of(spec, facts)
        for name, columns in _KEPT.items():  # views that read it find the table now
            db.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM main.{name}")
        summary = _summary(out)
        _check_whole(db, out, summary)
        return _report(db, spec, summary, cells)


def _check_whole(db: Cursor, out: Path, summary: Summary) -> None:
    """A report on a part of a run would look like one on all of it."""
    for name, written in summary.rows.items():
        [(found,)] = _rows(db, f"SELECT count(*) FROM main.{name}")
        if found != written:
            raise damaged(out, f"{found:,} {name}, where the run wrote {written:,}")


def _report(db: Cursor, spec: PlanSpec, summary: Summary, cells: Cells) -> Report:
    span, breaches, letters = _span(db, spec, summary), _breaches(db), _letters(db)
    calibration, cohorts = _calibration(db), treatment(db, cells)
    limits = len(spec.contact.limits)
    return Report(
        span=span,
        findings=tuple(findings(span, breaches, limits, calibration, cohorts, letters)),
        days=_days(db),
        offered=tuple(_offered(db, *each) for each in DIMENSIONS.items()),
        no_action=tuple(
            (str(why), count)
            for why, count in _rows(
                db,
                "SELECT no_action, count(*) FROM decisions_flat WHERE no_action IS NOT NULL "
                "GROUP BY 1 ORDER BY 2 DESC, 1",
            )
        ),
        funnel=_funnel(db),
        breaches=breaches,
        limits=limits,
        pressure=_pressure(db),
        calibration=calibration,
        cohorts=cohorts,
        arms=_arms(db),
        letters=letters,
    )


def _rows(db: Cursor, sql: str) -> Rows:
    return db.execute(sql).fetchall()


def _summary(out: Path) -> Summary:
    try:
        return msgspec.json.decode((out / "summary.json").read_bytes(), type=Summary)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{out / 'summary.json'} is not as a run of this version writes it: {error}"
        ) from error


def _span(db: Cursor, spec: PlanSpec, summary: Summary) -> Span:
    [(first, last, customers, decisions)] = _rows(
        db,
        "SELECT min(decided_at), max(decided_at), count(DISTINCT customer_id), count(*) FROM decisions_flat",
    )
    [(offers, value)] = _rows(db, "SELECT count(*), coalesce(sum(value_realised), 0) FROM decision_outcomes")
    models = _rows(db, "SELECT DISTINCT model_digest FROM decisions_flat WHERE model_digest <> '' ORDER BY 1")
    return Span(
        plan=summary.plan,
        plan_digest=summary.plan_digest,
        models=tuple(str(name) for (name,) in models),
        currency=spec.currency,
        first=first,
        last=last,
        customers=customers,
        decisions=decisions,
        offers=offers,
        value=value,
        accounts=identity(summary.accounting),
        balanced=summary.accounted,
    )


def _days(db: Cursor) -> tuple[Day, ...]:
    rows = _rows(
        db,
        """
        WITH made AS (
          SELECT day, sum(offers) AS offers, sum(positive) AS positive, sum(answered) AS answered, sum(value) AS value
          FROM revenue GROUP BY day
        ), asked AS (SELECT day, count(*) AS decisions FROM decisions_flat GROUP BY day)
        SELECT a.day, a.decisions, coalesce(m.offers, 0)::BIGINT, coalesce(m.positive, 0)::BIGINT,
          coalesce(m.answered, 0)::BIGINT, coalesce(m.value, 0)
        FROM asked a LEFT JOIN made m ON m.day = a.day ORDER BY 1
        """,
    )
    return tuple(
        Day(day=day, decisions=decisions, offers=offers, accepted=Rate(hits, of), value=value)
        for day, decisions, offers, hits, of, value in rows
    )


def _offered(db: Cursor, dimension: str, columns: tuple[str, str]) -> Table:
    name, about = columns
    rows = _rows(
        db,
        f"""
        SELECT {name}, {about if about == "''" else f"min({about})"}, sum(offers)::BIGINT, sum(seen)::BIGINT,
          sum(positive)::BIGINT, sum(answered)::BIGINT, sum(value), sum(value_expected)
        FROM revenue GROUP BY 1 ORDER BY 3 DESC, 1
        """,
    )
    return Table(
        dimension=dimension,
        rows=tuple(
            Offered(
                name=name,
                about=about,
                offers=offers,
                seen=seen,
                accepted=Rate(hits, of),
                value=value,
                expected=expected,
            )
            for name, about, offers, seen, hits, of, value, expected in rows
        ),
    )


def _funnel(db: Cursor) -> tuple[Step, ...]:
    rules: dict[str, list[Rule]] = {}
    for stage, rule, candidates in _rows(
        db,
        "SELECT stage, coalesce(rule, ''), sum(candidates)::BIGINT FROM funnel_rules GROUP BY 1, 2 ORDER BY 3 DESC, 2",
    ):
        rules.setdefault(stage, []).append(Rule(rule=rule, candidates=candidates))
    steps: list[Step] = []
    left_after = 0
    for stage in sorted(rules, key=lambda stage: STAGE_ORDER[stage], reverse=True):
        left = sum(rule.candidates for rule in rules[stage])
        left_after += left
        named = tuple(rule for rule in rules[stage] if rule.rule)[:_TOP_RULES]
        steps.append(Step(stage=stage, entered=left_after, left=left, rules=named))
    return tuple(reversed(steps))


def _breaches(db: Cursor) -> tuple[Breach, ...]:
    rows = _rows(
        db,
        "SELECT limit_id, count(*), count(DISTINCT customer_id), min(decision_id) FROM cap_breaches "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    names = ("limit", "contacts", "customers", "example")
    return tuple(Breach(**dict(zip(names, row, strict=True))) for row in rows)


def _pressure(db: Cursor) -> tuple[Pressure, ...]:
    rows = _rows(
        db,
        """
        WITH most AS (
          SELECT customer_id, max(contacts_7d)::BIGINT AS contacts, max(marketing_7d)::BIGINT AS marketing
          FROM contact_pressure GROUP BY 1
        ), everybody AS (
          SELECT d.customer_id, coalesce(m.contacts, 0) AS contacts, coalesce(m.marketing, 0) AS marketing
          FROM (SELECT DISTINCT customer_id FROM decisions_flat) d LEFT JOIN most m USING (customer_id)
        ), counts AS (
          SELECT contacts AS n, 1 AS c, 0 AS m FROM everybody UNION ALL SELECT marketing, 0, 1 FROM everybody
        )
        SELECT n, sum(c)::BIGINT, sum(m)::BIGINT FROM counts GROUP BY 1 ORDER BY 1
        """,
    )
    return tuple(
        Pressure(contacts=n, customers=customers, marketing=marketing) for n, customers, marketing in rows
    )


def _calibration(db: Cursor) -> tuple[Calibration, ...]:
    rows = _rows(
        db,
        """
        SELECT model_digest, message_class, tenth, predicted_least, predicted, predicted_most, positive, offers,
          as_predicted
        FROM calibration ORDER BY 1, 2, 3
        """,
    )
    found: dict[tuple[str, str], list[Tenth]] = {}
    for model, message_class, number, least, predicted, most, hits, of, fits in rows:
        found.setdefault((model, message_class), []).append(
            Tenth(
                number=number,
                predicted_least=least,
                predicted=predicted,
                predicted_most=most,
                observed=Rate(int(hits), of),
                as_predicted=fits,
            )
        )
    made = [
        Calibration(model=model, message_class=message_class, tenths=tuple(tenths))
        for (model, message_class), tenths in found.items()
    ]
    return tuple(sorted(made, key=lambda each: (-each.answered, each.model, each.message_class)))


def _arms(db: Cursor) -> tuple[Arm, ...]:
    rows = _rows(
        db,
        """
        SELECT arm, customers, offers::BIGINT, positive::BIGINT, answered::BIGINT, customers_positive::BIGINT, value,
          value_per_customer, value_low, value_high
        FROM arm_comparison ORDER BY customers DESC, arm
        """,
    )
    return tuple(
        Arm(
            name=name,
            customers=customers,
            offers=offers,
            accepted=Rate(hits, of),
            reach=Rate(reached, customers),
            value=value,
            value_per_customer=each,
            value_low=low,
            value_high=high,
        )
        for name, customers, offers, hits, of, reached, value, each, low, high in rows
    )


def _letters(db: Cursor) -> tuple[Letters, ...]:
    rows = _rows(
        db,
        "SELECT reason, step, sum(letters)::BIGINT FROM dead_letters_daily GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
    )
    return tuple(Letters(reason=reason, step=step, letters=letters) for reason, step, letters in rows)
