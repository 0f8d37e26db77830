"""`nextbeam train`: from a run's decisions and feedback to a model that the plan can be given."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.locate import CATALOGUES, UsageError, find_plan, out_folder, shipped

if TYPE_CHECKING:
    from models.features import FeatureTable
    from models.plan.spec import PlanSpec
    from models.propensity.responses import Responses
    from models.propensity.training import Report
    from pipelines.training_data import Shown

EXAMPLE = """examples:
  nextbeam train --run out/day --plan uk_bank --out out/model --extract responses.parquet
  nextbeam train --data responses.parquet --plan draft --kind trees --slices age vulnerable

Writes model.json, arrays.npz and CARD.md. Both kinds are trained and compared on customers held out; --kind says
which is written. The same data and seed give the same bytes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of training. Imports nothing heavy: help must be quick."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", metavar="DIR", help="a run's output folder: its decisions and feedback")
    source.add_argument("--data", metavar="FILE", help="responses that --extract wrote (Parquet)")
    parser.add_argument(
        "--plan",
        required=True,
        metavar="PLAN",
        help="the plan whose features and actions to train: a file, a folder, or a shipped one: "
        + ", ".join(shipped(CATALOGUES)),
    )
    parser.add_argument("--out", metavar="DIR", help="the model's folder (default: `model` beside the plan)")
    parser.add_argument(
        "--kind",
        choices=("linear", "trees"),
        default="linear",
        help="linear: a logistic regression per action; trees: boosted trees (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="default: %(default)s")
    parser.add_argument(
        "--least-responses",
        type=int,
        default=30,
        metavar="N",
        help="an action with fewer keeps its starting propensity (default: %(default)s)",
    )
    _add_reporting(parser)


def _add_reporting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--slices",
        nargs="+",
        default=[],
        metavar="FIELD",
        help="customer fields to compare groups by in the card, besides brand and channel; never inputs",
    )
    parser.add_argument("--extract", metavar="FILE", help="also write the responses, without customer ids")
    parser.add_argument("--about", metavar="TEXT", help="where the responses come from, for the card")
    parser.add_argument(
        "--estimator", metavar="FILE", help="also write scikit-learn's estimator (joblib); never deployed"
    )


def train(args: argparse.Namespace) -> int:
    """Train, check, compile, measure; write the model and its card; 0 if all went well.

    Raises:
      UsageError: The data, the plan or the result is not good; nothing was written.
    """
    from models.features import FeatureTable  # noqa: PLC0415  (numpy and scikit-learn take a second)
    from models.plan.load import PlanError, load_plan  # noqa: PLC0415
    from models.propensity.artifact import ArtifactError  # noqa: PLC0415
    from models.propensity.training import TrainingError  # noqa: PLC0415
    from pipelines.training_data import as_responses, write_extract  # noqa: PLC0415

    plan = find_plan(args.plan)
    folder = out_folder(args.out) if args.out else _beside(plan)
    try:
        spec = load_plan(plan).spec
        table = FeatureTable.of(spec)
        shown = _shown(args)
        report = _trained(args, spec, as_responses(shown, table))
        _write(args, folder, spec, table, report, shown.about)
    except (PlanError, ArtifactError, TrainingError) as error:
        raise UsageError(str(error)) from error
    if args.extract:
        write_extract(shown, Path(args.extract))
    _print(report, args.kind, folder)
    return 0


def _beside(plan: Path) -> Path:
    if plan.is_relative_to(CATALOGUES):
        raise UsageError(
            "--out is missing: beside a shipped plan a model would replace its own; name a folder"
        )
    return (plan if plan.is_dir() else plan.parent) / "model"


def _shown(args: argparse.Namespace) -> "Shown":
    from pipelines.training_data import read_extract, read_run  # noqa: PLC0415

    if args.run:
        return read_run(Path(args.run), args.slices, args.about)
    return read_extract(Path(args.data), args.slices, args.about)


def _trained(args: argparse.Namespace, spec: "PlanSpec", responses: "Responses") -> "Report":
    from models.propensity.fitting import Fitting  # noqa: PLC0415
    from models.propensity.training import train as train_models  # noqa: PLC0415

    if args.least_responses < 1:
        raise UsageError(
            f"--least-responses: {args.least_responses} is less than 1, which no model can learn from"
        )
    groups = {action.id: action.group for action in spec.actions}
    fitting = Fitting(seed=args.seed, least_responses=args.least_responses)
    return train_models(responses, groups, command=_command(args), fitting=fitting)


def _command(args: argparse.Namespace) -> str:
    """What gives the same model again."""
    words = ["nextbeam", "train", *(("--run", args.run) if args.run else ("--data", args.data))]
    words += ["--plan", args.plan, "--kind", args.kind, "--seed", str(args.seed)]
    words += ["--least-responses", str(args.least_responses)]
    words += ["--slices", *args.slices] if args.slices else []
    return shlex.join(words)


def _write(
    args: argparse.Namespace,
    folder: Path,
    spec: "PlanSpec",
    table: "FeatureTable",
    report: "Report",
    about: str,
) -> None:
    """The model as deployed, read back and bound to the plan before its card is written."""
    from models.propensity.artifact import load, save  # noqa: PLC0415
    from models.propensity.card import card  # noqa: PLC0415
    from models.propensity.scorer import bind  # noqa: PLC0415

    trained = report.models[args.kind]
    save(trained.artifact, folder)
    bind(load(folder), spec, table.vector_columns)
    text = card(report, plan=spec.name, deployed=args.kind, source=about)
    (folder / "CARD.md").write_text(text, encoding="utf-8")
    if args.estimator:
        import joblib  # noqa: PLC0415  (only here: what is deployed holds no pickle)

        joblib.dump(trained.estimator, args.estimator, compress=3)


def _print(report: "Report", kind: str, folder: Path) -> None:
    print(
        f"{'':>12}{'responses':>12}{'rate':>9}{'predicted':>11}{'AUC':>8}{'log loss':>10}{'calibration':>13}"
    )
    rows = [
        ("rate only", report.rate_only),
        *((name, model.metrics) for name, model in report.models.items()),
    ]
    for name, m in rows:
        auc = "" if m.auc is None else f"{m.auc:.3f}"
        print(
            f"{name:>12}{m.responses:>12,}{m.rate:>9.2%}{m.predicted:>11.2%}{auc:>8}"
            f"{m.log_loss:>10.4f}{m.calibration_error:>13.2%}"
        )
    artifact = report.models["linear" if kind == "linear" else "trees"].artifact
    print(
        f"{len(artifact.manifest.actions)} actions trained, {len(report.untrained)} keep their starting propensity"
    )
    print(f"model {artifact.digest} ({kind}) is in {folder}; read {folder / 'CARD.md'} before it decides")


def main(argv: Sequence[str] | None = None) -> int:
    """The same as `nextbeam train`."""
    from pipelines.cli import main as nextbeam  # noqa: PLC0415

    return nextbeam(["train", *(sys.argv[1:] if argv is None else argv)])


if __name__ == "__main__":
    sys.exit(main())
