"""Records of a run, read back as contracts."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from models.plan.compiled import Plan
from models.plan.load import PlanError, load_plan
from models.plan.spec import PlanSpec
from models.plan.wording import listing
from models.propensity.artifact import ArtifactError
from pipelines.locate import MODEL, PLAN, UsageError, run_folder
from pipelines.whole import reading
from schemas import Decision
from schemas.rows import from_row


def find_decision(out: Path, decision_id: str) -> Decision:
    """The decision with this id, or the only one whose id starts with it.

    Raises:
      UsageError: There is none, or more than one, or a file is damaged.
    """
    found: dict[str, Decision] = {}
    for file in parquet_files(out, "decisions"):
        with reading(out):
            found |= _decisions(file, decision_id)
    if not found:
        raise UsageError(
            f"no decision {decision_id!r} in {str(out)!r}; "
            f"`nextbeam query 'SELECT decision_id FROM decisions LIMIT 10' --out {shlex.quote(str(out))}` lists some"
        )
    if len(found) > 1 and decision_id not in found:
        raise UsageError(
            f"{len(found)} decisions start with {decision_id!r} ({listing(sorted(found), 3)}); give more of the id"
        )
    return found.get(decision_id) or next(iter(found.values()))


def _decisions(file: Path, start: str) -> dict[str, Decision]:
    ids = pq.read_table(file, columns=["decision_id"]).column(0).to_pylist()
    rows = [i for i, each in enumerate(ids) if each.startswith(start)]
    if not rows:
        return {}
    table = pq.read_table(file, partitioning=None).take(rows)
    return {row["decision_id"]: from_row(Decision, row) for row in table.to_pylist()}


def parquet_files(out: Path, table: str) -> Iterator[Path]:
    """The files of one kind of record, in order."""
    yield from sorted((run_folder(out) / table).glob("date=*/*.parquet"))


def compiled_plan_of(out: Path) -> Plan:
    """The plan that a run decided by, with its model, ready to decide again.

    Raises:
      UsageError: It is not there, or not what it was.
    """
    try:
        return Plan.compile(load_plan(out / PLAN), model=out / MODEL)
    except (PlanError, ArtifactError) as error:
        raise UsageError(f"the plan of the run cannot be used: {error}") from error


def plan_of(out: Path) -> PlanSpec:
    """The plan that a run decided by, as it was written beside the outputs.

    Raises:
      UsageError: It is not there, or not what it was.
    """
    try:
        return load_plan(out / PLAN).spec
    except PlanError as error:
        raise UsageError(f"the plan of the run cannot be used: {error}") from error
