"""What a run did: counted twice, by the pipeline's counters and in its outputs, and compared."""

import os
from collections.abc import Mapping
from pathlib import Path

import duckdb
import msgspec

from models.folds import Counted
from models.observability import metrics
from models.plan.compiled import Plan
from pipelines.locate import OUTPUTS
from pipelines.manifest import WrittenFile, json_seal, written_files
from pipelines.tables import attach
from schemas import Stage

_BYTES_A_THREAD = 256 * 1024 * 1024

STAGE_ORDER = {stage.value: index for index, stage in enumerate(Stage)}


class Accounting(msgspec.Struct, frozen=True, kw_only=True):
    """inputs = decided + observed + duplicates + dead letters, always."""

    inputs: int
    decided: int
    observed: int
    duplicates: int
    dead_letters: int
    skipped: int = 0
    """Rows that the import mapping leaves out by its own rule; no inputs."""

    @property
    def balanced(self) -> bool:
        """Whether the identity holds."""
        return self.inputs == self.decided + self.observed + self.duplicates + self.dead_letters


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """Offers of one issue and group in one channel, and the responses so far."""

    issue: str
    group: str
    channel: str
    offers: int
    customers: int
    positive: int


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates that left the funnel at one stage."""

    stage: str
    candidates: int
    share: float
    top_rules: tuple[tuple[str, int], ...]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A count with a name."""

    name: str
    count: int


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """The files that a run read, as paths from its own folder."""

    signals: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    mapping: str | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What DIR/summary.json holds."""

    plan: str
    plan_digest: str
    model_digest: str
    accounting: Accounting
    accounted: bool
    rows: dict[str, int]
    customers: int
    no_action: tuple[Named, ...]
    offered: tuple[Offered, ...]
    funnel: tuple[Left, ...]
    feedback: tuple[Named, ...]
    dead_letters: tuple[Named, ...]
    examples: tuple[str, ...]
    spent: dict[str, float]
    inputs: Inputs = Inputs()
    files: tuple[WrittenFile, ...] = ()
    seal: str = ""
    """Digest of the rest of the summary."""


def account(counters: Mapping[str, int]) -> Accounting:
    """The accounting identity from the metrics, by name."""

    def total(name: str) -> int:
        return counters.get(name, 0)

    skipped = total(metrics.SIGNALS_SKIPPED)
    folded = {way: total(name) for way, name in metrics.ACCOUNTED.items()}
    return Accounting(
        inputs=sum(total(metrics.read(area)) for area in metrics.AREAS) - skipped,
        decided=folded[Counted.DECIDED],
        observed=folded[Counted.OBSERVED],
        duplicates=folded[Counted.DUPLICATE],
        dead_letters=folded[Counted.DEAD] + sum(total(metrics.rejected(area)) for area in metrics.AREAS),
        skipped=skipped,
    )


def summarise(
    folder: Path, plan: Plan, counters: Mapping[str, int], spent: dict[str, float], inputs: Inputs
) -> Summary:
    """Count the outputs in `folder` and compare them with the counters."""
    accounting = account(counters)
    with duckdb.connect(":memory:", config={"threads": _threads(folder)}) as db:
        attach(db, folder)
        rows = {name: _one(db, f"SELECT count(*) FROM {name}") for name in OUTPUTS}
        agree = rows["decisions"] == accounting.decided and rows["dead_letters"] == accounting.dead_letters
        summary = Summary(
            plan=plan.spec.name,
            plan_digest=plan.digest,
            model_digest=plan.scorer.digest,
            accounting=accounting,
            accounted=accounting.balanced and agree,
            rows=rows,
            customers=_one(db, "SELECT count(DISTINCT customer_id) FROM decisions"),
            no_action=_named(
                db, "SELECT no_action, count(*) FROM decisions WHERE no_action IS NOT NULL GROUP BY 1"
            ),
            offered=_offered(db),
            funnel=_funnel(db),
            feedback=_named(db, "SELECT outcome, count(*) FROM feedback GROUP BY 1"),
            dead_letters=_named(db, "SELECT reason, count(*) FROM dead_letters GROUP BY 1"),
            examples=_examples(db),
            spent=spent,
            inputs=inputs,
            files=written_files(folder),
        )
        return msgspec.structs.replace(summary, seal=json_seal(msgspec.to_builtins(summary)))


def _threads(folder: Path) -> int:
    """As many as there is work for: each holds row groups of its own, 40 MB of them for a hundred thousand events."""
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
    return max(1, min(os.cpu_count() or 1, size // _BYTES_A_THREAD))


def _one(db: duckdb.DuckDBPyConnection, sql: str) -> int:
    [(total,)] = db.execute(sql).fetchall()  # fetchone would leave the result open
    return int(total)


def _named(db: duckdb.DuckDBPyConnection, sql: str) -> tuple[Named, ...]:
    rows = db.execute(f"{sql} ORDER BY 2 DESC, 1").fetchall()
    return tuple(Named(name=name, count=total) for name, total in rows)


def _offered(db: duckdb.DuckDBPyConnection) -> tuple[Offered, ...]:
    rows = db.execute(
        """
        WITH offers AS (
          SELECT decision_id, customer_id, UNNEST(offers, recursive := false) AS offer FROM decisions
        ), positive AS (
          SELECT DISTINCT decision_id, rank FROM feedback WHERE label
        )
        SELECT offer.issue, offer."group", offer.channel, count(*), count(DISTINCT customer_id), count(p.rank)
        FROM offers LEFT JOIN positive p ON p.decision_id = offers.decision_id AND p.rank = offer.rank
        GROUP BY ALL ORDER BY 1, 2, 3
        """
    ).fetchall()
    names = ("issue", "group", "channel", "offers", "customers", "positive")
    return tuple(Offered(**dict(zip(names, row, strict=True))) for row in rows)


def _funnel(db: duckdb.DuckDBPyConnection) -> tuple[Left, ...]:
    rows = db.execute(
        """
        WITH removals AS (SELECT UNNEST(removed) AS r FROM decisions),
        ranked AS (SELECT UNNEST(ranked) AS c FROM decisions),
        gone AS (
          SELECT r.stage AS stage, r.rule AS rule, sum(len(r.actions)) AS n FROM removals GROUP BY 1, 2
          UNION ALL SELECT c.stage, c.rule, count(*) FROM ranked GROUP BY 1, 2
        )
        SELECT stage, rule, CAST(n AS BIGINT) FROM gone ORDER BY n DESC, rule
        """
    ).fetchall()
    total = sum(n for _, _, n in rows) or 1
    stages = sorted({stage for stage, _, _ in rows}, key=lambda stage: STAGE_ORDER[stage])
    return tuple(
        Left(
            stage=stage,
            candidates=sum(n for s, _, n in rows if s == stage),
            share=sum(n for s, _, n in rows if s == stage) / total,
            top_rules=tuple((rule, n) for s, rule, n in rows if s == stage and rule)[:3],
        )
        for stage in stages
    )


def _examples(db: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Two decisions worth reading: most ways out, most offers; one the customer asked for, one we sent."""
    ranked = """
        SELECT decision_id, direction FROM decisions WHERE len(offers) > 0 {also}
        ORDER BY len(list_distinct(list_transform(ranked, lambda c: c.stage))) {down},
                 len(offers) {down}, len(removed) {down}, decision_id {up} LIMIT 1
    """
    first = db.execute(ranked.format(also="", down="DESC", up="ASC")).fetchall()
    if not first:
        return ()
    [(decision_id, direction)] = first
    other = db.execute(
        ranked.format(also="AND direction <> ?", down="DESC", up="ASC"), [direction]
    ).fetchall()
    last = other or db.execute(ranked.format(also="", down="ASC", up="DESC")).fetchall()
    return tuple(dict.fromkeys((decision_id, last[0][0])))
