"""`nextbeam export pega`: decisions, interaction history and impact-analyser files that `pdstools` loads.

Three Parquet files: `decisions` (Action Analysis, all stages), `interaction_history`, `impact_analyzer`.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from models.plan.spec import PlanSpec
from pipelines.exporting.stages import PEGA_ARMS, PEGA_CHANNELS, PEGA_STAGES
from pipelines.locate import run_folder
from pipelines.records import plan_of
from pipelines.tables import attach
from pipelines.whole import reading

FILES = {
    "decisions": "pega_decisions.sql",
    "interaction_history": "pega_history.sql",
    "impact_analyzer": "pega_impact.sql",
}
"""Names of the files written and the queries that fill them."""

READ_ME = """Written by `nextbeam export pega`. Read with pdstools (tested with 5.1):

  from pdstools.decision_analyzer.DecisionAnalyzer import DecisionAnalyzer
  from pdstools import IH, ImpactAnalyzer

  DecisionAnalyzer.from_decision_analyzer("decisions.parquet")
  IH.from_ds_export("interaction_history.parquet")
  ImpactAnalyzer.from_vbd("impact_analyzer.parquet")

pyPropensity is P(positive | shown); SelectionProbability, ours, is the probability that the policy chose the action.
"""


def export_pega(run: Path, out: Path) -> dict[str, int]:
    """Write the three files for the run in `run` into `out`; rows by file.

    Raises:
      UsageError: There is no run.
    """
    run_folder(run)
    out.mkdir(parents=True, exist_ok=True)
    lookups = _lookups(plan_of(run))
    with reading(run), duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        attach(connection, run)
        for name, table in lookups.items():
            connection.register(name, table)
        rows = {f"{name}.parquet": _copy(connection, name, query, out) for name, query in FILES.items()}
    (out / "README.txt").write_text(READ_ME, "utf-8")
    return rows


def _copy(connection: duckdb.DuckDBPyConnection, name: str, query: str, out: Path) -> int:
    file = out / f"{name}.parquet"
    sql = files("pipelines.exporting").joinpath(query).read_text("utf-8")
    connection.execute(f"CREATE TEMP VIEW export_{name} AS {sql}")
    connection.sql(f"SELECT * FROM export_{name}").write_parquet(str(file), compression="zstd")
    (rows,) = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(file)]).fetchone() or (0,)
    return int(rows)


def _lookups(spec: PlanSpec) -> Mapping[str, pa.Table]:
    """What the plan and the field's vocabulary add to the records."""
    actions = [
        {
            "action": action.id,
            "issue": spec.groups[action.group].issue,
            "group": action.group,
            "treatment": action.treatments[0].id,
        }
        for action in spec.actions
    ]
    stages = [
        {
            "stage": stage.value,
            "stage_group": s.group,
            "stage_order": s.order,
            "component": s.component,
            "theirs": s.theirs or stage.value,
        }
        for stage, s in PEGA_STAGES.items()
    ]
    channels = [
        {
            "ours": name,
            "theirs": PEGA_CHANNELS.get(name.lower(), name),
            "direction": channel.direction.value,
        }
        for name, channel in spec.channels.items()
    ]
    kinds = {"nba": "nba", **{arm.id: arm.kind for arm in spec.experiments.arms}}
    arms = [{"arm": arm, "kind": kind, "theirs": PEGA_ARMS.get(kind)} for arm, kind in kinds.items()]
    tables = {"plan": actions, "stages": stages, "channels": channels, "arms": arms}
    return {name: pa.Table.from_pylist(rows) for name, rows in tables.items()}
